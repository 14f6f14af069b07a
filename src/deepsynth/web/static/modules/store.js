/**
 * What several screens share: the jobs seen so far, the server's description, the messages at the edge of the screen.
 *
 * @import * as T from "./types.js"
 */
import { signal } from "../vendor/ui.js";
import * as api from "./api.js";
import { listen } from "./events.js";

/** Every job that the page has heard of, by id. */
export const jobs = signal(/** @type {ReadonlyMap<string, T.Job>} */ (new Map()));
export const system = signal(/** @type {T.SystemInfo | null} */ (null));
export const readOnly = signal(false);
/** Counts the gaps in the event stream; screens that hold fetched data fetch again when it changes. */
export const gaps = signal(0);
/** Jobs ticked for comparison, kept while the page is open. */
export const picked = signal(/** @type {readonly string[]} */ ([]));

/**
 * Takes in what the server says of jobs. The answer to a request may come after the event that overtook it, so what is older
 * than what is known counts for nothing; a job's `updated_at` grows with each of its moves.
 *
 * @param {T.Job[]} found
 */
export function remember(found) {
  const known = new Map(jobs.peek());
  for (const job of found) {
    if ((known.get(job.job_id)?.updated_at ?? "") <= job.updated_at) known.set(job.job_id, job);
  }
  jobs.value = known;
}

/** What of the list of jobs was fetched: its end, its length, or why not. */
export const listing = signal(
  /** @type {{next: string | null, total: number, error: unknown, loaded: boolean}} */ ({ next: null, total: 0, error: null, loaded: false }),
);

/** Fetches the newest jobs, or those after `cursor`. @param {string} [cursor] */
export async function loadJobs(cursor = "") {
  try {
    const answer = await api.getJobs({ limit: 100, cursor });
    remember(answer.jobs);
    listing.value = { next: answer.next, total: answer.total, error: null, loaded: true };
  } catch (error) {
    listing.value = { ...listing.peek(), error };
  }
}

/** @param {string} id */
function forget(id) {
  const known = new Map(jobs.peek());
  known.delete(id);
  jobs.value = known;
  picked.value = picked.peek().filter((item) => item !== id);
}

/** Deletes a job and what the page knows of it. @param {string} id @param {boolean} artifacts */
export async function removeJob(id, artifacts) {
  const answer = await api.deleteJob(id, artifacts);
  forget(id);
  return answer.message;
}

/** @param {string} id */
export function togglePicked(id) {
  const now = picked.peek();
  picked.value = now.includes(id) ? now.filter((item) => item !== id) : [...now, id];
}

/** Follows the event stream from the start of the page. */
export function follow() {
  listen("job", (job) => remember([job]));
  listen("deleted", ({ job_id }) => forget(job_id));
  listen("hello", (data) => {
    readOnly.value = Boolean(data.read_only);
  });
  listen("resync", () => {
    gaps.value += 1;
  });
  listen("progress", ({ job_id, attempt, progress }) => {
    const job = jobs.peek().get(job_id);
    if (job && job.attempt === attempt) remember([{ ...job, progress, metrics: progress.metrics ?? job.metrics }]);
  });
}

export async function loadSystem() {
  system.value = await api.getSystem();
  readOnly.value = system.value.read_only;
}

/** @typedef {{id: number, text: string, bad: boolean}} Toast */
export const toasts = signal(/** @type {readonly Toast[]} */ ([]));
let lastToast = 0;

/** @param {number} id */
export function dismiss(id) {
  toasts.value = toasts.peek().filter((item) => item.id !== id);
}

/** Says a sentence at the edge of the screen; bad news stays until it is read. @param {string} text @param {boolean} [bad] */
export function say(text, bad = false) {
  const id = ++lastToast;
  toasts.value = [...toasts.peek(), { id, text, bad }];
  if (!bad) setTimeout(() => dismiss(id), 6000);
}

/**
 * Does something that may be refused; a refusal is said, and the promise gives whether it went well.
 *
 * @param {() => Promise<unknown>} act
 * @param {string} [done] what to say afterwards
 */
export async function attempt(act, done) {
  try {
    await act();
    if (done) say(done);
    return true;
  } catch (error) {
    say(api.explain(error), true);
    return false;
  }
}
