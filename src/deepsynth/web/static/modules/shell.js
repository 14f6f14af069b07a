/** The frame around every screen: navigation, connection, messages. */
import { h, html, useEffect, useRef, useState } from "../vendor/ui.js";
import { Compare } from "./compare.js";
import { Datasets } from "./datasets.js";
import { Button, Empty } from "./elements.js";
import { connection } from "./events.js";
import { Icon, Mark } from "./icons.js";
import { Jobs } from "./jobs.js";
import { Models } from "./models.js";
import { NewRun } from "./new_run.js";
import { Playground } from "./playground.js";
import { link, route } from "./router.js";
import { Run } from "./run.js";
import { Settings } from "./settings.js";
import { dismiss, jobs, readOnly, toasts } from "./store.js";

const SECTIONS = /** @type {const} */ ([
  ["jobs", "Jobs", "jobs"],
  ["new", "New run", "add"],
  ["compare", "Compare", "compare"],
  ["datasets", "Datasets", "datasets"],
  ["models", "Models", "models"],
  ["playground", "Playground", "playground"],
  ["settings", "Settings", "settings"],
]);

/** @param {string[]} path */
function screen([section, id]) {
  if (section === "jobs") return id ? h(Run, { key: id, id }) : h(Jobs, {});
  if (section === "new") return h(NewRun, {});
  if (section === "compare") return h(Compare, {});
  if (section === "datasets") return h(Datasets, { id: id ?? null });
  if (section === "models") return h(Models, { id: id ?? null });
  if (section === "playground") return h(Playground, {});
  if (section === "settings") return h(Settings, {});
  return h(Empty, { title: "There is no such page", action: html`<a class="button" href="#/jobs">Go to the jobs</a>` });
}

/** @param {{section: string, onChoose: () => void}} props */
function Navigation({ section, onChoose }) {
  const running = [...jobs.value.values()].filter((job) => job.state === "running").length;
  return html`<ul class="nav">
    ${SECTIONS.map(
      ([name, title, icon]) => html`<li>
        <a href=${link([name])} aria-current=${name === section ? "page" : undefined} onClick=${onChoose}>
          ${h(Icon, { name: icon })}<span>${title}</span>
          ${name === "jobs" && running
            ? html`<span class="nav-count" title=${`${running} running`}>${running}<span class="unseen"> running</span></span>`
            : null}
        </a>
      </li>`,
    )}
  </ul>`;
}

const CONNECTION = { waiting: "Connecting", live: "Live", lost: "Connection lost, trying again" };

function Status() {
  const state = connection.value;
  return html`<p class=${`connection ${state}`} role="status"><span class="dot" aria-hidden="true"></span>${CONNECTION[state]}</p>`;
}

function Toasts() {
  return html`<div class="toasts" role="region" aria-label="Messages" aria-live="polite">
    ${toasts.value.map(
      ({ id, text, bad }) => html`<div class=${`toast ${bad ? "bad" : ""}`} key=${id}>
        ${h(Icon, { name: bad ? "warning" : "check" })}
        <p>${text}</p>
        ${h(Button, { look: "quiet", icon: "close", label: "Dismiss", onClick: () => dismiss(id) })}
      </div>`,
    )}
  </div>`;
}

/** After a move to another screen its heading has the focus and the title of the tab is its name. @param {string} place */
function useArrival(place) {
  const first = useRef(true);
  useEffect(() => {
    const heading = document.querySelector("main h1");
    const name = SECTIONS.find(([section]) => section === place.split("/")[0])?.[1] ?? "DeepSynth";
    document.title = `${heading?.textContent?.trim() || name} · DeepSynth`;
    if (!first.current) {
      scrollTo(0, 0);
      if (heading instanceof HTMLElement) heading.focus({ preventScroll: true });
    }
    first.current = false;
  }, [place]);
}

export function Shell() {
  const [open, setOpen] = useState(false);
  const path = route.value.path;
  useArrival(path.join("/"));
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    document.getElementById("main")?.focus();
  };
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <div class="shell">
      <header class="side" onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && setOpen(false)}>
        <a class="brand" href="#/jobs">${h(Mark, {})}<span>DeepSynth</span></a>
        <button
          type="button"
          class="button quiet menu only-icon"
          aria-label="Menu"
          aria-expanded=${String(open)}
          aria-controls="nav"
          onClick=${() => setOpen(!open)}
        >
          ${h(Icon, { name: open ? "close" : "menu" })}
        </button>
        <nav id="nav" aria-label="Main" class=${open ? "open" : ""}>
          ${h(Navigation, { section: path[0], onChoose: () => setOpen(false) })} ${h(Status, {})}
        </nav>
      </header>
      <main id="main" tabindex="-1">
        ${readOnly.value
          ? html`<div class="notice warn">
              ${h(Icon, { name: "warning" })}
              <div>Another server works on this state folder. This one only shows what is there and changes nothing.</div>
            </div>`
          : null}
        ${screen(path)}
      </main>
    </div>
    ${h(Toasts, {})}`;
}
