/**
 * Datasets as what they are: pages, the text on them and the summary, with the rows that look wrong and those kept out.
 *
 * @import * as T from "./types.js"
 */
import { h, html, useState } from "../vendor/ui.js";
import * as api from "./api.js";
import { Ago, Button, Dialog, Empty, Facts, Head, Notice, Pager, Pages, Segments, Skeleton, Tabs, Tag, whenLoaded } from "./elements.js";
import { bytes, count, plural, words } from "./format.js";
import { Icon } from "./icons.js";
import { useLoaded } from "./loading.js";
import { datasetName } from "./names.js";
import { go, link, replaceQuery, route } from "./router.js";
import { LongText } from "./samples.js";
import { attempt, say } from "./store.js";

const ROWS = 10;

/** @param {T.Dataset} dataset */
const splitsWords = (dataset) => Object.entries(dataset.splits).map(([name, rows]) => `${count(rows)} ${name}`).join(" · ");

/** @param {{dataset: T.Dataset}} props */
function DatasetCard({ dataset }) {
  return html`<li class="card-item">
    <div class="card-item-main">
      <h2><a href=${link(["datasets", dataset.id])}>${datasetName(dataset)}</a></h2>
      <p class="job-about"><span>${splitsWords(dataset)}</span><span>${dataset.mode}</span><span>${dataset.languages.join(", ")}</span></p>
    </div>
    <div class="tags">
      ${dataset.whole ? null : h(Tag, { tone: "warn", children: "incomplete" })}
      ${dataset.rejected ? h(Tag, { children: `${plural(dataset.rejected, "row")} kept out` }) : null}
      ${dataset.hf_dataset_repo ? h(Tag, { tone: "accent", children: dataset.hf_dataset_repo }) : null}
    </div>
    <p class="number faint">${bytes(dataset.bytes)}<br />${dataset.created_at ? h(Ago, { at: dataset.created_at }) : null}</p>
  </li>`;
}

function DatasetList() {
  const loaded = useLoaded(api.getDatasets, []);
  return html`${h(Head, {
      title: "Datasets",
      lead: "Prepared documents: pages, text and summaries, ready to learn from.",
      children: html`<a class="button primary" href=${link(["new"], { kind: "dataset" })}>Prepare a dataset</a>`,
    })}
    ${whenLoaded(
      loaded,
      (datasets) =>
        datasets.length
          ? html`<ul class="card-list" aria-label="Datasets">${datasets.map((dataset) => h(DatasetCard, { key: dataset.id, dataset }))}</ul>`
          : h(Empty, {
              title: "No datasets yet",
              children: "Prepare one from a file, a folder, the packages installed here, or a Hub dataset.",
              action: html`<a class="button primary" href=${link(["new"], { kind: "dataset" })}>Prepare a dataset</a>`,
            }),
      h(Skeleton, { lines: 5, tall: true }),
    )}`;
}

/** @param {{row: T.Row}} props */
function RowCard({ row }) {
  return html`<article class=${`sample ${row.flags.length ? "flagged" : ""}`}>
    <header class="sample-head">
      <h3 class="sample-id">${row.id}</h3>
      <p class="job-about">
        <span>${count(row.characters)} characters</span><span>summary ${count(row.summary_characters)}</span>
        ${row.summary_characters ? html`<span>${(row.characters / row.summary_characters).toFixed(1)} times as long</span>` : null}
        <span>${plural(row.pages.length, "page")}</span>${row.language && row.language !== "und" ? html`<span>${row.language}</span>` : null}
      </p>
    </header>
    ${row.flags.map((flag) => html`<p class="flag">${h(Icon, { name: "warning" })}${flag}</p>`)}
    <div class="sample-grid">
      <section class="part"><h4>Page</h4>${h(Pages, { pages: row.pages })}</section>
      <section class="part"><h4>Text</h4>${h(LongText, { text: row.text })}</section>
      <section class="part strong"><h4>Summary</h4><p class="reading">${row.summary ?? "None."}</p></section>
    </div>
  </article>`;
}

/** @param {{dataset: T.Dataset}} props */
function Rows({ dataset }) {
  const names = Object.keys(dataset.splits);
  const query = route.value.query;
  const split = names.includes(query.get("split") ?? "") ? /** @type {string} */ (query.get("split")) : names[0];
  const offset = Number(query.get("offset") ?? 0) || 0;
  const [flagged, setFlagged] = useState(false);
  const loaded = useLoaded(() => api.getRows(dataset.id, split, offset, ROWS), [dataset.id, split, offset]);
  if (!names.length) return h(Empty, { title: "This dataset has no rows" });
  return html`<div class="toolbar">
      ${h(Segments, {
        legend: "Split",
        options: names.map((name) => ({ value: name, title: `${name} ${count(dataset.splits[name])}` })),
        chosen: split,
        onChoose: (next) => replaceQuery({ split: next }),
      })}
      <label class="check"><input type="checkbox" checked=${flagged} onChange=${() => setFlagged(!flagged)} /><span>Only flagged rows of this page</span></label>
    </div>
    ${whenLoaded(
      loaded,
      ({ rows, total }) => {
        const shown = flagged ? rows.filter((row) => row.flags.length) : rows;
        return html`<div class="samples">${shown.map((row) => h(RowCard, { key: row.index, row }))}</div>
          ${shown.length ? null : html`<p class="faint centered">None of these ${rows.length} rows is flagged.</p>`}
          ${h(Pager, { offset, limit: ROWS, total, what: "rows", onMove: (next) => replaceQuery({ split, offset: String(next) }) })}`;
      },
      h(Skeleton, { lines: 8, tall: true }),
    )}`;
}

/** @param {{dataset: T.Dataset}} props */
function RejectedRows({ dataset }) {
  const [offset, setOffset] = useState(0);
  const loaded = useLoaded(() => api.getRejected(dataset.id, offset, 50), [dataset.id, offset]);
  return whenLoaded(loaded, ({ rejected, total, reasons }) => {
    if (!total) return h(Empty, { title: "No row was kept out", children: "Every row that was read is in the dataset." });
    const most = Math.max(...Object.values(reasons));
    return html`<ul class="reasons" aria-label="Reasons">
        ${Object.entries(reasons).map(
          ([reason, many]) => html`<li><span>${words(reason)}</span><meter min="0" max=${most} value=${many} aria-hidden="true"></meter><span class="number">${count(many)}</span></li>`,
        )}
      </ul>
      <div class="scroll" tabindex="0" role="region" aria-label="Rows kept out">
        <table>
          <thead><tr><th scope="col">Where</th><th scope="col">Reason</th><th scope="col">Detail</th></tr></thead>
          <tbody>${rejected.map((row) => html`<tr><th scope="row"><code>${row.where}</code></th><td>${row.reason}</td><td>${row.detail}</td></tr>`)}</tbody>
        </table>
      </div>
      ${h(Pager, { offset, limit: 50, total, what: "rows", onMove: setOffset })}`;
  });
}

/** @param {{dataset: T.Dataset, onClose: () => void}} props */
function DeleteDialog({ dataset, onClose }) {
  const remove = async () => {
    if (await attempt(async () => say((await api.deleteDataset(dataset.id)).message))) go(["datasets"]);
  };
  return h(Dialog, {
    title: `Delete “${datasetName(dataset)}”?`,
    onClose,
    children: html`<p>${plural(dataset.rows, "row")} with their pages, ${bytes(dataset.bytes)}, go from the disk. This cannot be undone.</p>`,
    foot: html`${h(Button, { look: "quiet", onClick: onClose, children: "Keep it" })}${h(Button, { look: "danger", icon: "delete", onClick: remove, children: "Delete the dataset" })}`,
  });
}

/** @param {{id: string}} props */
function DatasetDetail({ id }) {
  const [deleting, setDeleting] = useState(false);
  const [tab, setTab] = useState("rows");
  const loaded = useLoaded(() => api.getDataset(id), [id]);
  const dataset = loaded.value;
  return html`${h(Head, {
      above: html`<a href="#/datasets">Datasets</a>`,
      title: dataset ? datasetName(dataset) : "Dataset",
      lead: dataset ? splitsWords(dataset) : "",
      children: dataset
        ? html`<a class="button primary" href=${link(["new"], { kind: "training", "data.path": `dataset:${dataset.id}` })}>Train on it</a>
            ${h(Button, { icon: "delete", onClick: () => setDeleting(true), children: "Delete" })}`
        : null,
    })}
    ${whenLoaded(
      loaded,
      (found) => html`${found.whole ? null : h(Notice, { tone: "warn", icon: "warning", children: "This dataset is incomplete: its preparation stopped. Prepare it again to go on." })}
        ${h(Facts, {
          facts: [
            ["Rows", count(found.rows)],
            ["Kept out", count(found.rejected)],
            ["Size", bytes(found.bytes)],
            ["Pages", found.pages === "stored" ? "stored" : "drawn when read"],
            ["Mode", found.mode],
            ["Languages", found.languages.join(", ") || "–"],
            ["Folder", html`<code>${found.path}</code>`],
            ...(found.job_id ? [/** @type {[string, any]} */ (["Made by", html`<a href=${link(["jobs", found.job_id])}>its job</a>`])] : []),
          ],
        })}
        ${h(Tabs, {
          label: "About this dataset",
          tabs: [
            { id: "rows", title: "Rows", note: count(found.rows) },
            { id: "rejected", title: "Kept out", note: count(found.rejected) },
            { id: "card", title: "Card" },
          ],
          chosen: tab,
          onChoose: setTab,
          children:
            tab === "rows"
              ? h(Rows, { dataset: found })
              : tab === "rejected"
                ? h(RejectedRows, { dataset: found })
                : found.card
                  ? html`<pre class="code" tabindex="0" aria-label="Dataset card">${found.card}</pre>`
                  : h(Empty, { title: "There is no card" }),
        })}
        ${deleting ? h(DeleteDialog, { dataset: found, onClose: () => setDeleting(false) }) : null}`,
      h(Skeleton, { lines: 8, tall: true }),
    )}`;
}

/** @param {{id: string | null}} props */
export function Datasets({ id }) {
  return id ? h(DatasetDetail, { key: id, id }) : h(DatasetList, {});
}
