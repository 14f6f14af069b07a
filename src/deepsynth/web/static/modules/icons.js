/** Line icons on a 20-unit square, drawn for this application; decorative, so hidden from assistive technology. */
import { html } from "../vendor/ui.js";

/** @type {Record<string, string>} */
const PATHS = {
  jobs: "M4 5h12M4 10h12M4 15h7",
  add: "M10 4v12M4 10h12",
  compare: "M3 15l4-6 4 3 6-8M3 17h14",
  datasets: "M6 3h8l3 3v11H6zM3 6v13M9 9h5M9 12h5",
  models: "M10 3l7 4v6l-7 4-7-4V7zM3 7l7 4 7-4M10 11v6",
  playground: "M4 4h12v9H9l-4 4v-4H4zM7 8h6",
  settings: "M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4",
  menu: "M3 6h14M3 10h14M3 14h14",
  pause: "M7 5v10M13 5v10",
  resume: "M7 5l8 5-8 5z",
  cancel: "M6 6h8v8H6z",
  delete: "M4 6h12M8 6V4h4v2M6 6l1 11h6l1-11",
  close: "M5 5l10 10M15 5L5 15",
  copy: "M7 7h9v9H7zM13 7V4H4v9h3",
  check: "M4 10l4 4 8-9",
  download: "M10 4v9M6 9l4 4 4-4M4 16h12",
  up: "M10 15V5M6 9l4-4 4 4",
  down: "M10 5v10M6 11l4 4 4-4",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  branch: "M6 4v12M6 9c0 4 8 1 8-3M14 3v3M4 16h4",
  warning: "M10 3l8 14H2zM10 8v4M10 14.5v.5",
  pin: "M7 3h6l-1 6 3 3H5l3-3zM10 12v6",
  push: "M10 13V4M6 8l4-4 4 4M4 16h12",
  file: "M6 3h6l3 3v11H6zM12 3v3h3",
  edit: "M4 16l1-4 8-8 3 3-8 8z",
  clock: "M10 3a7 7 0 1 0 .01 0M10 6v4l3 2",
  stop: "M6 6h8v8H6z",
};

/** @param {{name: string}} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <path d=${PATHS[name] ?? PATHS.file} />
  </svg>`;
}

/** The mark: a page whose lines become a grid of visual tokens. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect x="3" y="2" width="26" height="28" rx="5" class="mark-page" />
    <path d="M8 9h16M8 13h16M8 17h6" class="mark-lines" />
    <path d="M18 17h2.5v2.5H18zM22 17h2.5v2.5H22zM18 21h2.5v2.5H18zM22 21h2.5v2.5H22z" class="mark-tokens" />
    <path d="M8 21h6M8 25h9" class="mark-lines" />
  </svg>`;
}
