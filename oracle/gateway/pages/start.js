import { read, sign } from "/sign/sign.js";

const at = (id) => document.getElementById(id);
const say = (text) => {
  at("said").textContent = text;
};

try {
  const asked = read(location.search);
  at("what").textContent = asked.about;
  at("bounds").hidden = asked.action !== "increase";
  at("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    at("go").disabled = true;
    try {
      if (!window.ethereum) throw new Error("there is no wallet in this browser");
      const bounds = { deposit: at("deposit").value, days: at("days").value };
      say(await sign(asked, bounds, window.ethereum, location.origin, say));
    } catch (error) {
      say(error.message ?? String(error));
    } finally {
      at("go").disabled = false;
    }
  });
} catch (error) {
  say(error.message);
  at("form").hidden = true;
}
