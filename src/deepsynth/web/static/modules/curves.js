/**
 * The metrics of one or several runs, followed while they grow, and how they are looked at: smoothing, scale, x axis.
 *
 * @import * as T from "./types.js"
 * @import { Curve } from "./chart.js"
 */
import { h, html, useEffect, useMemo, useRef, useState } from "../vendor/ui.js";
import * as api from "./api.js";
import { Chart } from "./chart.js";
import { Segments } from "./elements.js";
import { listen } from "./events.js";
import { words } from "./format.js";
import { gaps } from "./store.js";

/** @typedef {Record<string, T.Point[]>} Series */

/** What belongs into one chart; every other series has a chart of its own. */
const TOGETHER = [
  { title: "Loss", names: ["loss", "evaluation_loss", "averaged_evaluation_loss"] },
  { title: "Learning rate", names: ["learning_rate", "muon_learning_rate"] },
];
/** Series that say where a step stands; they are x axes. */
const AXES = new Map([
  ["epoch", "Epoch"],
  ["examples", "Examples"],
  ["time", "Minutes"],
]);
const REFETCH_ABOVE = 6000;

/**
 * The metrics of a run by name. The first fetch gives the whole history, later ones only what is new; a resumed run may
 * take points back, and the server then sends all anew.
 *
 * @param {string} id
 * @returns {{series: Series | null, error: unknown}}
 */
export function useMetrics(id) {
  const [state, setState] = useState(/** @type {{series: Series | null, error: unknown}} */ ({ series: null, error: null }));
  const cursor = useRef("");
  const size = useRef(-1);
  const asking = useRef(false);
  const wanted = useRef(false);
  const gap = gaps.value;
  useEffect(() => {
    let gone = false;
    cursor.current = "";
    const fetch = async () => {
      if (asking.current) {
        wanted.current = true;
        return;
      }
      asking.current = true;
      wanted.current = false;
      try {
        const fresh = await api.getMetrics(id, cursor.current);
        const whole = fresh.reset || cursor.current === "";
        cursor.current = fresh.cursor;
        if (!gone) setState((old) => ({ series: whole ? fresh.series : joined(old.series ?? {}, fresh.series), error: null }));
      } catch (error) {
        if (!gone) setState((old) => ({ ...old, error }));
      } finally {
        asking.current = false;
        if (wanted.current && !gone) fetch();
      }
    };
    fetch();
    const stops = [
      listen("progress", (data) => {
        if (data.job_id !== id || data.metrics_size === size.current) return;
        size.current = data.metrics_size;
        fetch();
      }),
      listen("job", (job) => job.job_id === id && fetch()),
    ];
    return () => {
      gone = true;
      for (const stop of stops) stop();
    };
  }, [id, gap]);
  useEffect(() => {
    const longest = Math.max(0, ...Object.values(state.series ?? {}).map((points) => points.length));
    if (longest > REFETCH_ABOVE) cursor.current = "";
  }, [state.series]);
  return state;
}

/** @param {Series} old @param {Series} fresh @returns {Series} */
function joined(old, fresh) {
  const names = new Set([...Object.keys(old), ...Object.keys(fresh)]);
  return Object.fromEntries([...names].map((name) => [name, [...(old[name] ?? []), ...(fresh[name] ?? [])]]));
}

/**
 * Points with another x: that of the same step in the axis' series, or of the step before.
 *
 * @param {readonly T.Point[]} points
 * @param {readonly T.Point[] | undefined} axis
 * @param {(x: number) => number} [scale]
 * @returns {readonly T.Point[]}
 */
export function along(points, axis, scale = (x) => x) {
  if (!axis) return points;
  let at = 0;
  /** @type {T.Point[]} */
  const moved = [];
  for (const [step, value] of points) {
    while (at + 1 < axis.length && axis[at + 1][0] <= step) at += 1;
    const x = axis[at]?.[0] <= step ? axis[at][1] : null;
    if (x !== null) moved.push([scale(x), value]);
  }
  return moved;
}

/** The x axes that a run can be drawn along; epochs only where they are counted in parts. @param {Series} series */
function axesOf(series) {
  const found = [{ value: "step", title: "Step" }];
  for (const [name, title] of AXES) {
    const points = series[name];
    if (!points?.length) continue;
    if (name === "epoch" && points.every(([, value]) => Number.isInteger(value))) continue;
    found.push({ value: name, title });
  }
  return found;
}

/** @param {Series} series @param {string} axis @param {string} name */
function drawn(series, axis, name) {
  if (axis === "step") return series[name] ?? [];
  const start = series.time?.[0]?.[1] ?? 0;
  return along(series[name] ?? [], series[axis], axis === "time" ? (x) => (x - start) / 60 : undefined);
}

/** How curves are looked at. @param {{axes: {value: string, title: string}[], view: View, onChange: (view: View) => void}} props */
function Controls({ axes, view, onChange }) {
  return html`<div class="toolbar curve-controls">
    <label class="field inline smoothing"
      ><span>Smoothing</span>
      <input type="range" min="0" max="0.98" step="0.02" value=${view.weight} aria-valuetext=${view.weight ? String(view.weight) : "off"} onInput=${(/** @type {any} */ event) => onChange({ ...view, weight: Number(event.target.value) })} />
      <output>${view.weight ? view.weight.toFixed(2) : "off"}</output></label
    >
    <label class="check"><input type="checkbox" checked=${view.log} onChange=${() => onChange({ ...view, log: !view.log })} /><span>Log scale</span></label>
    ${axes.length > 1 ? h(Segments, { legend: "Along", options: axes, chosen: view.axis, onChoose: (axis) => onChange({ ...view, axis }) }) : null}
  </div>`;
}

/** @typedef {{weight: number, log: boolean, axis: string}} View */
/** @type {View} */
export const PLAIN_VIEW = { weight: 0, log: false, axis: "step" };

/**
 * The charts of some runs: one run's curves by name, several runs' curves of one name together.
 *
 * @param {{runs: readonly {name: string, series: Series}[], view: View, onView: (view: View) => void, more?: {title: string, curves: Curve[], across: string}[]}} props
 */
export function Charts({ runs, view, onView, more = [] }) {
  const all = useMemo(() => Object.assign({}, ...runs.map((run) => run.series)), [runs]);
  const axes = axesOf(all);
  const axis = axes.some((item) => item.value === view.axis) ? view.axis : "step";
  const names = Object.keys(all).filter((name) => !AXES.has(name) && name !== "step" && all[name].some((/** @type {T.Point} */ [, value]) => value !== null));
  const groups = [
    ...TOGETHER.map((group) => ({ title: group.title, names: group.names.filter((name) => names.includes(name)) })),
    ...names.filter((name) => !TOGETHER.some((group) => group.names.includes(name))).map((name) => ({ title: words(name), names: [name] })),
  ].filter((group) => group.names.length);
  const across = axes.find((item) => item.value === axis)?.title ?? "Step";
  const charts = useMemo(
    () =>
      groups.map((group) => ({
        title: group.title,
        curves: runs.flatMap((run, place) =>
          group.names.map((name, index) => ({
            name: runs.length > 1 ? (index ? `${run.name}, ${words(name).toLowerCase()}` : run.name) : words(name),
            points: drawn(run.series, axis, name),
            tone: runs.length > 1 ? place : index,
            dashed: runs.length > 1 && index > 0,
          })),
        ).filter((curve) => curve.points.length),
      })),
    [runs, axis, groups.map((group) => group.names.join()).join(";")],
  );
  return html`${h(Controls, { axes, view: { ...view, axis }, onChange: onView })}
    <div class="charts">
      ${charts.map(({ title, curves }) => h(Chart, { key: title, title, curves, weight: view.weight, log: view.log, across }))}
      ${more.map(({ title, curves, across: own }) => h(Chart, { key: title, title, curves, weight: 0, log: false, across: own }))}
    </div>`;
}
