/** The entry of the web application: starts the event stream and draws the shell. */
import { h, render } from "./vendor/ui.js";
import { start } from "./modules/events.js";
import { Shell } from "./modules/shell.js";
import { follow } from "./modules/store.js";
import { applyTheme } from "./modules/theme.js";

applyTheme();
follow();
start();
const root = document.getElementById("root");
if (!root) throw new Error("the page has no element #root");
root.replaceChildren();
render(h(Shell, {}), root);
