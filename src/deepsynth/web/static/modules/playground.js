/**
 * A text or a document, the pages that the model will see, what they cost, and the summary while it is written; on wish
 * two models side by side.
 *
 * @import * as T from "./types.js"
 * @import { Input, Options } from "./summarizing.js"
 */
import { h, html, useEffect, useMemo, useRef, useState } from "../vendor/ui.js";
import * as api from "./api.js";
import { Button, Copy, Empty, Facts, Head, Notice, Pages, Skeleton, Tag, Trouble, whenLoaded } from "./elements.js";
import { bytes, count, figure, plural } from "./format.js";
import { Icon } from "./icons.js";
import { useLoaded } from "./loading.js";
import { isServed, modelName } from "./names.js";
import { route } from "./router.js";
import { jobs } from "./store.js";
import { plan, summarize } from "./summarizing.js";

const EXAMPLE = `The harbor of Saint-Malo was closed for eleven days while divers repaired the lock that keeps its basins full at low
tide. The town paid for the work from a fund that shipping companies feed with a small charge on every berth. Ferries ran from
Cancale in the meantime, and the fishing fleet landed its catch there. The lock opened again on Tuesday morning; the first ship
through was the pilot boat that had found the damage.`;
const ACCEPT = ".pdf,.txt,.md,.png,.jpg,.jpeg,.webp";
/** @type {Record<string, string>} */
const STOPS = {
  eos: "The model ended it.",
  length: "It was cut at the maximum length.",
  repetition: "It was stopped because it repeated itself.",
  stop: "It reached a stop text.",
};
/** @type {Record<string, string>} */
const ABILITY = { nano: " It has learned to read short pages, and hardly to summarize." };
/** @type {Record<string, string>} */
const DEVICES = { cpu: "the CPU", cuda: "the GPU" };
/** @type {Record<string, string>} */
const STATUS = { queued: "Waiting", drawing: "Drawing the pages", writing: "Writing", loading: "Loading the model" };

/** @param {{onInput: (input: Input | null) => void, input: Input | null}} props */
function Source({ onInput, input }) {
  const [over, setOver] = useState(false);
  const picker = useRef(/** @type {HTMLInputElement | null} */ (null));
  const file = input && "file" in input ? input.file : null;
  const take = (/** @type {File | undefined} */ found) => {
    if (found) onInput({ file: found });
  };
  return html`<div
    class=${`drop ${over ? "over" : ""}`}
    onDragOver=${(/** @type {DragEvent} */ event) => {
      event.preventDefault();
      setOver(true);
    }}
    onDragLeave=${() => setOver(false)}
    onDrop=${(/** @type {DragEvent} */ event) => {
      event.preventDefault();
      setOver(false);
      take(event.dataTransfer?.files[0]);
    }}
  >
    ${file
      ? html`<div class="dropped">
          ${h(Icon, { name: "file" })}<span><strong>${file.name}</strong><br /><span class="faint">${bytes(file.size)}</span></span>
          ${h(Button, { look: "quiet", icon: "close", label: "Remove the file", onClick: () => onInput(null) })}
        </div>`
      : html`<label class="field"
          ><span>Document</span>
          <textarea
            rows="9"
            class="reading"
            placeholder="Paste a text here, or drop a PDF, a picture or a text file."
            value=${input && "text" in input ? input.text : ""}
            onInput=${(/** @type {any} */ event) => onInput(event.target.value ? { text: event.target.value } : null)}
          ></textarea>
        </label>`}
    <div class="actions">
      <input
        type="file"
        class="unseen"
        tabindex="-1"
        aria-hidden="true"
        accept=${ACCEPT}
        ref=${picker}
        onChange=${(/** @type {any} */ event) => take(event.target.files?.[0])}
      />
      ${h(Button, { icon: "push", onClick: () => picker.current?.click(), children: "Choose a file" })}
      ${input ? null : h(Button, { look: "quiet", onClick: () => onInput({ text: EXAMPLE.replace(/\n/g, " ") }), children: "Use an example" })}
    </div>
  </div>`;
}

/**
 * The plan of an input, from the server.
 *
 * @param {Input | null} input
 * @param {Options} options
 */
function usePlan(input, options) {
  const [state, setState] = useState(/** @type {{plan: Partial<T.Plan> | null, error: unknown, busy: boolean}} */ ({ plan: null, error: null, busy: false }));
  const key = JSON.stringify(options);
  useEffect(() => {
    if (!input) return setState({ plan: null, error: null, busy: false });
    const stop = new AbortController();
    setState((old) => ({ ...old, busy: true }));
    const timer = setTimeout(async () => {
      try {
        setState({ plan: await plan(input, options, stop.signal), error: null, busy: false });
      } catch (error) {
        if (!stop.signal.aborted) setState({ plan: null, error, busy: false });
      }
    }, 400);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [input, key]);
  return state;
}

/** @param {{input: Input | null, options: Options}} props */
function PlanPanel({ input, options }) {
  const { plan: found, error, busy } = usePlan(input, options);
  if (!input) return html`<p class="faint">Enter a document, and its pages appear here with what they cost.</p>`;
  if (error) return h(Trouble, { error, title: "This cannot be planned" });
  if (!found) return h(Skeleton, { lines: 4 });
  const images = found.images ?? [];
  return html`<div class=${busy ? "stale" : ""}>
    <div class="flow" role="group" aria-label="Plan">
      ${found.text_tokens
        ? html`<div><strong>${found.text_tokens_basis === "estimated" ? "≈ " : ""}${count(found.text_tokens)}</strong><span>text tokens</span></div>
            ${h(Icon, { name: "right" })}`
        : null}
      <div><strong>${count(found.pages)}</strong><span>${found.pages === 1 ? "page" : "pages"}</span></div>
      ${h(Icon, { name: "right" })}
      <div><strong>${count(found.visual_tokens)}</strong><span>visual tokens</span></div>
      ${found.compression ? html`<div class="ratio"><strong>${figure(Number((found.compression >= 1 ? found.compression : 1 / found.compression).toFixed(2)))}×</strong><span>${found.compression >= 1 ? "fewer tokens" : "more tokens than the text"}</span></div>` : null}
    </div>
    ${found.prompts && found.prompts > 1 ? h(Notice, { children: `Longer than the model’s window: it will be summarized in ${found.prompts} parts.` }) : null}
    ${h(Pages, { pages: images })}
    ${(found.pages ?? 0) > images.length && images.length ? html`<p class="faint">The first ${images.length} of ${found.pages} pages.</p>` : null}
  </div>`;
}

/** @typedef {{status: string | null, text: string, result: T.SummaryResult | null, error: unknown}} Writing */
/** @type {Writing} */
const NOTHING = { status: null, text: "", result: null, error: null };

/** @param {{title: string, writing: Writing, untrained: boolean}} props */
function Answer({ title, writing, untrained }) {
  const { status, text, result, error } = writing;
  return html`<section class="answer" aria-label=${`Summary by ${title}`} aria-busy=${String(Boolean(status))}>
    <header class="section-head">
      <h3>${title}</h3>
      ${untrained ? h(Tag, { tone: "warn", children: "untrained: its words mean nothing" }) : null}
      ${status ? html`<span class="faint" role="status">${status}</span>` : null}
    </header>
    ${error ? h(Trouble, { error, title: "No summary" }) : null}
    <p class=${`reading summary ${status ? "writing" : ""}`} data-summary>${result ? result.text : text}</p>
    ${result
      ? html`<p class="faint">${STOPS[result.stop_reason] ?? result.stop_reason}</p>
          ${h(Facts, {
            facts: [
              ["Visual tokens", count(result.visual_tokens)],
              ["Text tokens", count(result.text_tokens)],
              ["Compression", result.compression === null ? "–" : `${figure(Number(result.compression.toFixed(2)))}×`],
              ["Written", `${plural(result.generated_tokens, "token")} in ${figure(Number(result.seconds.toFixed(2)))} s`],
              ["Pages", count(result.pages_used)],
              ["Mode", result.mode],
            ],
          })}
          ${result.prompts > 1 && result.sources.length
            ? html`<details class="as-table">
                <summary>Where each sentence comes from</summary>
                <ul class="plain-list">
                  ${result.sources.map((source) => html`<li>${source.sentence} <span class="faint">${source.basis === "prompt" ? "pages" : "probably pages"} ${source.pages.map((page) => page + 1).join(", ")}</span></li>`)}
                </ul>
              </details>`
            : null}
          ${h(Copy, { text: result.text })}`
      : null}
  </section>`;
}

/** @param {{inference: T.Inference, models: T.Model[], onWritten: () => void}} props */
function Bench({ inference, models, onWritten }) {
  const [input, setInput] = useState(/** @type {Input | null} */ (null));
  const [first, setFirst] = useState(inference.adapters.find((name) => name === route.peek().query.get("model")) ?? "");
  const [second, setSecond] = useState("\0none");
  const [options, setOptions] = useState(/** @type {Options} */ ({ instruction: "", max_new_tokens: "", mode: "", num_beams: 1, temperature: 0 }));
  const [writings, setWritings] = useState(/** @type {Writing[]} */ ([]));
  const [names, setNames] = useState(/** @type {string[]} */ ([]));
  const stop = useRef(/** @type {AbortController | null} */ (null));
  const running = writings.some((writing) => writing.status);
  const choices = useMemo(() => {
    const served = models.find((model) => isServed(model, inference));
    return [
      { value: "", title: `${served ? modelName(served) : inference.model}${inference.adapters.length ? " (base)" : ""}` },
      ...inference.adapters.map((name) => ({ value: name, title: `${name} (tuned)` })),
    ];
  }, [inference, models, jobs.value]);
  const titleOf = (/** @type {string} */ value) => choices.find((choice) => choice.value === value)?.title ?? value;
  const given = Object.fromEntries(Object.entries(options).filter(([name, value]) => value !== "" && !(name === "num_beams" && value === 1) && !(name === "temperature" && value === 0)));
  useEffect(() => () => stop.current?.abort(), []);

  /** @param {string} [instruction] what is asked, instead of what the form says */
  const write = async (instruction) => {
    if (!input) return;
    const chosen = second === "\0none" ? [first] : [first, second];
    setNames(chosen.map(titleOf));
    setWritings(chosen.map((_, index) => ({ ...NOTHING, status: index ? "Waits for the first" : "Asking" })));
    stop.current = new AbortController();
    const change = (/** @type {number} */ index, /** @type {(old: Writing) => Writing} */ update) =>
      setWritings((old) => old.map((writing, place) => (place === index ? update(writing) : writing)));
    for (const [index, choice] of chosen.entries()) {
      if (stop.current.signal.aborted) break;
      try {
        const result = await summarize(
          input,
          { ...given, ...(instruction ? { instruction } : {}), adapter: choice },
          {
            onStatus: (state, position) => change(index, (old) => ({ ...old, status: `${STATUS[state] ?? state}${position ? `, place ${position}` : ""}` })),
            onText: (text) => change(index, (old) => ({ ...old, text: old.text + text, status: "Writing" })),
          },
          stop.current.signal,
        );
        change(index, (old) => ({ ...old, result, status: null }));
      } catch (error) {
        const halted = stop.current.signal.aborted;
        change(index, (old) => ({ ...old, status: null, error: halted ? new Error("You stopped it here.") : error }));
      }
    }
    setWritings((old) => old.map((writing) => ({ ...writing, status: null })));
    onWritten();
  };
  const set = (/** @type {string} */ name, /** @type {string | number} */ value) => setOptions((old) => ({ ...old, [name]: value }));
  const number = (/** @type {string} */ name, /** @type {string} */ title, /** @type {Record<string, unknown>} */ limits) =>
    html`<label class="field"><span>${title}</span><input type="number" value=${options[name]} ...${limits} onInput=${(/** @type {any} */ event) => set(name, event.target.value === "" ? "" : Number(event.target.value))} /></label>`;
  return html`<div class="bench">
    <section class="bench-input" aria-label="Input">
      ${h(Source, { input, onInput: setInput })}
      <div class="fields two">
        <label class="field"
          ><span>Model</span>
          <select value=${first} onChange=${(/** @type {any} */ event) => setFirst(event.target.value)}>
            ${choices.map((choice) => html`<option value=${choice.value}>${choice.title}</option>`)}
          </select></label
        >
        <label class="field"
          ><span>Compare with</span>
          <select value=${second} onChange=${(/** @type {any} */ event) => setSecond(event.target.value)}>
            <option value=${"\0none"}>Nothing</option>
            ${choices.filter((choice) => choice.value !== first).map((choice) => html`<option value=${choice.value}>${choice.title}</option>`)}
          </select></label
        >
      </div>
      <p class="help">
        To try another model, start the server with <code>deepsynth web --inference.model FOLDER</code>${inference.adapters.length ? null : html`; with ${" "}<code>--inference.adapters.NAME FOLDER</code> you can compare an adapter with its base here`}.
      </p>
      <details class="group">
        <summary><span>Options</span></summary>
        <div class="fields two">
          <label class="field"><span>Instruction</span><input value=${options.instruction} placeholder="Summarize." onInput=${(/** @type {any} */ event) => set("instruction", event.target.value)} /></label>
          <label class="field"
            ><span>Page geometry</span>
            <select value=${options.mode} onChange=${(/** @type {any} */ event) => set("mode", event.target.value)}>
              <option value="">the model’s own</option>
              ${(inference.modes ?? []).map((mode) => html`<option value=${mode}>${mode}</option>`)}
            </select></label
          >
          ${number("max_new_tokens", "Maximum length, tokens", { min: 1, max: inference.limits.max_new_tokens ?? 4096, step: 1, placeholder: "automatic" })} ${number("num_beams", "Beams", { min: 1, max: 16, step: 1 })}
          ${number("temperature", "Temperature", { min: 0, max: 5, step: 0.1 })}
        </div>
      </details>
      <div class="actions">
        ${running
          ? h(Button, { icon: "stop", onClick: () => stop.current?.abort(), children: "Stop" })
          : html`${h(Button, { look: "primary", disabled: !input, onClick: () => write(), children: second === "\0none" ? "Summarize" : "Summarize with both" })}
              ${h(Button, { disabled: !input, onClick: () => write("Read."), children: "Read the pages" })}`}
      </div>
    </section>
    <section class="bench-plan" aria-label="What the model will see"><h2>What the model will see</h2>${h(PlanPanel, { input, options: { ...(options.mode ? { mode: options.mode } : {}) } })}</section>
    <section class="bench-answers" aria-label="Summaries">
      <h2>Answer</h2>
      ${writings.length
        ? html`<div class="side-by-side">
            ${writings.map((writing, index) => h(Answer, { key: index, title: names[index], writing, untrained: names[index] === titleOf("") && inference.trained === false }))}
          </div>`
        : html`<p class="faint">The summary appears here while the model writes it.</p>`}
    </section>
  </div>`;
}

export function Playground() {
  const loaded = useLoaded(async () => {
    const [inference, models] = await Promise.all([api.getInference(), api.getModels()]);
    return { inference, models };
  }, []);
  const inference = loaded.value?.inference;
  return html`${h(Head, {
      title: "Playground",
      lead: inference
        ? inference.state === "ready"
          ? `${inference.model}, on ${DEVICES[inference.device ?? ""] ?? inference.device}.${ABILITY[inference.model] ?? ""}`
          : `${inference.model}${inference.state === "unloaded" ? ", loaded when you first ask it" : `: ${inference.state}`}.${ABILITY[inference.model] ?? ""}`
        : "Paste a text or drop a file to see its pages, what they cost, and what the model makes of them.",
      children: inference?.state === "ready" ? h(Button, { look: "quiet", onClick: async () => { await api.unloadModel(); loaded.again(); }, children: "Free its memory" }) : null,
    })}
    ${inference?.state === "failed" ? h(Notice, { tone: "bad", icon: "warning", children: inference.detail ?? "The model could not be loaded." }) : null}
    ${whenLoaded(loaded, (value) => h(Bench, { ...value, onWritten: loaded.again }), loaded.error ? h(Empty, { title: "No model" }) : h(Skeleton, { lines: 8, tall: true }))}`;
}
