/**
 * The jobs: what waits in its order, what runs, what is over.
 *
 * @import * as T from "./types.js"
 */
import { h, html } from "../vendor/ui.js";
import * as api from "./api.js";
import { Ago, Bar, Button, Empty, Head, Segments, Skeleton, StateBadge, Trouble, LIVE } from "./elements.js";
import { count, duration, elapsed, figure, plural, words } from "./format.js";
import { JobActions } from "./job_actions.js";
import { link, replaceQuery, route } from "./router.js";
import { attempt, jobs, listing, loadJobs, picked, remember, togglePicked } from "./store.js";

const FILTERS = [
  { value: "all", title: "All" },
  { value: "active", title: "Active" },
  { value: "paused", title: "Paused" },
  { value: "done", title: "Done" },
  { value: "trouble", title: "Trouble" },
];
/** @type {Record<string, readonly T.JobState[]>} */
const STATES_OF = {
  active: ["queued", "starting", "running", "pausing", "cancelling"],
  paused: ["paused"],
  done: ["succeeded", "cancelled"],
  trouble: ["failed", "interrupted"],
};

/** How far a job is, in words. @param {T.Job} job */
export function progressWords({ progress, state }) {
  const { done, total, per_second: rate, seconds_left: left, message } = progress;
  if (!total) return message || (done ? `${count(done)} done` : "");
  const parts = [`${count(done ?? 0)} of ${count(total)}${unit(message)}`];
  if (LIVE.has(state) && rate) parts.push(rate >= 1 ? `${figure(rate)} per second` : `${figure(1 / rate)} s each`);
  if (LIVE.has(state) && left) parts.push(`${duration(left)} left`);
  return parts.join(" · ");
}

/** Why a job is where it is; what the command line is told to do next does not fit a page with buttons. @param {T.Job} job */
export function reasonWords({ reason, state }) {
  return state === "paused" ? reason.replace(/; run the same command again to go on$/, "") : reason;
}

/** @param {string | undefined} message */
function unit(message) {
  return message === "training" ? " steps" : "";
}

/** @param {{job: T.Job, ends: {first: boolean, last: boolean} | null, onMove: (by: number) => void}} props */
function JobRow({ job, ends, onMove }) {
  const live = LIVE.has(job.state);
  const loss = job.progress.metrics?.loss ?? job.metrics?.loss;
  const comparable = job.job_type === "training" || job.job_type === "evaluation";
  return html`<li class="job" data-job=${job.job_id}>
    <div class="job-pick">
      ${comparable
        ? html`<input
            type="checkbox"
            aria-label=${`Compare ${job.name}`}
            checked=${picked.value.includes(job.job_id)}
            onChange=${() => togglePicked(job.job_id)}
          />`
        : null}
    </div>
    <div class="job-main">
      <h2><a href=${link(["jobs", job.job_id])}>${job.name}</a></h2>
      <p class="job-about">
        <span>${words(job.job_type)}</span>
        ${job.position !== null ? html`<span>Place ${job.position} in the queue</span>` : null}
        ${job.attempt > 1 ? html`<span>Attempt ${job.attempt}</span>` : null}
        <span>${job.ended_at ? html`Ended ${h(Ago, { at: job.ended_at })}` : html`Made ${h(Ago, { at: job.created_at })}`}</span>
        ${job.started_at && job.ended_at ? html`<span>Took ${duration(elapsed(job.started_at, job.ended_at))}</span>` : null}
      </p>
      ${job.reason ? html`<p class=${`reason ${STATES_OF.trouble.includes(job.state) ? "bad" : ""}`}>${reasonWords(job)}</p>` : null}
    </div>
    <div class="job-state">
      ${h(StateBadge, { state: job.state })}
      ${loss === null || loss === undefined ? null : html`<span class="number" title="Loss">loss ${figure(loss)}</span>`}
    </div>
    <div class="job-progress">
      ${live || job.state === "paused"
        ? html`${h(Bar, { fraction: job.progress.fraction, label: `Progress of ${job.name}`, still: job.state === "paused" })}
            <p>${progressWords(job)}</p>`
        : null}
    </div>
    <div class="job-actions">
      ${ends
        ? html`${h(Button, { look: "quiet", icon: "up", label: `Move ${job.name} forward in the queue`, disabled: ends.first, onClick: () => onMove(-1) })}
          ${h(Button, { look: "quiet", icon: "down", label: `Move ${job.name} back in the queue`, disabled: ends.last, onClick: () => onMove(1) })}`
        : null}
      ${h(JobActions, { job, compact: true })}
    </div>
  </li>`;
}

/** Jobs in the order of the list: alive, then waiting by their place, then the rest with the newest first. @param {T.Job[]} found */
function sorted(found) {
  const rank = (/** @type {T.Job} */ job) => (LIVE.has(job.state) ? 0 : job.state === "queued" ? 1 : 2);
  return found.sort(
    (left, right) =>
      rank(left) - rank(right) ||
      (left.position ?? 0) - (right.position ?? 0) ||
      right.created_at.localeCompare(left.created_at),
  );
}

export function Jobs() {
  const list = listing.value;
  const filter = route.value.query.get("show") ?? "all";
  const kind = route.value.query.get("kind") ?? "";
  const search = route.value.query.get("find") ?? "";
  const narrow = (/** @type {Record<string, string>} */ change) => {
    const all = { show: filter, kind, find: search, ...change };
    replaceQuery(Object.fromEntries(Object.entries(all).filter(([, value]) => value && value !== "all")));
  };
  const known = [...jobs.value.values()];
  const kinds = [...new Set(known.map((job) => job.job_type))].sort();
  const wanted = search.toLowerCase();
  const shown = sorted(
    known.filter(
      (job) =>
        (filter === "all" || STATES_OF[filter]?.includes(job.state)) &&
        (!kind || job.job_type === kind) &&
        (!wanted || `${job.name} ${job.job_id} ${job.reason}`.toLowerCase().includes(wanted)),
    ),
  );
  const queue = sorted(known.filter((job) => job.state === "queued")).map((job) => job.job_id);
  const move = (/** @type {string} */ id, /** @type {number} */ by) => {
    const order = [...queue];
    const from = order.indexOf(id);
    order.splice(from + by, 0, ...order.splice(from, 1));
    return attempt(async () => remember((await api.orderQueue(order)).jobs));
  };
  const chosen = picked.value;
  return html`${h(Head, {
      title: "Jobs",
      lead: list.loaded && known.length ? summary(known) : "Everything that runs here, has run, or waits for its turn.",
      children: html`<a class="button primary" href="#/new">New run</a>`,
    })}
    ${list.error ? h(Trouble, { error: list.error, again: () => loadJobs() }) : null}
    ${!list.loaded && !known.length
      ? list.error
        ? null
        : h(Skeleton, { lines: 6, tall: true })
      : known.length === 0
        ? h(Empty, {
            title: "No jobs yet",
            children: "Start one here, or use the command line: each form shows the command that does the same.",
            action: html`<a class="button primary" href="#/new">New run</a><a class="button" href="#/playground">Try a model</a>`,
          })
        : html`<div class="toolbar">
              ${h(Segments, { legend: "Show", options: FILTERS, chosen: filter, onChoose: (show) => narrow({ show }) })}
              <label class="field inline"
                ><span>Kind</span>
                <select value=${kind} onChange=${(/** @type {any} */ event) => narrow({ kind: event.target.value })}>
                  <option value="">All kinds</option>
                  ${kinds.map((name) => html`<option value=${name}>${words(name)}</option>`)}
                </select></label
              >
              <label class="field inline grow"
                ><span>Find</span>
                <input type="search" value=${search} placeholder="Name, id or reason" onInput=${(/** @type {any} */ event) => narrow({ find: event.target.value })} />
              </label>
            </div>
            ${shown.length
              ? html`<ul class="job-list" aria-label="Jobs">
                  ${shown.map((job) => {
                    const place = queue.indexOf(job.job_id);
                    const ends = queue.length > 1 && place >= 0 ? { first: place === 0, last: place === queue.length - 1 } : null;
                    return h(JobRow, { key: job.job_id, job, ends, onMove: (by) => move(job.job_id, by) });
                  })}
                </ul>`
              : html`<p class="faint centered">No job fits. <button type="button" class="as-link" onClick=${() => replaceQuery({})}>Show all</button></p>`}
            ${list.next && known.length < list.total
              ? html`<p class="centered">${h(Button, { onClick: () => loadJobs(list.next ?? ""), children: `Show older jobs (${count(list.total - known.length)} more)` })}</p>`
              : null}`}
    ${chosen.length
      ? html`<div class="tray" role="region" aria-label="Chosen for comparison">
          <span>${plural(chosen.length, "run")} chosen</span>
          <button type="button" class="as-link" onClick=${() => (picked.value = [])}>Clear</button>
          <a class="button primary" href=${link(["compare"], { runs: chosen.join(",") })}>Compare</a>
        </div>`
      : null}`;
}

/** @param {T.Job[]} known */
function summary(known) {
  const number = (/** @type {readonly T.JobState[]} */ states) => known.filter((job) => states.includes(job.state)).length;
  const parts = [
    [number(["starting", "running", "pausing", "cancelling"]), "running"],
    [number(["queued"]), "waiting"],
    [number(["paused"]), "paused"],
    [number(STATES_OF.trouble), "in trouble"],
    [number(["succeeded"]), "done"],
  ];
  return parts.filter(([many]) => many).map(([many, word]) => `${many} ${word}`).join(" · ");
}
