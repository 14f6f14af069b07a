/**
 * Runs beside one another: their curves in one picture, what was set differently, what came out, what they wrote.
 *
 * @import * as T from "./types.js"
 * @import { Series, View } from "./curves.js"
 */
import { h, html, useEffect, useMemo, useState } from "../vendor/ui.js";
import * as api from "./api.js";
import { Charts, PLAIN_VIEW, useMetrics } from "./curves.js";
import { Button, Dialog, Empty, Head, Skeleton, StateBadge, Trouble, whenLoaded } from "./elements.js";
import { figure, words } from "./format.js";
import { useLoaded } from "./loading.js";
import { link, replaceQuery, route } from "./router.js";
import { Marked } from "./samples.js";
import { flatten, same, show } from "./settings_tree.js";
import { attempt, jobs, picked, remember } from "./store.js";

/** Follows the metrics of one run for the screen; it draws nothing. @param {{id: string, onSeries: (id: string, series: Series) => void}} props */
function Follower({ id, onSeries }) {
  const { series, error } = useMetrics(id);
  useEffect(() => {
    if (series || error) onSeries(id, series ?? {});
  }, [series, error]);
  return null;
}

/** @param {readonly T.Point[]} points */
const lastOf = (points) => points.findLast(([, value]) => value !== null)?.[1] ?? null;
/** @param {readonly T.Point[]} points */
const leastOf = (points) => points.reduce((least, [, value]) => (value !== null && (least === null || value < least) ? value : least), /** @type {number | null} */ (null));

/** @param {{runs: T.JobDetail[], rows: [string, (string | null)[]][], caption: string}} props */
function RunTable({ runs, rows, caption }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}>
    <table class="compare-table">
      <thead>
        <tr><th scope="col"><span class="unseen">What</span></th>${runs.map((run, index) => html`<th scope="col"><span class=${`swatch tone-${(index % 8) + 1}`} aria-hidden="true"></span>${run.name}</th>`)}</tr>
      </thead>
      <tbody>${rows.map(([name, values]) => html`<tr><th scope="row">${name}</th>${values.map((value) => html`<td>${value ?? "–"}</td>`)}</tr>`)}</tbody>
    </table>
  </div>`;
}

/** @param {{runs: T.JobDetail[]}} props */
function Differences({ runs }) {
  const [all, setAll] = useState(false);
  const flats = runs.map((run) => flatten(run.config));
  const names = [...new Set(flats.flatMap((flat) => Object.keys(flat)))];
  const different = names.filter((name) => !name.startsWith("output") && flats.some((flat) => !same(flat[name], flats[0][name])));
  const shown = all ? names : different;
  /** @type {[string, (string | null)[]][]} */
  const rows = shown.map((name) => [name, flats.map((flat) => (name in flat ? show(flat[name]) : null))]);
  return html`<section class="section">
    <div class="section-head">
      <h2>Settings</h2>
      <label class="check"><input type="checkbox" checked=${!all} onChange=${() => setAll(!all)} /><span>Only what differs</span></label>
    </div>
    ${shown.length
      ? h(RunTable, { runs, caption: "Settings of the runs", rows })
      : html`<p class="faint">They have the same settings; only the random seed or the order of the data could differ.</p>`}
  </section>`;
}

/** @param {{runs: T.JobDetail[], found: Record<string, Series>}} props */
function Outcomes({ runs, found }) {
  const names = [...new Set(runs.flatMap((run) => Object.keys(found[run.job_id] ?? {})))].filter((name) => !["step", "time", "epoch"].includes(name));
  /** @type {[string, (string | null)[]][]} */
  const rows = names.map((name) => [`${words(name)}, last`, runs.map((run) => figure(lastOf(found[run.job_id]?.[name] ?? [])))]);
  if (names.includes("evaluation_loss")) rows.unshift(["Evaluation loss, least", runs.map((run) => figure(leastOf(found[run.job_id]?.evaluation_loss ?? [])))]);
  return html`<section class="section">
    <h2>Outcomes</h2>
    ${rows.length ? h(RunTable, { runs, rows, caption: "Outcomes of the runs" }) : html`<p class="faint">No figures yet.</p>`}
  </section>`;
}

/** The latest sample of each document that several runs wrote about. @param {{runs: T.JobDetail[]}} props */
function SampleTable({ runs }) {
  const loaded = useLoaded(() => Promise.all(runs.map((run) => api.getSamples(run.job_id))), [runs.map((run) => run.job_id)]);
  return whenLoaded(loaded, (lists) => {
    const latest = lists.map((samples) => new Map(samples.map((sample) => [sample.id, sample])));
    const shared = [...(latest[0]?.keys() ?? [])].filter((id) => latest.filter((map) => map.has(id)).length > 1);
    if (!shared.length) return html`<p class="faint">There is no document that two of these runs wrote about.</p>`;
    return html`${shared.slice(0, 20).map((id) => {
      const reference = latest.map((map) => map.get(id)?.reference).find(Boolean) ?? "";
      return html`<article class="sample">
        <h3 class="sample-id">${id}</h3>
        <div class="side-by-side">
          <section class="part"><h4>Reference</h4><p class="reading">${reference || "None is known."}</p></section>
          ${runs.map(
            (run, index) => html`<section class="part strong">
              <h4><span class=${`swatch tone-${(index % 8) + 1}`} aria-hidden="true"></span>${run.name}</h4>
              <p class="reading">${h(Marked, { text: latest[index].get(id)?.prediction ?? "Not written.", other: reference })}</p>
            </section>`,
          )}
        </div>
      </article>`;
    })}`;
  });
}

/** @param {{runs: T.JobDetail[]}} props */
function Comparison({ runs }) {
  const [found, setFound] = useState(/** @type {Record<string, Series>} */ ({}));
  const [view, setView] = useState(/** @type {View} */ (PLAIN_VIEW));
  const drawn = useMemo(
    () => runs.filter((run) => found[run.job_id]).map((run) => ({ name: run.name, series: found[run.job_id] })),
    [runs, found],
  );
  return html`${runs.map((run) => h(Follower, { key: run.job_id, id: run.job_id, onSeries: (id, series) => setFound((old) => ({ ...old, [id]: series })) }))}
    ${drawn.length < runs.length
      ? h(Skeleton, { lines: 6, tall: true })
      : html`<section class="section"><h2>Curves</h2>${h(Charts, { runs: drawn, view, onView: setView })}</section>
          ${h(Outcomes, { runs, found })} ${h(Differences, { runs })}
          <section class="section"><h2>What they wrote</h2>${h(SampleTable, { runs })}</section>`}`;
}

/** @param {{ids: string[], onSaved: () => void, onClose: () => void}} props */
function SaveDialog({ ids, onSaved, onClose }) {
  const [name, setName] = useState("");
  const save = async () => {
    if (await attempt(() => api.saveComparison(name.trim(), ids, {}), "The comparison is saved.")) {
      onSaved();
      onClose();
    }
  };
  return h(Dialog, {
    title: "Save this comparison",
    onClose,
    children: html`<form
      onSubmit=${(/** @type {Event} */ event) => {
        event.preventDefault();
        if (name.trim()) save();
      }}
    >
      <label class="field"><span>Name</span><input value=${name} maxlength="80" autofocus onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
    </form>`,
    foot: h(Button, { look: "primary", disabled: !name.trim(), onClick: save, children: "Save" }),
  });
}

/** @param {{saved: T.Comparison[], again: () => void}} props */
function Saved({ saved, again }) {
  if (!saved.length) return null;
  return html`<section class="section">
    <h2>Saved comparisons</h2>
    <ul class="plain-list">
      ${saved.map(
        ({ name, jobs: ids }) => html`<li>
          <a href=${link(["compare"], { runs: ids.join(",") })}>${name}</a> <span class="faint">${ids.length} runs</span>
          ${h(Button, {
            look: "quiet",
            icon: "delete",
            label: `Delete the comparison ${name}`,
            onClick: async () => {
              if (await attempt(() => api.deleteComparison(name))) again();
            },
          })}
        </li>`,
      )}
    </ul>
  </section>`;
}

export function Compare() {
  const asked = (route.value.query.get("runs") ?? picked.value.join(",")).split(",").filter(Boolean);
  const [saving, setSaving] = useState(false);
  const loaded = useLoaded(async () => {
    const answers = await Promise.allSettled(asked.map((id) => api.getJob(id)));
    const runs = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    return { runs, missing: answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason] : [])) };
  }, [asked.join(",")]);
  const list = useLoaded(async () => {
    const found = (await api.getJobs({ limit: 200 })).jobs;
    remember(found);
    return found;
  }, []);
  const saved = useLoaded(api.getComparisons, []);
  const choose = (/** @type {string[]} */ ids) => {
    picked.value = ids;
    replaceQuery(ids.length ? { runs: ids.join(",") } : {});
  };
  const others = (list.value ?? []).filter((job) => (job.job_type === "training" || job.job_type === "evaluation") && !asked.includes(job.job_id));
  return html`${h(Head, {
      title: "Compare",
      lead: "Curves, settings, outcomes and words of several runs.",
      children: asked.length > 1 ? h(Button, { onClick: () => setSaving(true), children: "Save comparison" }) : null,
    })}
    ${loaded.value
      ? html`<div class="toolbar picks">
      ${(loaded.value?.runs ?? []).map(
        (run, index) => html`<span class="pick">
          <span class=${`swatch tone-${(index % 8) + 1}`} aria-hidden="true"></span>
          <a href=${link(["jobs", run.job_id])}>${run.name}</a>${h(StateBadge, { state: (jobs.value.get(run.job_id) ?? run).state })}
          ${h(Button, { look: "quiet", icon: "close", label: `Leave out ${run.name}`, onClick: () => choose(asked.filter((id) => id !== run.job_id)) })}
        </span>`,
      )}
      <label class="field inline"
        ><span>Add</span>
        <select value="" onChange=${(/** @type {any} */ event) => event.target.value && choose([...asked, event.target.value])}>
          <option value="">${others.length ? "Choose a run…" : "No further run"}</option>
          ${others.map((job) => html`<option value=${job.job_id}>${job.name}</option>`)}
        </select></label
      >
    </div>`
      : null}
    ${(loaded.value?.missing ?? []).map((error) => h(Trouble, { error, title: "One run cannot be shown" }))}
    ${asked.length === 0
      ? html`${h(Saved, { saved: saved.value ?? [], again: saved.again })}
        ${h(Empty, { title: "Choose runs to compare", children: "Tick them in the list of jobs, or add them above. The address of this page keeps the choice." })}`
      : whenLoaded(loaded, ({ runs }) => (runs.length ? h(Comparison, { key: asked.join(","), runs }) : null), h(Skeleton, { lines: 8, tall: true }))}
    ${saving ? h(SaveDialog, { ids: asked, onSaved: saved.again, onClose: () => setSaving(false) }) : null}`;
}
