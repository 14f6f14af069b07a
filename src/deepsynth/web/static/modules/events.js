/**
 * One event stream for the whole tab. It is closed while the tab is hidden, so that many open tabs leave connections free,
 * and after each gap the listeners are told to fetch again.
 */
import { signal } from "../vendor/ui.js";

/** @typedef {"job" | "deleted" | "progress" | "resync" | "hello"} EventName */

/** What the page may say about its connection: before the first answer it is `waiting`. */
export const connection = signal(/** @type {"waiting" | "live" | "lost"} */ ("waiting"));

/** @type {Map<EventName, Set<(data: any) => void>>} */
const listeners = new Map();
/** @type {EventSource | null} */
let stream = null;
let interrupted = false;

/**
 * Calls `listener` with the data of each such event; returns what stops it.
 *
 * @param {EventName} name
 * @param {(data: any) => void} listener
 */
export function listen(name, listener) {
  const known = listeners.get(name) ?? new Set();
  known.add(listener);
  listeners.set(name, known);
  return () => known.delete(listener);
}

/** @param {EventName} name @param {unknown} data */
function tell(name, data) {
  for (const listener of listeners.get(name) ?? []) listener(data);
}

function open() {
  stream = new EventSource("api/events");
  for (const name of /** @type {EventName[]} */ (["job", "deleted", "progress", "resync", "hello"])) {
    stream.addEventListener(name, (event) => tell(name, JSON.parse(event.data)));
  }
  stream.onopen = () => {
    connection.value = "live";
    if (interrupted) tell("resync", {});
    interrupted = false;
  };
  stream.onerror = () => {
    connection.value = "lost";
    interrupted = true;
    if (stream?.readyState === EventSource.CLOSED) later();
  };
}

function close() {
  stream?.close();
  stream = null;
  interrupted = true;
}

/** The browser gives up on an answer that is no stream (a proxy's error page); the page does not. */
function later() {
  close();
  setTimeout(() => {
    if (!document.hidden && !stream) open();
  }, 4000);
}

/** Opens the stream and follows the tab's visibility. */
export function start() {
  open();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!stream) open();
  });
  addEventListener("pagehide", close);
}
