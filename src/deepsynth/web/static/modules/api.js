/**
 * Speaks to the server. Every address is relative, so the application may live below any path; every refusal becomes an
 * ApiError that carries the server's own sentence and the setting that it is about.
 *
 * @import * as T from "./types.js"
 */

/** A refusal: `detail` is a sentence to show, `field` the dotted path of the setting that it is about. */
export class ApiError extends Error {
  /** @param {number} status @param {string} detail @param {string | null} field */
  constructor(status, detail, field = null) {
    super(detail);
    this.status = status;
    this.detail = detail;
    this.field = field;
  }
}

/** @param {Record<string, string | number | boolean | null | undefined | string[]>} values */
export function query(values) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value)) for (const item of value) found.append(name, item);
    else if (value !== null && value !== undefined && value !== "") found.append(name, String(value));
  }
  const text = found.toString();
  return text ? `?${text}` : "";
}

/** The sentence for an error of any kind. @param {unknown} error */
export function explain(error) {
  if (error instanceof ApiError) return error.detail;
  if (error instanceof TypeError) return "The server does not answer. Is it still running?";
  return error instanceof Error ? error.message : String(error);
}

/**
 * Turns an answer that is not 2xx into an ApiError; a lost session leads to the login page.
 *
 * @param {Response} answer
 */
export async function refuse(answer) {
  if (answer.status === 401) location.assign("login");
  const body = await answer.json().catch(() => null);
  const wait = answer.headers.get("Retry-After");
  const detail = body?.detail ?? `The server answered ${answer.status}.`;
  return new ApiError(answer.status, wait ? `${detail} Try again in ${wait} s.` : detail, body?.field ?? null);
}

/** @param {string} path @param {RequestInit} [init] */
async function ask(path, init) {
  const answer = await fetch(path, { credentials: "same-origin", ...init });
  if (!answer.ok) throw await refuse(answer);
  return answer.status === 204 ? null : answer.json();
}

/** @param {string} method @param {string} path @param {unknown} [body] @param {Record<string, string>} [headers] */
function send(method, path, body, headers = {}) {
  if (body === undefined) return ask(path, { method, headers });
  const json = { "Content-Type": "application/json", ...headers };
  return ask(path, { method, body: JSON.stringify(body), headers: json });
}

/** @type {(id: string, rest?: string) => string} */
const job = (id, rest = "") => `api/jobs/${encodeURIComponent(id)}${rest}`;

/** @returns {Promise<T.Kind[]>} */
export const getKinds = async () => (await ask("api/kinds")).kinds;
/** @param {{type?: string, state?: string[], limit?: number, cursor?: string}} filter @returns {Promise<{jobs: T.Job[], total: number, next: string | null}>} */
export const getJobs = (filter) => ask(`api/jobs${query(filter)}`);
/** @param {string} id @returns {Promise<T.JobDetail>} */
export const getJob = async (id) => (await ask(job(id))).job;
/** @param {T.JobRequest} request @param {string} key @returns {Promise<T.Job>} */
export const createJob = async (request, key) =>
  (await send("POST", "api/jobs", request, { "Idempotency-Key": key })).job;
/** @param {T.JobRequest} request @param {AbortSignal} signal @returns {Promise<T.Check>} */
export const checkJob = (request, signal) =>
  ask("api/jobs/check", {
    method: "POST",
    body: JSON.stringify(request),
    headers: { "Content-Type": "application/json" },
    signal,
  });
/** Reads YAML or JSON as settings. @param {string} kind @param {string} text @returns {Promise<{settings: Record<string, unknown>}>} */
export const parseSettings = (kind, text) => send("POST", "api/settings/parse", { kind, text });
/** @param {string} id @returns {Promise<T.Job>} */
export const pauseJob = async (id) => (await send("POST", job(id, "/pause"))).job;
/** @param {string} id @returns {Promise<T.Job>} */
export const resumeJob = async (id) => (await send("POST", job(id, "/resume"))).job;
/** @param {string} id @param {boolean} save @returns {Promise<T.Job>} */
export const cancelJob = async (id, save) => (await send("POST", job(id, "/cancel"), { save })).job;
/** @param {string} id @param {string} name @returns {Promise<T.Job>} */
export const renameJob = async (id, name) => (await send("PATCH", job(id), { name })).job;
/** @param {string} id @param {boolean} artifacts whether its files go too @returns {Promise<{message: string}>} */
export const deleteJob = (id, artifacts) =>
  send("DELETE", job(id, query({ artifacts: artifacts ? "delete" : "keep" })));
/** @param {string[]} order */
export const orderQueue = (order) => send("PUT", "api/queue", { order });
/** @param {string} id @param {number} offset @param {number} limit @returns {Promise<{text: string, offset: number, next_offset: number, size: number}>} */
export const getLogs = (id, offset, limit = 65536) => ask(job(id, `/logs${query({ offset, limit })}`));
/** @param {string} id @param {string} cursor @returns {Promise<T.Metrics>} */
export const getMetrics = (id, cursor = "") => ask(job(id, `/metrics${query({ cursor, max_points: 2000 })}`));
/** @param {string} id @param {number} after @returns {Promise<{points: T.SystemPoint[], next: number}>} */
export const getSystemPoints = (id, after = 0) => ask(job(id, `/system${query({ after })}`));
/** @param {string} id @returns {Promise<T.HistoryEvent[]>} */
export const getHistory = async (id) => (await ask(job(id, "/events"))).events;
/** @param {string} id @returns {Promise<T.Sample[]>} */
export async function getSamples(id) {
  const { samples } = await ask(job(id, "/samples?limit=200"));
  return samples.map((/** @type {any} */ sample) => ({ ...sample, prediction: sample.prediction ?? "", pages: sample.pages ?? [] }));
}
/** @param {string} id @returns {Promise<Record<string, unknown>>} */
export const getReport = (id) => ask(job(id, "/report"));
/** @param {string} id @returns {Promise<{files: T.JobFile[], truncated: boolean}>} */
export const getFiles = (id) => ask(job(id, "/files"));
/** @type {(id: string, file: string) => string} */
export const fileAddress = (id, file) => job(id, `/files/${encodeURIComponent(file)}`);

/** @returns {Promise<T.Dataset[]>} */
export const getDatasets = async () => (await ask("api/datasets")).datasets;
/** @param {string} id @returns {Promise<T.Dataset & {settings?: unknown, report?: unknown, card?: string | null}>} */
export const getDataset = async (id) => (await ask(`api/datasets/${encodeURIComponent(id)}`)).dataset;
/** @param {string} id @param {string} split @param {number} offset @param {number} limit @returns {Promise<{rows: T.Row[], total: number}>} */
export const getRows = (id, split, offset, limit) =>
  ask(`api/datasets/${encodeURIComponent(id)}/rows${query({ split, offset, limit })}`);
/** @param {string} id @param {number} offset @param {number} limit @returns {Promise<{rejected: T.Rejected[], total: number, reasons: Record<string, number>}>} */
export const getRejected = (id, offset, limit) =>
  ask(`api/datasets/${encodeURIComponent(id)}/rejected${query({ offset, limit })}`);
/** @param {string} id @returns {Promise<{message: string}>} */
export const deleteDataset = (id) => send("DELETE", `api/datasets/${encodeURIComponent(id)}`);

/** @returns {Promise<T.Model[]>} */
export const getModels = async () => (await ask("api/models")).models;
/** @param {string} id @param {boolean} keep @returns {Promise<{model: T.Model}>} */
export const keepModel = (id, keep) => send("PATCH", `api/models/${encodeURIComponent(id)}`, { keep });
/** @param {string[]} ids @returns {Promise<{deleted: string[], freed_bytes: number}>} */
export const deleteModels = (ids) => send("POST", "api/models/delete", { ids });

/** @param {File} file @returns {Promise<T.Upload>} */
export async function upload(file) {
  const init = { method: "POST", body: file, headers: { "Content-Type": mediaType(file) } };
  return (await ask(`api/uploads${query({ name: file.name })}`, init)).upload;
}

const MEDIA_TYPES = new Map([
  ["pdf", "application/pdf"],
  ["txt", "text/plain"],
  ["md", "text/markdown"],
  ["csv", "text/csv"],
  ["json", "application/json"],
  ["jsonl", "application/x-ndjson"],
  ["parquet", "application/vnd.apache.parquet"],
  ["png", "image/png"],
  ["jpg", "image/jpeg"],
  ["jpeg", "image/jpeg"],
  ["webp", "image/webp"],
]);

/** The content type of a file by its name, since browsers know few of ours. @param {File} file */
export function mediaType(file) {
  const ending = file.name.split(".").pop()?.toLowerCase() ?? "";
  return MEDIA_TYPES.get(ending) ?? (file.type || "application/octet-stream");
}

/** @returns {Promise<T.Hub>} */
export const getHub = () => ask("api/hub");
/** @param {string} token @param {boolean} remember @returns {Promise<T.Hub>} */
export const setHubToken = (token, remember) => send("PUT", "api/hub/token", { token, remember });
/** @returns {Promise<T.Hub>} */
export const deleteHubToken = () => send("DELETE", "api/hub/token");
/** @returns {Promise<T.SystemInfo>} */
export const getSystem = () => ask("api/system");
/** @returns {Promise<{at: string, method: string, path: string, status: number, client: string}[]>} */
export const getAudit = async () => (await ask("api/audit?limit=50")).entries;
export const logout = () => send("POST", "api/logout");

/** @returns {Promise<T.Comparison[]>} */
export const getComparisons = async () => (await ask("api/comparisons")).comparisons;
/** @param {string} name @param {string[]} jobs @param {Record<string, unknown>} view */
export const saveComparison = (name, jobs, view) =>
  send("PUT", `api/comparisons/${encodeURIComponent(name)}`, { jobs, view });
/** @param {string} name */
export const deleteComparison = (name) => send("DELETE", `api/comparisons/${encodeURIComponent(name)}`);

/** @returns {Promise<T.Inference>} */
export const getInference = () => ask("api/inference");
/** @returns {Promise<T.Inference>} */
export const unloadModel = () => send("POST", "api/inference/unload");
