/**
 * What the model wrote, beside the page it read, the text on it and the reference; by step for a training run.
 *
 * @import * as T from "./types.js"
 */
import { h, html, useMemo, useState } from "../vendor/ui.js";
import { Empty, Pages } from "./elements.js";
import { count } from "./format.js";

/** Words as they are compared: letters and digits in lower case. @param {string} text */
const plainWords = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** A text whose words that also stand in the other are marked. @param {{text: string, other: string}} props */
export function Marked({ text, other }) {
  const known = new Set(plainWords(other));
  const parts = text.split(/([\p{L}\p{N}]+)/u);
  return html`<span class="marked">
    ${parts.map((part, index) => (index % 2 && known.has(part.toLowerCase()) ? html`<mark>${part}</mark>` : part))}
  </span>`;
}

/** Long texts begin small. @param {{text: string}} props */
export function LongText({ text }) {
  const [open, setOpen] = useState(false);
  const long = text.length > 700;
  return html`<p class="reading">${long && !open ? `${text.slice(0, 600).trimEnd()}…` : text}</p>
    ${long
      ? html`<button type="button" class="as-link" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>
          ${open ? "Show less" : `Show all ${count(text.length)} characters`}
        </button>`
      : null}`;
}

/** @param {{title: string, text: string | null, marks?: string | null, tone?: string}} props */
function Part({ title, text, marks, tone = "" }) {
  return html`<section class=${`part ${tone}`}>
    <h4>${title}</h4>
    ${text === null || text === undefined
      ? html`<p class="faint">None is known.</p>`
      : text.trim() === ""
        ? html`<p class="faint">It wrote nothing.</p>`
        : marks
          ? html`<p class="reading">${h(Marked, { text, other: marks })}</p>`
          : h(LongText, { text })}
  </section>`;
}

/** What the baselines of an evaluation wrote. @param {{sample: T.Sample}} props */
function OtherSystems({ sample }) {
  const others = Object.entries(sample.predictions ?? {}).filter(([, text]) => text && text !== sample.prediction);
  if (!others.length) return null;
  return html`<details class="as-table">
    <summary>Other systems</summary>
    ${others.map(([name, text]) => h(Part, { title: name, text }))}
  </details>`;
}

/** @param {{sample: T.Sample, marks: boolean}} props */
export function SampleCard({ sample, marks }) {
  return html`<article class="sample">
    <h3 class="sample-id">${sample.id}</h3>
    <div class="sample-grid">
      <section class="part"><h4>Page</h4>${h(Pages, { pages: sample.pages })}</section>
      ${h(Part, { title: "Text", text: sample.text })}
      <div class="sample-answers">
        ${h(Part, { title: "Prediction", text: sample.prediction, marks: marks ? sample.reference : null, tone: "strong" })}
        ${h(Part, { title: "Reference", text: sample.reference, marks: marks ? sample.prediction : null })}
        ${h(OtherSystems, { sample })}
      </div>
    </div>
  </article>`;
}

/** @param {{samples: readonly T.Sample[], kind: string}} props */
export function Samples({ samples, kind }) {
  const steps = useMemo(() => [...new Set(samples.map((sample) => sample.step))].filter((step) => step !== null).sort((a, b) => a - b), [samples]);
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const [marks, setMarks] = useState(true);
  if (!samples.length) {
    return h(Empty, {
      title: "No samples yet",
      children:
        kind === "training"
          ? "A run writes summaries of a few held-out documents each time it measures its loss: set eval_interval and eval_samples."
          : "Predictions appear here as they are written.",
    });
  }
  const index = at === null || at >= steps.length ? steps.length - 1 : at;
  const step = steps[index] ?? null;
  const shown = samples.filter((sample) => sample.step === step);
  return html`<div class="toolbar">
      ${steps.length > 1
        ? html`<label class="field inline grow"
            ><span>Step</span>
            <input type="range" min="0" max=${steps.length - 1} step="1" value=${index} aria-valuetext=${`step ${step}`} onInput=${(/** @type {any} */ event) => setAt(Number(event.target.value))} />
            <output>${count(step)}</output></label
          >`
        : step === null
          ? null
          : html`<p>Step ${count(step)}</p>`}
      <label class="check"><input type="checkbox" checked=${marks} onChange=${() => setMarks(!marks)} /><span>Mark words that both have</span></label>
    </div>
    <div class="samples">${shown.map((sample) => h(SampleCard, { key: sample.id, sample, marks }))}</div>`;
}
