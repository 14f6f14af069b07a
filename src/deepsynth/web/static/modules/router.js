/**
 * The address behind the `#`: a path and its parameters, as a signal. The server knows one page, so the application works
 * below any path of a proxy.
 */
import { signal } from "../vendor/ui.js";

/** @typedef {{path: string[], query: URLSearchParams}} Route */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decode);
  return { path: parts.length ? parts : ["jobs"], query: new URLSearchParams(search) };
}

/** A damaged escape stays as it is. @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** @param {string[]} path @param {Record<string, string>} [query] */
export function link(path, query = {}) {
  const search = new URLSearchParams(query).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${search ? `?${search}` : ""}`;
}

export const route = signal(parse(location.hash));

addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});

/** @param {string[]} path @param {Record<string, string>} [query] */
export function go(path, query) {
  location.hash = link(path, query);
}

/** Changes the parameters without a new entry in the history. @param {Record<string, string>} query */
export function replaceQuery(query) {
  const address = link(route.peek().path, query);
  history.replaceState(null, "", address);
  route.value = parse(address);
}
