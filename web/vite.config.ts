import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { docs } from "./plugins/docs.ts";
import { packed } from "./plugins/packed.ts";

/** Where the server that answers the API is, for `npm run dev`. */
const SERVER = process.env.ASSAY_SERVER ?? "http://127.0.0.1:28640";

export default defineConfig({
  base: "/app/",
  plugins: [svelte(), docs("../docs"), packed()],
  build: {
    target: "es2022",
    // Everything is a file of its own: the page's policy allows no data: addresses.
    assetsInlineLimit: 0,
    // A style attribute or inline script would be refused by the same policy.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: { proxy: { "/v1": SERVER, "/sign": SERVER } },
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
  },
});
