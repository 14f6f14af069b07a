/**
 * A form made from the JSON Schema of a settings tree: each setting has its help, its limits and a mark when it differs
 * from the preset. The form holds only what was changed; a setting that is not shown cannot exist, because all are.
 *
 * @import * as T from "./types.js"
 * @import { Tree } from "./settings_tree.js"
 */
import { h, html, useEffect, useId, useRef, useState } from "../vendor/ui.js";
import { upload } from "./api.js";
import { Button, Tag } from "./elements.js";
import { words } from "./format.js";
import { defaultsOf, isTree, merge, same, show, unwrap, valueAt } from "./settings_tree.js";
import { attempt } from "./store.js";

/**
 * @typedef {object} FormState
 * @property {T.Kind} kind
 * @property {Tree} base defaults and preset
 * @property {Record<string, unknown>} changes by dotted name
 * @property {Map<string, string>} errors by dotted name
 * @property {(path: string, value: unknown) => void} change
 * @property {(path: string) => void} reset
 * @property {Record<string, {value: string, title: string}[]>} choices what references may lead to, by kind of reference
 */

/** @param {FormState} form @param {string} path */
export function current(form, path) {
  return valueAt(merge(form.base, form.changes), path);
}

/** Whether a setting or one below it was changed. @param {FormState} form @param {string} path */
function changed(form, path) {
  return Object.keys(form.changes).some((name) => name === path || name.startsWith(`${path}.`));
}

/**
 * @typedef {object} InputProps
 * @property {string} id
 * @property {T.Schema} schema
 * @property {boolean} optional
 * @property {unknown} value
 * @property {(value: unknown) => void} onChange
 * @property {string} describedby
 * @property {boolean} invalid
 */

/**
 * A text that becomes a value when it can be read as one, and stays as typed meanwhile.
 *
 * @param {InputProps & {write: (value: unknown) => string, read: (text: string) => unknown, lines?: number, type?: string, list?: string, mode?: string, placeholder?: string}} props
 */
function TextInput({ id, value, onChange, describedby, invalid, write, read, lines, type = "text", list, mode, placeholder }) {
  const [draft, setDraft] = useState(write(value));
  const sent = useRef(value);
  useEffect(() => {
    if (!same(sent.current, value)) setDraft(write(value));
    sent.current = value;
  }, [JSON.stringify(value)]);
  const type_in = (/** @type {any} */ event) => {
    setDraft(event.target.value);
    const next = read(event.target.value);
    sent.current = next;
    onChange(next);
  };
  const common = {
    id,
    value: draft,
    placeholder,
    onInput: type_in,
    "aria-describedby": describedby,
    "aria-invalid": invalid ? "true" : undefined,
    spellcheck: false,
    autocomplete: "off",
  };
  return lines ? h("textarea", { ...common, rows: lines }) : h("input", { ...common, type, list, inputMode: /** @type {any} */ (mode) });
}

/** Text that is no number is sent as it stands, so that the server names it. @param {string} text */
function readNumber(text) {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  const value = Number(trimmed);
  return Number.isNaN(value) ? trimmed : value;
}

/** @param {unknown} value */
function writePlain(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
}

/** A docstring's words, with what stands between backticks as code. @param {{text: string | undefined}} props */
function Help({ text = "" }) {
  return html`${text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part))}`;
}

/** @param {string} text @returns {unknown} */
function readPairs(text) {
  const pairs = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(
    pairs.map((line) => {
      const at = line.lastIndexOf(":");
      return at < 0 ? [line.trim(), null] : [line.slice(0, at).trim(), readNumber(line.slice(at + 1))];
    }),
  );
}

/** @param {unknown} value */
const writePairs = (value) =>
  isTree(value) ? Object.entries(value).map(([name, inner]) => `${name}: ${writePlain(inner)}`).join("\n") : "";

/** @param {T.Schema | undefined} items */
const readList = (items) => (/** @type {string} */ text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => (items?.type === "number" || items?.type === "integer" ? readNumber(part) : part));

/** @param {unknown} value */
const writeList = (value) => (Array.isArray(value) ? value.join(", ") : "");

/** @param {InputProps} props */
function ValueInput(props) {
  const { id, schema, optional, value, onChange, describedby, invalid } = props;
  if (schema.enum) {
    return html`<select
      id=${id}
      value=${writePlain(value)}
      aria-describedby=${describedby}
      aria-invalid=${invalid ? "true" : undefined}
      onChange=${(/** @type {any} */ event) => onChange(event.target.value === "" ? null : event.target.value)}
    >
      ${optional ? html`<option value="">not set</option>` : null}
      ${schema.enum.map((name) => html`<option value=${name}>${String(name)}</option>`)}
    </select>`;
  }
  if (schema.type === "integer" || schema.type === "number") {
    return h(TextInput, { ...props, write: writePlain, read: readNumber, mode: "decimal", placeholder: optional ? "not set" : undefined });
  }
  if (schema.type === "array") {
    return h(TextInput, { ...props, write: writeList, read: readList(schema.items ?? schema.prefixItems?.[0]), placeholder: "none; separate several by commas" });
  }
  if (schema.type === "object") {
    return h(TextInput, { ...props, write: writePairs, read: readPairs, lines: 3, placeholder: "name: number, one a line" });
  }
  const read = (/** @type {string} */ text) => (optional && text === "" ? null : text);
  return h(TextInput, { ...props, write: writePlain, read, placeholder: optional ? "not set" : undefined });
}

/** @type {Record<string, string>} */
const ACCEPTS = {
  source: ".jsonl,.json,.csv,.parquet,.txt,.md,.pdf",
  path: ".txt,.md,.pdf,.png,.jpg,.jpeg,.webp",
};

/** A field that leads to something that exists: offers what there is, takes a name too. @param {InputProps & {kind: string, touched: boolean, choices: {value: string, title: string}[]}} props */
function ReferenceInput(props) {
  const { id, kind, touched, choices, value, onChange, describedby, invalid } = props;
  const listed = choices.some((choice) => choice.value === value);
  const [typed, setTyped] = useState(!listed && touched);
  const file = useRef(/** @type {HTMLInputElement | null} */ (null));
  const send = (/** @type {any} */ event) => {
    const chosen = /** @type {File | undefined} */ (event.target.files?.[0]);
    if (chosen) attempt(async () => onChange((await upload(chosen)).reference), `${chosen.name} is uploaded.`);
  };
  const hint = { dataset: "folder of a prepared dataset", model: "folder, Hub id, or nano", source: "name, Hub id or file", path: "path" }[kind];
  return html`<div class="reference">
    <select
      id=${id}
      value=${typed ? "\0typed" : writePlain(value)}
      aria-describedby=${describedby}
      aria-invalid=${invalid ? "true" : undefined}
      onChange=${(/** @type {any} */ event) => {
        setTyped(event.target.value === "\0typed");
        if (event.target.value !== "\0typed") onChange(event.target.value || null);
      }}
    >
      ${!listed && !typed ? html`<option value=${writePlain(value)}>${value ? `Choose… (now ${writePlain(value)})` : "Choose…"}</option>` : null}
      ${choices.map((choice) => html`<option value=${choice.value}>${choice.title}</option>`)}
      <option value=${"\0typed"}>Something else…</option>
    </select>
    ${typed
      ? html`<label class="unseen" for=${`${id}-typed`}>Name it: ${hint}</label>
          ${h(TextInput, { ...props, id: `${id}-typed`, write: writePlain, read: (text) => text, placeholder: hint })}`
      : null}
    ${ACCEPTS[kind]
      ? html`<input type="file" class="unseen" tabindex="-1" aria-hidden="true" accept=${ACCEPTS[kind]} ref=${file} onChange=${send} />
          ${h(Button, { icon: "push", onClick: () => file.current?.click(), children: "Upload a file" })}`
      : null}
  </div>`;
}

/** One setting with its help. @param {{form: FormState, path: string, field: T.Schema, title?: string}} props */
export function Field({ form, path, field, title }) {
  const id = useId();
  const { schema, optional } = unwrap(field, form.kind.schema);
  const value = current(form, path);
  const error = form.errors.get(path);
  const reference = form.kind.references[path];
  const name = path.split(".").pop() ?? path;
  const label = title ?? words(reference && (name === "path" || name === "data") ? reference : name);
  const onChange = (/** @type {unknown} */ next) => form.change(path, next);
  const help = `${id}-help`;
  const input = { id, schema, optional, value, onChange, describedby: help, invalid: Boolean(error) };
  const mark = changed(form, path)
    ? html`<span class="changed">
        <button type="button" class="as-link" onClick=${() => form.reset(path)} aria-label=${`Reset ${label} to ${show(valueAt(form.base, path))}`}>Reset</button>
      </span>`
    : null;
  const note = html`<p class="help" id=${help}>
    ${h(Help, { text: schema.description })}${limits(schema)}${error ? html`<strong class="wrong">${error}</strong>` : null}
  </p>`;
  if (schema.type === "boolean") {
    return html`<div class="field" data-path=${path}>
      <div class="field-head">
        <label class="check"
          ><input id=${id} type="checkbox" checked=${value === true} aria-describedby=${help} onChange=${() => onChange(value !== true)} /><span>${label}</span></label
        >${mark}
      </div>
      ${note}
    </div>`;
  }
  return html`<div class="field" data-path=${path}>
    <div class="field-head"><label for=${id}>${label}</label>${mark}</div>
    ${reference && form.choices[reference]
      ? h(ReferenceInput, { ...input, kind: reference, touched: changed(form, path), choices: form.choices[reference] })
      : h(ValueInput, input)}
    ${note}
  </div>`;
}

/** @param {T.Schema} schema */
function limits(schema) {
  const parts = [];
  if (schema.minimum !== undefined) parts.push(`at least ${schema.minimum}`);
  if (schema.exclusiveMinimum !== undefined) parts.push(`above ${schema.exclusiveMinimum}`);
  if (schema.maximum !== undefined) parts.push(`at most ${schema.maximum}`);
  if (schema.exclusiveMaximum !== undefined) parts.push(`below ${schema.exclusiveMaximum}`);
  return parts.length ? html` <span class="limits">${parts.join(", ")}</span>` : null;
}

/** Whether a branch of the schema is a group of its own settings. @param {T.Schema} schema */
const isGroup = (schema) => schema.type === "object" && Boolean(schema.properties);

/** Whether a setting or one below it speaks of the words. @param {string} path @param {T.Schema} field @param {T.Schema} root @param {string} find @returns {boolean} */
function speaksOf(path, field, root, find) {
  const { schema } = unwrap(field, root);
  if (!find || `${path.replace(/_/g, " ")} ${path} ${schema.description ?? ""}`.toLowerCase().includes(find)) return true;
  return Object.entries(schema.properties ?? {}).some(([name, inner]) => speaksOf(`${path}.${name}`, inner, root, find));
}

/** A group that may be switched off as a whole. @param {{form: FormState, path: string, field: T.Schema, find: string, skip: ReadonlySet<string>}} props */
function Group({ form, path, field, find, skip }) {
  const root = form.kind.schema;
  const { schema, optional } = unwrap(field, root);
  const value = current(form, path);
  const on = !optional || isTree(value);
  const wrong = [...form.errors.keys()].some((name) => name === path || name.startsWith(`${path}.`));
  const inner = Object.entries(schema.properties ?? {});
  const shown = inner.filter(([name, item]) => !skip.has(`${path}.${name}`) && speaksOf(`${path}.${name}`, item, root, find));
  if (!shown.length) return null;
  const title = words(path.split(".").pop() ?? path);
  const toggle = () => form.change(path, on ? null : defaultsOf(schema, root));
  return html`<details class="group" open=${Boolean(find) || wrong} data-group=${path}>
    <summary>
      <span>${title}</span>${optional ? h(Tag, { children: on ? "on" : "off" }) : null}
      ${changed(form, path) ? h(Tag, { tone: "accent", children: "changed" }) : null}
    </summary>
    <p class="help">${h(Help, { text: schema.description })}</p>
    ${optional
      ? html`<label class="check switch"><input type="checkbox" role="switch" checked=${on} onChange=${toggle} /><span>Use ${/[A-Z].*[A-Z]/.test(title) ? title : title.toLowerCase()}</span></label>`
      : null}
    ${on ? html`<div class="fields">${shown.map(([name, item]) => h(Setting, { key: name, form, path: `${path}.${name}`, field: item, find, skip }))}</div>` : null}
    ${form.errors.get(path) ? html`<strong class="wrong">${form.errors.get(path)}</strong>` : null}
  </details>`;
}

/** @param {{form: FormState, path: string, field: T.Schema, find: string, skip: ReadonlySet<string>}} props */
function Setting(props) {
  const { schema } = unwrap(props.field, props.form.kind.schema);
  return isGroup(schema) ? h(Group, props) : h(Field, { form: props.form, path: props.path, field: props.field });
}

/** All settings that are not shown elsewhere, plain ones first. @param {{form: FormState, find: string, skip: ReadonlySet<string>}} props */
export function AllSettings({ form, find, skip }) {
  const root = form.kind.schema;
  const found = Object.entries(root.properties ?? {}).filter(
    ([name, field]) => name !== form.kind.output && !skip.has(name) && speaksOf(name, field, root, find),
  );
  const plain = found.filter(([, field]) => !isGroup(unwrap(field, root).schema));
  const groups = found.filter(([, field]) => isGroup(unwrap(field, root).schema));
  if (!found.length) return html`<p class="faint">No setting speaks of “${find}”.</p>`;
  const moved = plain.some(([name]) => changed(form, name));
  return html`${plain.length
      ? html`<details class="group" open=${Boolean(find) || plain.some(([name]) => form.errors.has(name))}>
          <summary><span>General</span>${moved ? h(Tag, { tone: "accent", children: "changed" }) : null}</summary>
          <div class="fields">${plain.map(([name, field]) => h(Field, { key: name, form, path: name, field }))}</div>
        </details>`
      : null}
    ${groups.map(([name, field]) => h(Group, { key: name, form, path: name, field, find, skip }))}`;
}

/** The schema of a setting by its dotted name. @param {T.Kind} kind @param {string} path @returns {T.Schema | null} */
export function fieldAt(kind, path) {
  /** @type {T.Schema | null} */
  let field = kind.schema;
  for (const part of path.split(".")) field = field ? (unwrap(field, kind.schema).schema.properties?.[part] ?? null) : null;
  return field;
}
