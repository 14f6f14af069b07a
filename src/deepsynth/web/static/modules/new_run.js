/**
 * A new run: what to do, a preset, what it reads, every setting; beside it what it will need and the equal command.
 *
 * @import * as T from "./types.js"
 * @import { FormState } from "./form.js"
 */
import { h, html, useEffect, useMemo, useRef, useState } from "../vendor/ui.js";
import * as api from "./api.js";
import { Button, Copy, Head, Notice, Segments, Skeleton, Trouble, saveText, whenLoaded } from "./elements.js";
import { AllSettings, Field, current, fieldAt } from "./form.js";
import { bytes, duration, plural, words } from "./format.js";
import { Icon } from "./icons.js";
import { useLoaded } from "./loading.js";
import { datasetName, modelName } from "./names.js";
import { go, route } from "./router.js";
import { difference, merge, show, flatten } from "./settings_tree.js";
import { attempt, remember } from "./store.js";

/** @type {Record<string, {title: string, about: string}>} */
const KINDS = {
  dataset: { title: "Prepare a dataset", about: "Documents and summaries become pages" },
  training: { title: "Train", about: "A model learns to summarize pages" },
  evaluation: { title: "Evaluate", about: "Scores beside honest baselines" },
  frontier: { title: "Frontier", about: "Quality against visual tokens" },
  export: { title: "Export", about: "A checkpoint in a layout for others" },
  push: { title: "Push", about: "A dataset to the Hub" },
};
/** Settings shown first, by kind; the others stand below. */
const FIRST = new Map([
  ["training", ["data.path", "model", "num_epochs", "max_steps", "batch_size", "optimizer.learning_rate", "eval_interval", "eval_samples"]],
  ["dataset", ["source", "reading.limit", "reading.language", "cleaning.cut_chars", "rendering.mode", "pages"]],
  ["evaluation", ["model", "data", "split", "limit"]],
  ["frontier", ["model", "data", "split", "modes", "pages", "documents"]],
  ["export", ["checkpoint", "layout"]],
  ["push", ["folder", "repo", "public"]],
]);

/** @param {T.Kind} kind */
function firstOf(kind) {
  const wanted = FIRST.get(kind.kind) ?? Object.keys(kind.references);
  return wanted.filter((path) => fieldAt(kind, path));
}

/** What references may lead to, from the lists of the server. @param {T.Dataset[]} datasets @param {T.Model[]} models */
function choicesOf(datasets, models) {
  const model = models.filter((item) => item.whole).map((item) => ({ value: item.reference, title: item.kind === "built-in" ? `${item.name} (built-in)` : modelName(item) }));
  const dataset = datasets
    .filter((item) => item.whole)
    .map((item) => ({ value: `dataset:${item.id}`, title: `${datasetName(item)} (${plural(item.rows, "row")})` }));
  const source = ["packages", "debian", "man"].map((name) => ({ value: name, title: name }));
  return { model, dataset, source, path: [] };
}

/** How long to wait for a plan before asking again, in milliseconds. */
const PLANNING = 1500;

/** The check of a request, asked anew a moment after each change, and until its plan is ready. @param {T.JobRequest} request */
function useCheck(request) {
  const [state, setState] = useState(/** @type {{check: T.Check | null, error: unknown, busy: boolean}} */ ({ check: null, error: null, busy: true }));
  const key = JSON.stringify(request);
  useEffect(() => {
    const stop = new AbortController();
    setState((old) => ({ ...old, busy: true }));
    const ask = async () => {
      try {
        const check = await api.checkJob(request, stop.signal);
        setState({ check, error: null, busy: false });
        if (check.pending) timer = setTimeout(ask, PLANNING);
      } catch (error) {
        if (!stop.signal.aborted) setState((old) => ({ ...old, error, busy: false }));
      }
    };
    let timer = setTimeout(ask, 300);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key]);
  return state;
}

/** @param {{title: string, need: T.Need, noun: string}} props */
function Need({ title, need, noun }) {
  const { needed_bytes: needed, available_bytes: available, fits } = need;
  const share = needed !== null && available ? Math.min(1, needed / available) : null;
  return html`<div class=${`need ${fits === false ? "bad" : ""}`}>
    <div class="need-head">
      <span>${title}</span>
      <strong>${needed === null ? "Not known yet" : bytes(needed)}${available ? html`<span class="faint"> of ${bytes(available)} ${noun}</span>` : null}</strong>
    </div>
    ${share === null ? null : html`<meter min="0" max="1" high="0.9" value=${share} aria-label=${`${title}: share of what is free`}></meter>`}
    ${fits === false ? html`<p class="wrong">This does not fit.</p>` : null}
    <p class="help">${need.basis}</p>
  </div>`;
}

/** An error without the name of its field, where the field is shown beside it. @param {string | null} field @param {string} detail */
function plain(field, detail) {
  const told = field && detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail;
  return told.replace(/, such as dataset:<id>$/, "");
}

/** @param {{check: T.Check, busy: boolean, form: FormState, name: string}} props */
function CheckPanel({ check, busy, form, name }) {
  const [view, setView] = useState("cli");
  const text = view === "cli" ? check.cli : check.yaml;
  const reach = (/** @type {string} */ path) => {
    const field = [...document.querySelectorAll("[data-path]")].find((item) => item instanceof HTMLElement && item.dataset.path === path);
    field?.closest("details")?.setAttribute("open", "");
    /** @type {HTMLElement | null | undefined} */ (field?.querySelector("input, select, textarea"))?.focus();
  };
  return html`<div class=${busy ? "stale" : ""}>
    <p class=${`verdict ${check.ok ? "good" : "bad"}`} role="status">
      ${h(Icon, { name: check.ok ? "check" : "warning" })}
      ${check.ok ? "Ready to start" : `${plural(check.errors.length, "setting")} to correct`}
    </p>
    ${check.errors.length
      ? html`<ul class="errors">
          ${check.errors.map(({ field, detail }) =>
            html`<li>
              ${field ? html`<button type="button" class="as-link" onClick=${() => reach(field)}>${field}</button>: ` : null}${plain(field, detail)}
            </li>`,
          )}
        </ul>`
      : null}
    ${check.warnings.map((warning) => h(Notice, { tone: "warn", icon: "warning", children: warning }))}
    ${h(Need, { title: "Memory", need: check.memory, noun: "free" })} ${h(Need, { title: "Disk", need: check.disk, noun: "free" })}
    <div class="need">
      <div class="need-head"><span>Time</span><strong>${check.time.seconds === null ? "Not known yet" : `${check.time.at_least ? "at least" : "about"} ${duration(check.time.seconds)}`}</strong></div>
      <p class="help">${check.time.basis}</p>
    </div>
    <div class="equal">
      ${h(Segments, {
        legend: "The same by hand",
        options: [
          { value: "cli", title: "Command" },
          { value: "yaml", title: "YAML" },
        ],
        chosen: view,
        onChoose: setView,
      })}
      <pre class="code" tabindex="0" aria-label=${view === "cli" ? "Equal command line" : "Equal YAML file"}>${text || "Shown once the settings are complete."}</pre>
      <div class="actions">
        ${h(Copy, { text })}
        ${view === "yaml" ? h(Button, { look: "quiet", icon: "download", onClick: () => saveText(`${name || form.kind.kind}.yaml`, text), children: "Download" }) : null}
      </div>
    </div>
  </div>`;
}

/** @param {{kind: T.Kind, chosen: string | null, onChoose: (preset: string | null) => void}} props */
function Presets({ kind, chosen, onChoose }) {
  const names = Object.keys(kind.presets);
  if (!names.length) return null;
  return html`<fieldset class="cards">
    <legend>Preset</legend>
    <div class="card-row">
      ${[null, ...names].map((name) => {
        const flat = name ? flatten(kind.presets[name].settings) : {};
        return html`<label class="card choice">
          <input type="radio" name="preset" checked=${name === chosen} onChange=${() => onChoose(name)} />
          <strong>${name ? words(name) : "Defaults"}</strong>
          <span>${name ? kind.presets[name].description : "The defaults of the command line."}</span>
          <small>${Object.entries(flat).slice(0, 3).map(([path, value]) => `${words(path.split(".").pop() ?? path)} ${show(value)}`).join(" · ")}</small>
        </label>`;
      })}
    </div>
  </fieldset>`;
}

/**
 * What the form begins with: the address may name a kind, a preset, settings, and a job to copy.
 *
 * @param {T.Kind[]} kinds
 * @param {T.JobDetail | null} origin
 */
function beginning(kinds, origin) {
  const asked = route.peek().query;
  const name = origin?.job_type ?? asked.get("kind") ?? "training";
  const kind = kinds.find((item) => item.kind === name) ?? kinds[0];
  const preset = asked.get("preset");
  /** @type {Record<string, unknown>} */
  let changes = origin ? difference(kind.defaults, origin.config) : {};
  if (kind.output) delete changes[kind.output];
  for (const [path, value] of asked) if (fieldAt(kind, path)) changes = { ...changes, [path]: value };
  return { kind, preset: preset && kind.presets[preset] ? preset : null, changes };
}

/** @param {{kinds: T.Kind[], datasets: T.Dataset[], models: T.Model[], origin: T.JobDetail | null}} props */
function Builder({ kinds, datasets, models, origin }) {
  const start = useMemo(() => beginning(kinds, origin), []);
  const [kind, setKind] = useState(start.kind);
  const [preset, setPreset] = useState(start.preset);
  const [changes, setChanges] = useState(start.changes);
  const [name, setName] = useState("");
  const [find, setFind] = useState("");
  const file = useRef(/** @type {HTMLInputElement | null} */ (null));
  const key = useRef(crypto.randomUUID());
  const base = useMemo(() => merge(kind.defaults, preset ? kind.presets[preset].settings : {}), [kind, preset]);
  const settings = changes;
  const { check, error, busy } = useCheck({ kind: kind.kind, preset, settings, ...(name.trim() ? { name: name.trim() } : {}) });
  const errors = new Map((check?.errors ?? []).filter((item) => item.field).map((item) => [item.field ?? "", plain(item.field, item.detail)]));
  /** @param {(old: Record<string, unknown>) => Record<string, unknown>} update */
  const edit = (update) => {
    key.current = crypto.randomUUID();
    setChanges(update);
  };
  /** @param {Record<string, unknown>} old @param {string} path */
  const without = (old, path) => Object.fromEntries(Object.entries(old).filter(([item]) => item !== path && !item.startsWith(`${path}.`)));
  /** @type {FormState} */
  const form = {
    kind,
    base,
    changes,
    errors,
    choices: choicesOf(datasets, models),
    change: (path, value) => edit((old) => ({ ...without(old, path), [path]: value })),
    reset: (path) => edit((old) => without(old, path)),
  };
  const read = async (/** @type {any} */ event) => {
    const file = /** @type {File | undefined} */ (event.target.files?.[0]);
    event.target.value = "";
    if (!file) return;
    await attempt(async () => {
      const { settings } = await api.parseSettings(kind.kind, await file.text());
      edit(() => flatten(settings));
    }, `${file.name} is laid over the ${preset ? "preset" : "defaults"}.`);
  };
  const choose = (/** @type {string} */ wanted) => {
    const next = kinds.find((item) => item.kind === wanted);
    if (!next || next === kind) return;
    setKind(next);
    setPreset(null);
    edit(() => ({}));
  };
  const begin = () =>
    attempt(async () => {
      const job = await api.createJob({ kind: kind.kind, preset, settings, ...(name.trim() ? { name: name.trim() } : {}) }, key.current);
      remember([job]);
      go(["jobs", job.job_id]);
    });
  const first = firstOf(kind);
  const skip = new Set(first);
  const total = Object.keys(flatten(kind.defaults)).length;
  return html`<div class="split">
    <form
      class="builder"
      id="new-run"
      onSubmit=${(/** @type {Event} */ event) => {
        event.preventDefault();
        begin();
      }}
    >
      <fieldset class="cards">
        <legend>What to do</legend>
        <div class="card-row kinds">
          ${kinds.map(
            (item) => html`<label class="card choice">
              <input type="radio" name="kind" value=${item.kind} checked=${item.kind === kind.kind} onChange=${() => choose(item.kind)} />
              <strong>${KINDS[item.kind]?.title ?? words(item.kind)}</strong>
              <span>${KINDS[item.kind]?.about ?? item.help}</span>
            </label>`,
          )}
        </div>
      </fieldset>
      ${h(Presets, { kind, chosen: preset, onChoose: setPreset })}
      <section class="section">
        <h2>The essentials</h2>
        <div class="fields">
          <div class="field">
            <div class="field-head"><label for="run-name">Name</label></div>
            <input id="run-name" value=${name} maxlength="120" autocomplete="off" placeholder="made from the settings" onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
            <p class="help">How the job is listed; it can be changed later.</p>
          </div>
          ${first.map((path) => h(Field, { key: `${kind.kind} ${path}`, form, path, field: fieldAt(kind, path) ?? {} }))}
        </div>
      </section>
      <section class="section">
        <div class="section-head">
          <h2>All settings</h2>
          <span class="faint">${Object.keys(changes).length ? `${plural(Object.keys(changes).length, "change")} of ${total}` : `${total} in all`}</span>
          <label class="field inline"><span>Find</span><input type="search" value=${find} placeholder="rank, freeze, seed…" onInput=${(/** @type {any} */ event) => setFind(event.target.value)} /></label>
        </div>
        <p class="actions">
          <input type="file" class="unseen" tabindex="-1" aria-hidden="true" accept=".yaml,.yml,.json" ref=${file} onChange=${read} />
          ${h(Button, { look: "quiet", icon: "file", onClick: () => file.current?.click(), children: "Read settings from a YAML file" })}
          ${Object.keys(changes).length ? h(Button, { look: "quiet", onClick: () => edit(() => ({})), children: "Reset every change" }) : null}
        </p>
        ${h(AllSettings, { key: kind.kind, form, find: find.trim().toLowerCase(), skip })}
      </section>
    </form>
    <aside class="check-panel" aria-label="Check before the start">
      ${error ? h(Trouble, { error, title: "The check did not work" }) : null}
      ${check ? h(CheckPanel, { check, busy, form, name }) : error ? null : h(Skeleton, { lines: 6 })}
      ${h(Button, {
        look: "primary",
        type: "submit",
        form: "new-run",
        disabled: !check?.ok,
        children: `Start ${(KINDS[kind.kind]?.title ?? words(kind.kind)).toLowerCase() === "train" ? "training" : "the job"}`,
      })}
      <p class="help">${KINDS[kind.kind] && current(form, "model") ? "It waits in the queue until its device is free." : "It starts when its turn comes in the queue."}</p>
    </aside>
  </div>`;
}

export function NewRun() {
  const from = route.value.query.get("from");
  const loaded = useLoaded(async () => {
    const [kinds, datasets, models, origin] = await Promise.all([
      api.getKinds(),
      api.getDatasets(),
      api.getModels(),
      from ? api.getJob(from) : null,
    ]);
    return { kinds, datasets, models, origin };
  }, [from, route.value.query.toString()]);
  const origin = loaded.value?.origin;
  return html`${h(Head, {
      title: "New run",
      lead: origin ? `Begins with the settings of “${origin.name}”.` : "Choose what to do, check what it needs, and start it. Each form also shows the command that does the same.",
    })}
    ${whenLoaded(loaded, (value) => h(Builder, { key: route.value.query.toString(), ...value }), h(Skeleton, { lines: 8, tall: true }))}`;
}
