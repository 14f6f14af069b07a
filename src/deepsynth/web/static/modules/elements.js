/**
 * The small parts that every screen is made of.
 *
 * @import * as T from "./types.js"
 * @import { ComponentChildren } from "../vendor/ui.js"
 */
import { h, html, useEffect, useId, useRef, useState } from "../vendor/ui.js";
import { explain } from "./api.js";
import { ago, moment } from "./format.js";
import { Icon } from "./icons.js";
import { useInterval } from "./loading.js";
import { say } from "./store.js";

/** The head of a screen. @param {{title: string, lead?: ComponentChildren, above?: ComponentChildren, children?: ComponentChildren}} props */
export function Head({ title, lead, above, children }) {
  useEffect(() => {
    document.title = `${title} · DeepSynth`;
  }, [title]);
  return html`<header class="head">
    <div class="head-words">
      ${above ? html`<div class="head-above">${above}</div>` : null}
      <h1 tabindex="-1">${title}</h1>
      ${lead ? html`<p class="lead">${lead}</p>` : null}
    </div>
    ${children ? html`<div class="actions">${children}</div>` : null}
  </header>`;
}

/**
 * @typedef {object} ButtonProps
 * @property {string} [label] what it does, when the visible words do not say it
 * @property {string} [icon]
 * @property {"primary" | "quiet" | "danger" | ""} [look]
 * @property {boolean} [disabled]
 * @property {boolean} [pressed] for a button that stays in
 * @property {() => unknown} [onClick] while its promise is open the button is busy
 * @property {ComponentChildren} [children]
 * @property {"button" | "submit"} [type]
 * @property {string} [form] the id of the form that it sends, where it stands outside
 */

/** @param {ButtonProps} props */
export function Button({ label, icon, look = "", disabled, pressed, onClick, children, type = "button", form }) {
  const [busy, setBusy] = useState(false);
  const click = async () => {
    if (busy || !onClick) return;
    setBusy(true);
    try {
      await onClick();
    } finally {
      setBusy(false);
    }
  };
  return html`<button
    type=${type}
    form=${form}
    class=${`button ${look} ${children ? "" : "only-icon"}`}
    aria-label=${label}
    title=${children ? undefined : label}
    aria-pressed=${pressed === undefined ? undefined : String(pressed)}
    aria-busy=${busy ? "true" : undefined}
    disabled=${disabled}
    onClick=${click}
  >
    ${icon ? h(Icon, { name: icon }) : null}${children}
  </button>`;
}

/** @type {Record<T.JobState, [string, string]>} the word and the tone of each state */
export const STATES = {
  queued: ["Queued", "calm"],
  starting: ["Starting", "busy"],
  running: ["Running", "busy"],
  pausing: ["Pausing", "busy"],
  paused: ["Paused", "hold"],
  cancelling: ["Cancelling", "hold"],
  cancelled: ["Cancelled", "calm"],
  succeeded: ["Succeeded", "good"],
  failed: ["Failed", "bad"],
  interrupted: ["Interrupted", "bad"],
};
/** States in which something of the job may be alive. */
export const LIVE = new Set(/** @type {T.JobState[]} */ (["starting", "running", "pausing", "cancelling"]));

/** @param {{state: T.JobState}} props */
export function StateBadge({ state }) {
  const [word, tone] = STATES[state] ?? [state, "calm"];
  return html`<span class=${`badge ${tone}`} data-state=${state}><span class="dot" aria-hidden="true"></span>${word}</span>`;
}

/** @param {{tone?: string, children: ComponentChildren}} props */
export function Tag({ tone = "", children }) {
  return html`<span class=${`tag ${tone}`}>${children}</span>`;
}

/** A moment in words that stays true while one looks at it. @param {{at: string | null | undefined}} props */
export function Ago({ at }) {
  const [, setNow] = useState(0);
  useInterval(() => setNow((count) => count + 1), 30000);
  return html`<time datetime=${at ?? ""} title=${moment(at)}>${ago(at)}</time>`;
}

/** A bar with its words; without a total it only moves. @param {{fraction: number | null | undefined, label: string, still?: boolean}} props */
export function Bar({ fraction, label, still }) {
  const known = fraction !== null && fraction !== undefined;
  return html`<progress class=${still ? "still" : ""} aria-label=${label} max="1" value=${known ? fraction : undefined}></progress>`;
}

/** What stands where nothing is yet. @param {{title: string, children?: ComponentChildren, action?: ComponentChildren}} props */
export function Empty({ title, children, action }) {
  return html`<div class="empty">
    <svg class="empty-art" viewBox="0 0 120 64" aria-hidden="true" focusable="false">
      <rect x="6" y="4" width="42" height="56" rx="4" class="art-page" />
      <path d="M13 14h28M13 21h28M13 28h20M13 35h28M13 42h24M13 49h14" class="art-lines" />
      <path d="M54 32h10M60 28l4 4-4 4" class="art-arrow" />
      ${[0, 1, 2, 3].flatMap((row) =>
        [0, 1, 2, 3].map(
          (column) =>
            html`<rect
              x=${72 + column * 11}
              y=${11 + row * 11}
              width="8"
              height="8"
              rx="1.5"
              class=${(row * 3 + column * 5) % 4 ? "art-token" : "art-token strong"}
            />`,
        ),
      )}
    </svg>
    <h2>${title}</h2>
    ${children ? html`<p>${children}</p>` : null} ${action ? html`<div class="actions">${action}</div>` : null}
  </div>`;
}

/** A refusal with the way to ask again. @param {{error: unknown, again?: () => void, title?: string}} props */
export function Trouble({ error, again, title = "This could not be loaded" }) {
  return html`<div class="notice bad" role="alert">
    ${h(Icon, { name: "warning" })}
    <div>
      <strong>${title}</strong>
      <p>${explain(error)}</p>
    </div>
    ${again ? h(Button, { onClick: again, children: "Try again" }) : null}
  </div>`;
}

/** @param {{tone?: "" | "bad" | "warn" | "good", children: ComponentChildren, icon?: string}} props */
export function Notice({ tone = "", icon, children }) {
  return html`<div class=${`notice ${tone}`}>${icon ? h(Icon, { name: icon }) : null}<div>${children}</div></div>`;
}

/** Grey lines that hold the room of what is coming. @param {{lines?: number, tall?: boolean}} props */
export function Skeleton({ lines = 4, tall = false }) {
  return html`<div class=${`skeleton ${tall ? "tall" : ""}`} role="status" aria-label="Loading">
    ${Array.from({ length: lines }, () => html`<div></div>`)}
  </div>`;
}

/**
 * A value once it is there: grey lines before, the trouble instead, the old value with the trouble above it.
 *
 * @template V
 * @param {{value: V | null, error: unknown, again: () => void}} loaded
 * @param {(value: V) => ComponentChildren} show
 * @param {ComponentChildren} [waiting]
 */
export function whenLoaded(loaded, show, waiting = h(Skeleton, { lines: 4 })) {
  const trouble = loaded.error ? h(Trouble, { error: loaded.error, again: loaded.again }) : null;
  if (loaded.value === null) return trouble ?? waiting;
  return html`${trouble}${show(loaded.value)}`;
}

/** Copies a text, and says so in the button. @param {{text: string, label?: string}} props */
export function Copy({ text, label = "Copy" }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1800);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      say("The browser does not allow copying here; select the text instead.", true);
    }
  };
  return h(Button, { look: "quiet", icon: copied ? "check" : "copy", onClick: copy, children: copied ? "Copied" : label });
}

/** Offers a text made here as a file. @param {string} name @param {string} text @param {string} [type] */
export function saveText(name, text, type = "text/plain") {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/**
 * A native dialog; Escape and a click beside it close it, and the focus returns to where it was.
 *
 * @param {{title: string, onClose: () => void, children: ComponentChildren, foot?: ComponentChildren, wide?: boolean}} props
 */
export function Dialog({ title, onClose, children, foot, wide }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const name = useId();
  useEffect(() => {
    const before = document.activeElement;
    const dialog = box.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return html`<dialog
    ref=${box}
    class=${wide ? "wide" : ""}
    aria-labelledby=${name}
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      onClose();
    }}
    onClick=${(/** @type {MouseEvent} */ event) => event.target === box.current && onClose()}
  >
    <div class="dialog">
      <header>
        <h2 id=${name}>${title}</h2>
        ${h(Button, { look: "quiet", icon: "close", label: "Close", onClick: onClose })}
      </header>
      <div class="dialog-body">${children}</div>
      ${foot ? html`<footer class="actions">${foot}</footer>` : null}
    </div>
  </dialog>`;
}

/**
 * Tabs by the pattern of ARIA: arrows move, and only the chosen one is in the order of Tab.
 *
 * @param {{tabs: {id: string, title: string, note?: string}[], chosen: string, onChoose: (id: string) => void, label: string, children: ComponentChildren}} props
 */
export function Tabs({ tabs, chosen, onChoose, label, children }) {
  const row = useRef(/** @type {HTMLElement | null} */ (null));
  const name = useId();
  const move = (/** @type {KeyboardEvent} */ event) => {
    const now = tabs.findIndex((tab) => tab.id === chosen);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const index = (next + tabs.length) % tabs.length;
    onChoose(tabs[index].id);
    /** @type {HTMLElement | undefined} */ (row.current?.children[index])?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${row} onKeyDown=${move}>
      ${tabs.map(
        (tab) => html`<button
          type="button"
          role="tab"
          id=${`${name}-${tab.id}`}
          aria-selected=${String(tab.id === chosen)}
          aria-controls=${`${name}-panel`}
          tabindex=${tab.id === chosen ? 0 : -1}
          onClick=${() => onChoose(tab.id)}
        >
          ${tab.title}${tab.note ? html`<span class="count">${tab.note}</span>` : null}
        </button>`,
      )}
    </div>
    <div role="tabpanel" id=${`${name}-panel`} aria-labelledby=${`${name}-${chosen}`} class="panel">
      <h2 class="unseen">${tabs.find((tab) => tab.id === chosen)?.title}</h2>
      ${children}
    </div>`;
}

/**
 * One of a few, as a row of radio buttons.
 *
 * @param {{legend: string, options: {value: string, title: string}[], chosen: string, onChoose: (value: string) => void}} props
 */
export function Segments({ legend, options, chosen, onChoose }) {
  const name = useId();
  return html`<fieldset class="segments">
    <legend>${legend}</legend>
    <div>
      ${options.map(
        ({ value, title }) => html`<label>
          <input type="radio" name=${name} value=${value} checked=${value === chosen} onChange=${() => onChoose(value)} />
          <span>${title}</span>
        </label>`,
      )}
    </div>
  </fieldset>`;
}

/** Facts as a list of terms. @param {{facts: [string, ComponentChildren][]}} props */
export function Facts({ facts }) {
  return html`<dl class="facts">
    ${facts.map(
      ([term, value]) => html`<div>
        <dt>${term}</dt>
        <dd>${value}</dd>
      </div>`,
    )}
  </dl>`;
}

/** Earlier and later parts of a long list. @param {{offset: number, limit: number, total: number, onMove: (offset: number) => void, what: string}} props */
export function Pager({ offset, limit, total, onMove, what }) {
  if (total <= limit && offset === 0) return null;
  const last = Math.min(total, offset + limit);
  return html`<nav class="pager" aria-label=${`Pages of ${what}`}>
    ${h(Button, { icon: "left", label: `Earlier ${what}`, disabled: offset === 0, onClick: () => onMove(Math.max(0, offset - limit)) })}
    <span>${`${offset + 1}–${last} of ${total.toLocaleString("en-US")}`}</span>
    ${h(Button, { icon: "right", label: `Later ${what}`, disabled: last >= total, onClick: () => onMove(offset + limit) })}
  </nav>`;
}

/** A page's picture, which opens larger. @param {{address: string, number: number, of: number}} props */
export function PagePicture({ address, number, of }) {
  const [open, setOpen] = useState(false);
  const [failed, setFailed] = useState(false);
  const words = `Page ${number} of ${of}`;
  if (failed) return html`<div class="page missing">${words} could not be drawn</div>`;
  return html`<button type="button" class="page" aria-label=${`Enlarge ${words.toLowerCase()}`} onClick=${() => setOpen(true)}>
      <img src=${address} alt=${words} loading="lazy" decoding="async" onError=${() => setFailed(true)} />
    </button>
    ${open
      ? h(Dialog, {
          title: words,
          wide: true,
          onClose: () => setOpen(false),
          children: html`<img class="page-large" src=${address} alt=${words} />`,
        })
      : null}`;
}

/** The pages of one document side by side. @param {{pages: readonly string[]}} props */
export function Pages({ pages }) {
  if (!pages.length) return html`<p class="faint">No page pictures.</p>`;
  return html`<div class="pages" role="group" aria-label="Pages">
    ${pages.map((address, index) => h(PagePicture, { key: address, address, number: index + 1, of: pages.length }))}
  </div>`;
}
