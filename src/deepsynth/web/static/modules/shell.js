/**
 * The frame around every screen: navigation, connection, messages.
 *
 * @import { VNode } from "../vendor/ui.js"
 */
import { h, html, useEffect, useRef, useState } from "../vendor/ui.js";
import { Button, Empty, Skeleton, Trouble } from "./elements.js";
import { connection } from "./events.js";
import { Icon, Mark } from "./icons.js";
import { link, route } from "./router.js";
import { dismiss, gaps, jobs, loadJobs, readOnly, toasts } from "./store.js";

const SECTIONS = /** @type {const} */ ([
  ["jobs", "Jobs", "jobs"],
  ["new", "New run", "add"],
  ["compare", "Compare", "compare"],
  ["datasets", "Datasets", "datasets"],
  ["models", "Models", "models"],
  ["playground", "Playground", "playground"],
  ["settings", "Settings", "settings"],
]);

/**
 * The screens by section; each is fetched when it is first shown.
 *
 * @type {Record<string, () => Promise<(props: {id: string | null}) => VNode<any>>>}
 */
const SCREENS = {
  jobs: async () => (await import("./jobs.js")).Jobs,
  run: async () => (await import("./run.js")).Run,
  new: async () => (await import("./new_run.js")).NewRun,
  compare: async () => (await import("./compare.js")).Compare,
  datasets: async () => (await import("./datasets.js")).Datasets,
  models: async () => (await import("./models.js")).Models,
  playground: async () => (await import("./playground.js")).Playground,
  settings: async () => (await import("./settings.js")).Settings,
};
/** @type {Map<string, (props: {id: string | null}) => VNode<any>>} */
const fetched = new Map();

/** @param {{section: string, id: string | null, onShown: () => void}} props */
function Screen({ section, id, onShown }) {
  const name = section === "jobs" && id ? "run" : section;
  const [, setRound] = useState(0);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const load = SCREENS[name];
  const fetch = () => {
    setError(null);
    load?.().then((found) => {
      fetched.set(name, found);
      setRound((count) => count + 1);
    }, setError);
  };
  useEffect(() => {
    if (!fetched.has(name)) fetch();
  }, [name]);
  const shown = fetched.get(name);
  useEffect(() => {
    if (shown || !load) onShown();
  }, [name, id, Boolean(shown)]);
  if (!load) {
    return h(Empty, { title: "There is no such page", action: html`<a class="button" href="#/jobs">Go to the jobs</a>` });
  }
  if (error) return h(Trouble, { error, again: fetch, title: "This screen could not be loaded" });
  return shown ? h(shown, { key: `${name} ${id ?? ""}`, id }) : h(Skeleton, { lines: 8, tall: true });
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

/** After a move to another screen its heading has the focus. */
function arrive() {
  scrollTo(0, 0);
  const heading = document.querySelector("main h1");
  if (heading instanceof HTMLElement) heading.focus({ preventScroll: true });
}

export function Shell() {
  const [open, setOpen] = useState(false);
  const path = route.value.path;
  const gap = gaps.value;
  useEffect(() => {
    loadJobs();
  }, [gap]);
  const moved = useRef(false);
  const onShown = () => {
    if (moved.current) arrive();
    moved.current = true;
  };
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
        ${h(Screen, { section: path[0], id: path[1] ?? null, onShown })}
      </main>
    </div>
    ${h(Toasts, {})}`;
}
