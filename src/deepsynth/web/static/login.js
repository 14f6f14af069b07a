/** The login page: a one-time code behind the `#` logs in by itself; else the access token is asked for. */
import { applyTheme } from "./modules/theme.js";

applyTheme();
const form = /** @type {HTMLFormElement} */ (document.getElementById("login"));
const field = /** @type {HTMLInputElement} */ (document.getElementById("token"));
const message = /** @type {HTMLElement} */ (document.getElementById("message"));
const code = location.hash.slice(1);
if (code) history.replaceState(null, "", location.pathname + location.search);

/** @param {Record<string, string>} secret @param {string} refusal what to say when it is not accepted */
async function login(secret, refusal) {
  message.textContent = "";
  try {
    const answer = await fetch("api/login", {
      method: "POST",
      body: JSON.stringify(secret),
      headers: { "Content-Type": "application/json" },
    });
    if (answer.ok) return location.replace("./");
    const body = await answer.json().catch(() => null);
    message.textContent = answer.status === 401 ? refusal : (body?.detail ?? `The server answered ${answer.status}.`);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    message.textContent = "The server does not answer. Is it still running?";
  }
  form.hidden = false;
  field.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  login({ token: field.value }, "This is not the access token of this server.");
});
if (code) {
  form.hidden = true;
  login({ code }, "This login link was used before or is too old. Use the access token, or start the server anew.");
}
