/**
 * One job: its state and why, its curves, what it wrote, its log, settings, files and history.
 *
 * @import * as T from "./types.js"
 */
import { h, html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/ui.js";
import * as api from "./api.js";
import { Charts, PLAIN_VIEW, useMetrics } from "./curves.js";
import { Ago, Bar, Button, Copy, Dialog, Empty, Facts, Head, LIVE, Notice, Skeleton, StateBadge, Tabs, Trouble, saveText, whenLoaded } from "./elements.js";
import { listen } from "./events.js";
import { bytes, count, duration, elapsed, figure, moment, slotName, words } from "./format.js";
import { Icon } from "./icons.js";
import { JobActions } from "./job_actions.js";
import { progressWords, reasonWords } from "./jobs.js";
import { useInterval, useLoaded } from "./loading.js";
import { go, link, replaceQuery, route } from "./router.js";
import { Samples } from "./samples.js";
import { flatten, show } from "./settings_tree.js";
import { attempt, jobs, remember } from "./store.js";

/** What an end means, where the state alone does not say it. @type {Partial<Record<T.JobState, string>>} */
const MEANING = {
  queued: "It waits until a slot on its device is free.",
  pausing: "It finishes its step and saves a checkpoint; then its memory is free.",
  paused: "Nothing of it is running. Resume continues from the checkpoint, and the result equals that of a run without a break.",
  cancelling: "It is stopping; what it has written stays.",
  interrupted: "It ended without a report: it was killed, or the machine went down. Resume continues from the newest complete checkpoint.",
};

/** @param {{job: T.Job, onClose: () => void}} props */
function RenameDialog({ job, onClose }) {
  const [name, setName] = useState(job.name);
  const rename = async () => {
    if (await attempt(async () => remember([await api.renameJob(job.job_id, name.trim())]))) onClose();
  };
  return h(Dialog, {
    title: "Rename the job",
    onClose,
    children: html`<form
      id="rename"
      onSubmit=${(/** @type {Event} */ event) => {
        event.preventDefault();
        rename();
      }}
    >
      <label class="field"><span>Name</span><input value=${name} maxlength="120" autofocus onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
    </form>`,
    foot: h(Button, { look: "primary", disabled: !name.trim(), onClick: rename, children: "Rename" }),
  });
}

/** @param {{job: T.Job}} props */
function State({ job }) {
  const [, beat] = useState(0);
  useInterval(() => LIVE.has(job.state) && beat((count) => count + 1), 1000);
  const bad = job.state === "failed" || job.state === "interrupted";
  const words_ = reasonWords(job) || MEANING[job.state];
  const metrics = Object.entries(job.progress.metrics ?? {});
  const unfinished = job.progress.total && job.state !== "succeeded";
  return html`<section class=${`state-card ${bad ? "bad" : ""}`} aria-label="State">
    <div class="state-line">
      ${h(StateBadge, { state: job.state })}
      ${job.position === null ? null : html`<span>Place ${job.position} in the queue</span>`}
      ${job.attempt > 1 ? html`<span>Attempt ${job.attempt}${job.automatic_resumes ? `, ${job.automatic_resumes} resumed by itself` : ""}</span>` : null}
      ${job.started_at ? html`<span>${LIVE.has(job.state) ? "Running for" : "Took"} ${duration(elapsed(job.started_at, LIVE.has(job.state) ? null : (job.ended_at ?? job.updated_at)))}</span>` : null}
      ${job.resources.length ? html`<span>On ${[job.host, ...job.resources.map(slotName)].filter(Boolean).join(", ")}</span>` : null}
    </div>
    ${words_ ? html`<p class="reason" data-reason>${words_}</p>` : null}
    ${LIVE.has(job.state) || unfinished
      ? html`${h(Bar, { fraction: job.progress.fraction, label: "Progress", still: !LIVE.has(job.state) })}
          <p class="progress-words">${progressWords(job) || "No report yet."}</p>`
      : null}
    ${metrics.length
      ? html`<dl class="big-figures">
          ${metrics.map(([name, value]) => html`<div><dt>${words(name)}</dt><dd>${figure(value)}</dd></div>`)}
        </dl>`
      : null}
  </section>`;
}

/** @param {{id: string, live: boolean}} props */
function CurvesPanel({ id, live }) {
  const [view, setView] = useState(PLAIN_VIEW);
  const { series, error } = useMetrics(id);
  const machine = useMachine(id, live);
  if (error && !series) return h(Trouble, { error });
  if (!series) return h(Skeleton, { lines: 8, tall: true });
  if (!Object.keys(series).length && !machine.length) {
    return h(Empty, { title: "No figures yet", children: live ? "The first ones come after a few steps." : "This job has reported none." });
  }
  return h(Charts, { runs: [{ name: "", series }], view, onView: setView, more: machine });
}

/** The memory and the processor time of a job's processes, as charts. @param {string} id @param {boolean} live */
function useMachine(id, live) {
  const [points, setPoints] = useState(/** @type {T.SystemPoint[]} */ ([]));
  const next = useRef(0);
  const load = async () => {
    const after = next.current;
    const answer = await api.getSystemPoints(id, after).catch(() => null);
    if (!answer || next.current !== after) return;
    next.current = answer.next;
    if (answer.points.length) setPoints((old) => [...old, ...answer.points]);
  };
  useEffect(() => {
    load();
  }, [id, live]);
  useInterval(() => live && load(), 5000);
  /** @param {string} title @param {keyof T.SystemPoint} field @param {number} tone */
  const chart = (title, field, tone) => ({
    title,
    across: "Seconds",
    curves: [{ name: title, tone, points: /** @type {T.Point[]} */ (points.filter((point) => point[field] !== null).map((point) => [point.seconds, point[field]])) }],
  });
  return [chart("Memory, MiB", "memory_mib", 2), chart("Processor, %", "cpu_percent", 3), chart("GPU memory, MiB", "gpu_memory_mib", 4)].filter(
    (item) => item.curves[0].points.length > 1,
  );
}

const LOG_WINDOW = 65536;

/** @param {{id: string, live: boolean, name: string}} props */
function LogPanel({ id, live, name }) {
  const [state, setState] = useState({ text: "", start: 0, next: 0, size: 0, loaded: false });
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [follow, setFollow] = useState(true);
  const [find, setFind] = useState("");
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const asking = useRef(false);
  const latest = useRef(state);
  latest.current = state;
  const more = async () => {
    if (asking.current) return;
    asking.current = true;
    try {
      const known = latest.current;
      const part = await api.getLogs(id, known.loaded ? known.next : -LOG_WINDOW, LOG_WINDOW);
      setError(null);
      setState({
        text: (known.loaded ? known.text : "") + part.text,
        start: known.loaded ? known.start : part.offset,
        next: part.next_offset,
        size: part.size,
        loaded: true,
      });
    } catch (problem) {
      setError(problem);
    } finally {
      asking.current = false;
    }
  };
  const earlier = async () => {
    const from = Math.max(0, state.start - LOG_WINDOW);
    const part = await api.getLogs(id, from, state.start - from);
    setState((old) => ({ ...old, text: part.text + old.text, start: part.offset }));
  };
  useEffect(() => {
    more();
    return listen("progress", (data) => data.job_id === id && data.log_size !== latest.current.size && more());
  }, [id, live]);
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [state.text, follow, find]);
  if (error && !state.loaded) return h(Trouble, { error, again: more });
  if (!state.loaded) return h(Skeleton, { lines: 8, tall: true });
  if (!state.text) return h(Empty, { title: "The log is empty", children: live ? "Lines appear as soon as the job writes some." : "This job wrote no line." });
  const lines = state.text.split("\n");
  const shown = find ? lines.filter((line) => line.toLowerCase().includes(find.toLowerCase())) : lines;
  return html`<div class="toolbar">
      <label class="field inline grow"><span>Find</span><input type="search" value=${find} onInput=${(/** @type {any} */ event) => setFind(event.target.value)} /></label>
      <label class="check"><input type="checkbox" checked=${follow} onChange=${() => setFollow(!follow)} /><span>Follow the end</span></label>
      ${h(Button, { look: "quiet", icon: "download", onClick: () => saveText(`${name}.log`, state.text), children: "Save what is shown" })}
    </div>
    ${state.start > 0 ? html`<p>${h(Button, { onClick: () => attempt(earlier), children: "Show earlier lines" })}</p>` : null}
    <pre class="log" ref=${box} tabindex="0" role="log" aria-label="Log" aria-live="off">${shown.join("\n")}</pre>
    <p class="faint">${find ? `${count(shown.length)} of ${count(lines.length)} lines. ` : ""}${bytes(state.size)} in all.</p>`;
}

/** @param {{detail: T.JobDetail}} props */
function SettingsPanel({ detail }) {
  const [find, setFind] = useState("");
  const flat = Object.entries(flatten(detail.config)).filter(([name]) => name.includes(find.toLowerCase()));
  return html`<section class="section">
      <h2>The same from the command line</h2>
      <pre class="code" tabindex="0" aria-label="Equal command line">${detail.cli}</pre>
      <div class="actions">
        ${h(Copy, { text: detail.cli, label: "Copy the command" })} ${h(Copy, { text: detail.yaml, label: "Copy as YAML" })}
        ${h(Button, { look: "quiet", icon: "download", onClick: () => saveText(`${detail.name}.yaml`, detail.yaml), children: "Download YAML" })}
      </div>
    </section>
    <section class="section">
      <div class="section-head">
        <h2>All settings of this run</h2>
        <label class="field inline"><span>Find</span><input type="search" value=${find} onInput=${(/** @type {any} */ event) => setFind(event.target.value)} /></label>
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label="Settings">
        <table class="settings-table">
          <thead><tr><th scope="col">Setting</th><th scope="col">Value</th></tr></thead>
          <tbody>${flat.map(([name, value]) => html`<tr><th scope="row"><code>${name}</code></th><td>${show(value)}</td></tr>`)}</tbody>
        </table>
      </div>
    </section>`;
}

/** @param {{id: string, state: string, folder: string | null}} props */
function FilesPanel({ id, state, folder }) {
  const loaded = useLoaded(() => api.getFiles(id), [id, state]);
  return whenLoaded(loaded, ({ files, truncated }) => {
    if (!files.length) return h(Empty, { title: "No files yet", children: "What the job writes can be downloaded here." });
    const total = files.reduce((sum, file) => sum + file.bytes, 0);
    return html`${folder ? h(Facts, { facts: [["Folder", html`<code>${folder}</code>`]] }) : null}
      <p class="faint">${count(files.length)} files, ${bytes(total)}${truncated ? "; the list is cut" : ""}</p>
      <ul class="files">
        ${files.map(
          (file) => html`<li>
            ${h(Icon, { name: "file" })}
            <a href=${api.fileAddress(id, file.id)} download=${file.path.split("/").pop()}>${file.path}</a>
            <span class="number faint">${bytes(file.bytes)}</span>
          </li>`,
        )}
      </ul>`;
  });
}

/** @param {{id: string, state: string}} props */
function HistoryPanel({ id, state }) {
  const loaded = useLoaded(() => api.getHistory(id), [id, state]);
  return whenLoaded(
    loaded,
    (events) => html`<ol class="history">
      ${events.map(
        (event) => html`<li>
          ${h(StateBadge, { state: event.state })}
          <span class="faint">${moment(event.at)}${event.attempt > 1 ? `, attempt ${event.attempt}` : ""}</span>
          ${event.reason ? html`<p>${event.reason}</p>` : null}
        </li>`,
      )}
    </ol>`,
  );
}

/** @param {{id: string, job: T.Job}} props */
function SamplesPanel({ id, job }) {
  const loaded = useLoaded(() => api.getSamples(id), [id, job.state]);
  const size = useRef(-1);
  useEffect(
    () =>
      listen("progress", (data) => {
        if (data.job_id !== id || data.metrics_size === size.current) return;
        size.current = data.metrics_size;
        loaded.again();
      }),
    [id],
  );
  return whenLoaded(loaded, (samples) => h(Samples, { samples, kind: job.job_type }));
}

/** What scores are called where their name says it badly. @type {Record<string, string>} */
const SCORES = { rouge1: "ROUGE-1", rouge2: "ROUGE-2", rougeL: "ROUGE-L", rougeLsum: "ROUGE-Lsum", chrf: "chrF", bleu: "BLEU" };

/** @param {number | undefined} value */
const tenth = (value) => (value === undefined ? "–" : value.toFixed(1));

/** @typedef {{mean: number, low?: number, high?: number, n?: number}} Score */

/** The scores of an evaluation: systems against metrics, with their intervals. @param {{id: string}} props */
function ReportPanel({ id }) {
  const loaded = useLoaded(() => api.getReport(id), [id]);
  return whenLoaded(loaded, (report) => {
    const scores = /** @type {Record<string, Record<string, Score>>} */ (report.scores ?? {});
    const systems = Object.keys(scores);
    const metrics = [...new Set(systems.flatMap((name) => Object.keys(scores[name])))];
    if (!systems.length) return html`<pre class="code" tabindex="0" aria-label="Report">${JSON.stringify(report, null, 2)}</pre>`;
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Scores">
        <table class="scores">
          <thead><tr><th scope="col">System</th>${metrics.map((name) => html`<th scope="col">${SCORES[name] ?? words(name)}</th>`)}</tr></thead>
          <tbody>
            ${systems.map(
              (name) => html`<tr>
                <th scope="row">${name}</th>
                ${metrics.map((metric) => {
                  const score = scores[name][metric];
                  return html`<td>${tenth(score?.mean)}${score?.low === undefined ? null : html`<br /><small class="faint">${tenth(score.low)}–${tenth(score.high)}</small>`}</td>`;
                })}
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <p class="faint">Means over the documents with their 95 % intervals. The whole report, with every page, can be downloaded above.</p>`;
  });
}

/** @param {string} kind */
function tabsOf(kind) {
  const tabs = [];
  if (kind === "evaluation") tabs.push({ id: "report", title: "Report" });
  if (kind === "training") tabs.push({ id: "curves", title: "Curves" });
  if (kind === "training" || kind === "evaluation") tabs.push({ id: "samples", title: "Samples" });
  tabs.push({ id: "log", title: "Log" });
  if (kind !== "training") tabs.push({ id: "curves", title: "Machine" });
  return [...tabs, { id: "settings", title: "Settings" }, { id: "files", title: "Files" }, { id: "history", title: "History" }];
}

/** The dataset that a job has written. @param {{job: T.Job}} props */
function WrittenDataset({ job }) {
  const loaded = useLoaded(api.getDatasets, [job.job_id, job.state]);
  const dataset = loaded.value?.find((item) => item.job_id === job.job_id && item.whole);
  return dataset ? html`<a class="button primary" href=${link(["datasets", dataset.id])}>Open the dataset</a>` : null;
}

const REPORTS = ["report.html", "frontier.html"];

/** The report of an evaluation or a frontier: one file for any browser. @param {{job: T.Job}} props */
function WrittenReport({ job }) {
  const loaded = useLoaded(() => api.getFiles(job.job_id), [job.job_id, job.state]);
  const report = loaded.value?.files.find((file) => REPORTS.includes(file.path));
  return report
    ? html`<a class="button primary" href=${api.fileAddress(job.job_id, report.id)} download=${report.path}>${h(Icon, { name: "download" })}Download the report</a>`
    : null;
}

/** What can be made of a job that has written something. @param {{job: T.Job}} props */
function Next({ job }) {
  const branch = job.job_type === "training" && job.model_output_path;
  return html`${branch ? html`<a class="button" href=${link(["models"], { job: job.job_id })}>${h(Icon, { name: "models" })}Its checkpoints</a>` : null}
    ${job.job_type === "dataset" && job.state === "succeeded" ? h(WrittenDataset, { job }) : null}
    ${["evaluation", "frontier"].includes(job.job_type) && job.state === "succeeded" ? h(WrittenReport, { job }) : null}
    <a class="button" href=${link(["new"], { from: job.job_id })}>${h(Icon, { name: "copy" })}Run again with changes</a>`;
}

/** What a job said at its end; of a training, whose curves say more, on wish. @param {{job: T.Job, text: string}} props */
function Result({ job, text }) {
  const said = html`<pre class="code result" tabindex="0" aria-label="Result">${text}</pre>`;
  return job.job_type === "training"
    ? html`<details class="as-table"><summary>Result</summary>${said}</details>`
    : html`<section class="section"><h2>Result</h2>${said}</section>`;
}

/** @param {{id: string | null}} props */
export function Run({ id: asked }) {
  const id = asked ?? "";
  const [renaming, setRenaming] = useState(false);
  const loaded = useLoaded(async () => {
    const found = await api.getJob(id);
    remember([found]);
    return found;
  }, [id]);
  const known = useRef(false);
  const listed = jobs.value.get(id);
  known.current ||= Boolean(listed);
  const job = listed ?? loaded.value;
  if (known.current && !listed) {
    return html`${h(Head, { title: job?.name ?? "Job" })}${h(Empty, { title: "This job is deleted", action: html`<a class="button" href="#/jobs">Go to the jobs</a>` })}`;
  }
  if (!job || !loaded.value) {
    return html`${h(Head, { title: job?.name ?? "Job" })}${loaded.error ? h(Trouble, { error: loaded.error, again: loaded.again, title: "This job cannot be shown" }) : h(Skeleton, { lines: 8, tall: true })}`;
  }
  const live = LIVE.has(job.state);
  const tabs = tabsOf(job.job_type);
  const wanted = route.value.query.get("tab");
  const tab = tabs.find((item) => item.id === wanted)?.id ?? tabs[0].id;
  const parent = job.parent ? jobs.value.get(job.parent) : null;
  return html`${h(Head, {
      above: html`<a href="#/jobs">Jobs</a> <span aria-hidden="true">/</span> ${words(job.job_type)}`,
      title: job.name,
      lead: html`<code>${job.job_id}</code> · made ${h(Ago, { at: job.created_at })}
        ${job.parent ? html` · from <a href=${link(["jobs", job.parent])}>${parent?.name ?? job.parent}</a>` : null}
        ${h(Button, { look: "quiet", icon: "edit", label: "Rename the job", onClick: () => setRenaming(true) })}`,
      children: html`${h(JobActions, { job, onDeleted: () => go(["jobs"]) })} ${h(Next, { job })}`,
    })}
    ${h(State, { job })}
    ${job.result?.text ? h(Result, { job, text: job.result.text }) : null}
    ${job.hf_dataset_repo ? h(Notice, { children: html`On the Hub as <code>${job.hf_dataset_repo}</code>` }) : null}
    ${h(Tabs, {
      label: "About this job",
      tabs,
      chosen: tab,
      onChoose: (next) => replaceQuery({ tab: next }),
      children:
        tab === "curves"
          ? h(CurvesPanel, { id, live })
          : tab === "samples"
            ? h(SamplesPanel, { id, job })
            : tab === "log"
              ? h(LogPanel, { id, live, name: job.name })
              : tab === "settings"
                ? h(SettingsPanel, { detail: loaded.value })
                : tab === "files"
                  ? h(FilesPanel, { id, state: job.state, folder: job.output_path })
                  : tab === "report"
                    ? h(ReportPanel, { key: job.state, id })
                    : h(HistoryPanel, { id, state: `${job.state}${job.attempt}` }),
    })}
    ${renaming ? h(RenameDialog, { job, onClose: () => setRenaming(false) }) : null}`;
}
