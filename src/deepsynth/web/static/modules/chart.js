/**
 * Curves: uPlot for the picture, and what it lacks for people who do not see it or use no mouse: a line of words under it,
 * arrow keys, and a table.
 *
 * @import * as T from "./types.js"
 * @import uPlot from "../vendor/uplot.js"
 */
import { h, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/ui.js";
import { figure } from "./format.js";

/**
 * @typedef {object} Curve
 * @property {string} name
 * @property {readonly T.Point[]} points ascending; null is a value that was not finite
 * @property {number} tone which of the palette's colors
 * @property {boolean} [dashed]
 */

const HEIGHT = 230;
const TABLE_ROWS = 20;

/**
 * A color of the style sheet as a canvas understands it: resolved for the scheme that is shown.
 *
 * @param {Element} element
 * @param {string} variable
 * @param {number} [alpha]
 */
function color(element, variable, alpha = 1) {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  element.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return alpha === 1 ? found : found.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}

/**
 * A moving mean that forgets: `weight` 0 leaves the values as they are. Values that are not finite stay gaps.
 *
 * @param {readonly T.Point[]} points
 * @param {number} weight
 * @returns {T.Point[]}
 */
export function smooth(points, weight) {
  let mean = 0;
  let seen = 0;
  return points.map(([x, value]) => {
    if (value === null) return [x, null];
    mean = mean * weight + value * (1 - weight);
    seen = seen * weight + (1 - weight);
    return [x, mean / seen];
  });
}

/** @param {readonly T.Point[]} points @param {boolean} log a logarithm has no place for zero and below */
function columns(points, log) {
  const kept = log ? points.map(([x, y]) => /** @type {T.Point} */ ([x, y !== null && y > 0 ? y : null])) : points;
  return /** @type {[number[], (number | null)[]]} */ ([kept.map(([x]) => x), kept.map(([, y]) => y)]);
}

/** @typedef {{title: string, curves: readonly Curve[], weight: number, log: boolean, across: string}} ChartProps */

/** The value of a curve at or before x. @param {readonly T.Point[]} points @param {number} x */
function valueAtOrBefore(points, x) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= x) low = middle + 1;
    else high = middle;
  }
  return low ? points[low - 1] : null;
}

/**
 * Draws into an element and keeps the drawing when only the points grow.
 *
 * @param {ChartProps} props
 * @param {(x: number | null) => void} onPoint
 */
function usePlot({ title, curves, weight, log, across }, onPoint) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const module = useRef(/** @type {typeof uPlot | null} */ (null));
  const [ready, setReady] = useState(false);
  const [look, setLook] = useState(0);
  const shape = JSON.stringify([title, log, weight > 0, across, look, curves.map((curve) => [curve.name, curve.tone, curve.dashed])]);

  useEffect(() => {
    let gone = false;
    import("../vendor/uplot.js").then(({ default: found }) => {
      module.current = found;
      if (!gone) setReady(true);
    });
    const redraw = () => setLook((count) => count + 1);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("themechange", redraw);
    scheme.addEventListener("change", redraw);
    return () => {
      gone = true;
      removeEventListener("themechange", redraw);
      scheme.removeEventListener("change", redraw);
    };
  }, []);

  const data = useMemo(() => {
    if (!module.current) return null;
    const drawn = curves.flatMap((curve) =>
      weight > 0 ? [columns(curve.points, log), columns(smooth(curve.points, weight), log)] : [columns(curve.points, log)],
    );
    return module.current.join(drawn);
  }, [ready, curves, weight, log]);

  useLayoutEffect(() => {
    const element = place.current;
    const UPlot = module.current;
    if (!element || !UPlot || !data) return;
    const made = new UPlot(options(element, { title, curves, weight, log, across }, onPoint), data, element);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: Math.max(160, element.clientWidth), height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [ready, shape]);

  useEffect(() => {
    if (plot.current && data) plot.current.setData(data);
  }, [data]);
  return { place, plot };
}

/**
 * @param {HTMLElement} element
 * @param {ChartProps} props
 * @param {(x: number | null) => void} onPoint
 * @returns {uPlot.Options}
 */
function options(element, { curves, weight, log, across }, onPoint) {
  const grid = { stroke: color(element, "--line"), width: 1 };
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: color(element, "--ink-2"), grid, ticks: { ...grid, size: 4 }, font };
  /** @param {Curve} curve @param {boolean} faint */
  const line = (curve, faint) => ({
    label: curve.name,
    stroke: color(element, `--curve-${(curve.tone % 8) + 1}`, faint ? 0.33 : 1),
    width: faint ? 1 : 1.75,
    dash: curve.dashed ? [5, 4] : undefined,
    points: { show: !faint && curve.points.length < 40, size: 5 },
  });
  return {
    width: Math.max(160, element.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: across, setSeries: false }, points: { size: 7 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: log ? { distr: 3 } : {} },
    axes: [
      { ...axis, size: 28, gap: 3, values: (_, ticks) => ticks.map((tick) => figure(tick)) },
      { ...axis, size: 52, gap: 4, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : figure(tick))) },
    ],
    series: [{}, ...curves.flatMap((curve) => (weight > 0 ? [line(curve, true), line(curve, false)] : [line(curve, false)]))],
    hooks: {
      setCursor: [
        (made) => {
          const { idx } = made.cursor;
          onPoint(idx === null || idx === undefined ? null : made.data[0][idx]);
        },
      ],
    },
  };
}

/** @param {ChartProps} props */
export function Chart(props) {
  const { title, curves, across } = props;
  const [x, setX] = useState(/** @type {number | null} */ (null));
  const { place, plot } = usePlot(props, setX);
  const last = Math.max(...curves.map((curve) => curve.points.at(-1)?.[0] ?? 0));
  const told = curves.map((curve) => ({ curve, point: valueAtOrBefore(curve.points, x ?? last) }));
  const press = (/** @type {KeyboardEvent} */ event) => {
    const made = plot.current;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (!made || by === undefined) return;
    event.preventDefault();
    const count = made.data[0].length;
    const index = Math.min(count - 1, Math.max(0, (made.cursor.idx ?? count - 1) + by));
    made.setCursor({ left: made.valToPos(made.data[0][index], "x"), top: HEIGHT / 3 });
  };
  return html`<figure class="chart">
    <figcaption>
      <h3>${title}</h3>
      <ul class="legend">
        ${told.map(
          ({ curve, point }) => html`<li>
            <span class=${`swatch tone-${(curve.tone % 8) + 1} ${curve.dashed ? "dashed" : ""}`} aria-hidden="true"></span>
            <span class="legend-name">${curve.name}</span> <strong>${figure(point?.[1])}</strong>
          </li>`,
        )}
      </ul>
    </figcaption>
    <div
      class="plot"
      ref=${place}
      tabindex="0"
      role="group"
      aria-label=${`${title} by ${across.toLowerCase()}. Arrow keys move along the curve; the table below has the values.`}
      onKeyDown=${press}
    ></div>
    <p class="chart-at faint">${across} ${figure(x ?? last)}${x === null ? " (latest)" : ""}</p>
    ${h(ChartTable, { title, curves, across })}
  </figure>`;
}

/** The newest values as a table. @param {{title: string, curves: readonly Curve[], across: string}} props */
function ChartTable({ title, curves, across }) {
  const [open, setOpen] = useState(false);
  const xs = open ? [...new Set(curves.flatMap((curve) => curve.points.map(([x]) => x)))].sort((a, b) => b - a) : [];
  const at = curves.map((curve) => (open ? new Map(curve.points) : new Map()));
  return html`<details class="as-table" onToggle=${(/** @type {any} */ event) => setOpen(event.target.open)}>
    <summary>As a table<span class="unseen"> of ${title}</span></summary>
    ${open
      ? html`<div class="scroll" tabindex="0" role="region" aria-label=${`Values of ${title}`}>
          <table>
            <thead>
              <tr><th scope="col">${across}</th>${curves.map((curve) => html`<th scope="col">${curve.name}</th>`)}</tr>
            </thead>
            <tbody>
              ${xs.slice(0, TABLE_ROWS).map(
                (x) => html`<tr><th scope="row">${figure(x)}</th>${at.map((map) => html`<td>${figure(map.get(x))}</td>`)}</tr>`,
              )}
            </tbody>
          </table>
        </div>
        ${xs.length > TABLE_ROWS ? html`<p class="faint">The latest ${TABLE_ROWS} of ${xs.length}.</p>` : null}`
      : null}
  </details>`;
}
