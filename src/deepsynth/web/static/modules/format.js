/** Numbers, sizes and times as people read them; every function takes null for "not known" and says so with a dash. */

const UNKNOWN = "–";
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** @param {number | null | undefined} value */
export function bytes(value) {
  if (value === null || value === undefined) return UNKNOWN;
  let unit = 0;
  let left = value;
  while (left >= 1000 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}

/** @param {number | null | undefined} value */
export function count(value) {
  return value === null || value === undefined ? UNKNOWN : whole.format(value);
}

/** `1 row`, `2 rows`. @param {number} value @param {string} one @param {string} [many] */
export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A figure with four significant digits. @param {number | null | undefined} value */
export function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace("e+", "e");
  return Number.isInteger(value) || size >= 1000 ? count(value) : String(Number(value.toPrecision(4)));
}

/** `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const total = Math.round(seconds);
  if (total < 60) return `${total} s`;
  const minutes = Math.floor(total / 60);
  if (minutes < 60) return minutes < 10 && total % 60 ? `${minutes} min ${total % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `just now`, `12 min ago`, or the date. @param {string | null | undefined} at @param {number} now milliseconds */
export function ago(at, now = Date.now()) {
  if (!at) return UNKNOWN;
  const seconds = (now - Date.parse(at)) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  return seconds < 7 * 86400 ? `${Math.round(seconds / 86400)} d ago` : day(at);
}

/** @param {string} at */
export function day(at) {
  return new Date(at).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

/** @param {string | null | undefined} at */
export function moment(at) {
  if (!at) return UNKNOWN;
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** Seconds between two moments; the second may still be to come. @param {string | null} from @param {string | null} to */
export function elapsed(from, to) {
  return from ? ((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000 : null;
}

/** What short names of settings and metrics are called on the page. @type {Record<string, string>} */
const SPELLED = { num: "", eval: "evaluation", grad: "gradient", lora: "LoRA", jpeg: "JPEG", chars: "characters", px: "letter size, px", mib: "(MiB)" };

/** `learning_rate` as `Learning rate`, `num_epochs` as `Epochs`. @param {string} name */
export function words(name) {
  const text = name
    .split(/[_-]+/)
    .map((part) => SPELLED[part] ?? part)
    .join(" ")
    .trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `cpu:0` as `CPU`, `gpu:1` as `GPU 1`. @param {string} slot */
export function slotName(slot) {
  const [kind, number] = slot.split(":");
  return kind === "cpu" ? "CPU" : `${kind.toUpperCase()} ${number ?? ""}`.trim();
}
