/**
 * The tree of settings: reading its JSON Schema, laying changes over it, finding what differs. The server lays the same
 * layers and has the last word; this is what the form shows until it answers.
 *
 * @import * as T from "./types.js"
 */

/** @typedef {Record<string, unknown>} Tree */

/** @param {unknown} value @returns {value is Tree} */
export function isTree(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The schema behind a reference, with the reference's own words kept. @param {T.Schema} schema @param {T.Schema} root @returns {T.Schema} */
export function resolve(schema, root) {
  if (!schema.$ref) return schema;
  const name = schema.$ref.split("/").pop() ?? "";
  const { $ref, ...own } = schema;
  return { ...(root.$defs?.[name] ?? {}), ...own };
}

/**
 * A field's schema without its "or none", and whether none is allowed.
 *
 * @param {T.Schema} schema
 * @param {T.Schema} root
 * @returns {{schema: T.Schema, optional: boolean}}
 */
export function unwrap(schema, root) {
  const known = resolve(schema, root);
  if (!known.anyOf) return { schema: known, optional: false };
  const { anyOf, ...own } = known;
  const kinds = anyOf.map((kind) => resolve(kind, root));
  const some = kinds.filter((kind) => kind.type !== "null");
  return { schema: { ...some[0], ...own }, optional: some.length < kinds.length };
}

/** @param {Tree} base @param {Tree} over nested, or by dotted names @returns {Tree} */
export function merge(base, over) {
  /** @type {Tree} */
  const merged = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const [head, ...rest] = name.split(".");
    const inner = rest.length ? { [rest.join(".")]: value } : value;
    const known = merged[head];
    if (isTree(inner) && (isTree(known) || rest.length)) merged[head] = merge(isTree(known) ? known : {}, inner);
    else merged[head] = inner;
  }
  return merged;
}

/** @param {unknown} tree @param {string} path */
export function valueAt(tree, path) {
  let value = tree;
  for (const part of path.split(".")) value = isTree(value) ? value[part] : undefined;
  return value;
}

/** @param {unknown} left @param {unknown} right */
export function same(left, right) {
  return JSON.stringify(left) === JSON.stringify(right);
}

/**
 * Every value of a tree by its dotted name; an empty branch is a value too.
 *
 * @param {Tree} tree
 * @param {string} [above]
 * @returns {Record<string, unknown>}
 */
export function flatten(tree, above = "") {
  /** @type {Record<string, unknown>} */
  const flat = {};
  for (const [name, value] of Object.entries(tree)) {
    const path = above + name;
    if (isTree(value) && Object.keys(value).length) Object.assign(flat, flatten(value, `${path}.`));
    else flat[path] = value;
  }
  return flat;
}

/**
 * What has to be laid over `base` to get `wanted`, by dotted names.
 *
 * @param {Tree} base
 * @param {Tree} wanted
 * @param {string} [above]
 * @returns {Record<string, unknown>}
 */
export function difference(base, wanted, above = "") {
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const [name, value] of Object.entries(wanted)) {
    const known = base[name];
    if (isTree(value) && isTree(known)) Object.assign(found, difference(known, value, `${above}${name}.`));
    else if (!same(value, known)) found[above + name] = value;
  }
  return found;
}

/** The default of every setting that has one, for a branch that is switched on. @param {T.Schema} schema @param {T.Schema} root @returns {Tree} */
export function defaultsOf(schema, root) {
  /** @type {Tree} */
  const tree = {};
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const { schema: inner } = unwrap(field, root);
    tree[name] = "default" in field ? field.default : inner.properties ? defaultsOf(inner, root) : null;
  }
  return tree;
}

/** A value as one reads it. @param {unknown} value @returns {string} */
export function show(value) {
  if (value === null || value === undefined || value === "") return "not set";
  if (value === true) return "on";
  if (value === false) return "off";
  if (Array.isArray(value)) return value.length ? value.map(show).join(", ") : "none";
  if (isTree(value)) {
    const parts = Object.entries(value).map(([name, inner]) => `${name}: ${show(inner)}`);
    return parts.length ? parts.join(", ") : "none";
  }
  return String(value);
}
