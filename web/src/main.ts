import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/source-serif-4/wght.css";
import "uplot/dist/uPlot.min.css";
import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { connect } from "./lib/live.svelte";
import { start } from "./router.svelte";

start();
connect();
mount(App, { target: document.getElementById("app")! });
