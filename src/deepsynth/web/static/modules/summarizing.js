/**
 * Asks the server for a summary and reads it while it is written.
 *
 * @import * as T from "./types.js"
 */
import { ApiError, mediaType, query, refuse } from "./api.js";

/** @typedef {{text: string} | {file: File}} Input */
/** @typedef {Record<string, string | number | null>} Options */
/**
 * @typedef {object} Listener
 * @property {(state: string, position: number | null) => void} onStatus
 * @property {(text: string) => void} onText what was added
 */

/** @param {Input} input @param {Options} options @param {boolean} stream @returns {[string, RequestInit]} the query and the request */
function request(input, options, stream) {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null && value !== ""));
  if ("file" in input) {
    const search = query({ ...given, ...(stream ? { stream: true } : {}) });
    return [search, { method: "POST", body: input.file, headers: { "Content-Type": mediaType(input.file) } }];
  }
  const body = JSON.stringify({ text: input.text, options: given, ...(stream ? { stream: true } : {}) });
  return ["", { method: "POST", body, headers: { "Content-Type": "application/json" } }];
}

/**
 * What summarizing would read and cost; nothing is written.
 *
 * @param {Input} input
 * @param {Options} options
 * @param {AbortSignal} signal
 * @returns {Promise<T.Plan>}
 */
export async function plan(input, options, signal) {
  const [search, init] = request(input, options, false);
  const answer = await fetch(`api/plan${search}`, { ...init, signal });
  if (!answer.ok) throw await refuse(answer);
  return answer.json();
}

/**
 * Splits a stream of server-sent events; comments and keep-alives fall away.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<{event: string, data: any}>}
 */
export async function* readEvents(body) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let left = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    left += value.replace(/\r\n?/g, "\n");
    for (let end = left.indexOf("\n\n"); end >= 0; end = left.indexOf("\n\n")) {
      const block = left.slice(0, end);
      left = left.slice(end + 2);
      let event = "message";
      const data = [];
      for (const line of block.split("\n")) {
        if (line.startsWith("event:")) event = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      }
      if (data.length) yield { event, data: JSON.parse(data.join("\n")) };
    }
  }
}

/**
 * @param {Input} input
 * @param {Options} options
 * @param {Listener} listener
 * @param {AbortSignal} signal ends the writing on the server too
 * @returns {Promise<T.SummaryResult>}
 */
export async function summarize(input, options, listener, signal) {
  const [search, init] = request(input, options, true);
  const answer = await fetch(`api/summarize${search}`, { ...init, signal });
  if (!answer.ok) throw await refuse(answer);
  if (!answer.body) throw new ApiError(answer.status, "The server sent no stream.");
  for await (const { event, data } of readEvents(answer.body)) {
    if (event === "status") listener.onStatus(data.state, data.position ?? null);
    else if (event === "token") listener.onText(data.text);
    else if (event === "summary") return data;
    else if (event === "error") throw new ApiError(200, data.detail, data.field ?? null);
  }
  throw new ApiError(200, "The connection ended before the summary did. Try again.");
}
