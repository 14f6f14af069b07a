/**
 * Models: built-in sizes, and what runs have written, by lineage; what is kept, deleted, exported.
 *
 * @import * as T from "./types.js"
 */
import { h, html, useState } from "../vendor/ui.js";
import * as api from "./api.js";
import { Ago, Button, Dialog, Empty, Head, Skeleton, Tag, whenLoaded } from "./elements.js";
import { bytes, count, figure, plural } from "./format.js";
import { Icon } from "./icons.js";
import { useLoaded } from "./loading.js";
import { isServed, modelName } from "./names.js";
import { link, replaceQuery, route } from "./router.js";
import { attempt, jobs, say } from "./store.js";

/** What the built-in sizes are. @type {Record<string, string>} */
const BUILT_IN = { nano: "trained to read short pages", "nano-untrained": "random weights, to train from nothing", tiny: "random weights, for tests" };

/** From the first base to the model itself. @param {T.Model} model @param {T.Model[]} models */
function lineage(model, models) {
  /** @type {{name: string, id: string | null}[]} */
  const chain = [];
  const seen = new Set();
  let base = model.base;
  while (base && !seen.has(base)) {
    seen.add(base);
    const found = models.find((item) => item.reference === base);
    chain.unshift({ name: found ? modelName(found) : base, id: found?.id ?? null });
    base = found?.base ?? null;
  }
  return chain;
}

/** @param {{model: T.Model, models: T.Model[], best: boolean, ticked: boolean, onTick: () => void, onKeep: () => void, onDelete: () => void, served: boolean}} props */
function ModelRow({ model, models, best, ticked, onTick, onKeep, onDelete, served }) {
  const chain = lineage(model, models);
  const own = model.kind !== "built-in";
  const name = modelName(model);
  return html`<li class="card-item model" data-model=${model.id}>
    <div class="job-pick">
      ${own ? html`<input type="checkbox" aria-label=${`Choose ${name}`} checked=${ticked} disabled=${model.keep} onChange=${onTick} />` : null}
    </div>
    <div class="card-item-main">
      <h3>${name}</h3>
      <p class="lineage">
        ${chain.map(({ name }) => html`<span>${name}</span>${h(Icon, { name: "right" })}`)}<strong>${own ? (model.step === null ? model.kind : `step ${count(model.step)}`) : (BUILT_IN[model.name] ?? "")}</strong>
      </p>
      <div class="tags">
        ${model.adapter ? h(Tag, { children: "adapter" }) : null} ${best ? h(Tag, { tone: "good", children: "lowest loss of its run" }) : null}
        ${model.whole ? null : h(Tag, { tone: "warn", children: "incomplete" })} ${own && model.keep ? h(Tag, { tone: "accent", children: "kept" }) : null}
      </div>
    </div>
    <p class="number">
      ${model.loss === null ? null : html`loss ${figure(model.loss)}<br />`}${own ? html`<span class="faint">${bytes(model.bytes)}</span>` : null}
      ${model.created_at ? html`<br /><span class="faint">${h(Ago, { at: model.created_at })}</span>` : null}
    </p>
    <div class="actions">
      ${served ? html`<a class="button" href=${link(["playground"])}>Try</a>` : null}
      <a class="button" href=${link(["new"], { kind: "training", model: model.reference })}>${h(Icon, { name: "branch" })}Train from it</a>
      ${own
        ? html`<a class="button" href=${link(["new"], { kind: "evaluation", model: model.reference })}>Evaluate</a>
            <a class="button" href=${link(["new"], { kind: "export", checkpoint: model.reference })}>Export</a>
            ${h(Button, { look: "quiet", icon: "pin", pressed: model.keep, label: model.keep ? `Release ${name}` : `Keep ${name}`, onClick: onKeep })}
            ${h(Button, { look: "quiet", icon: "delete", label: `Delete ${name}`, disabled: model.keep, onClick: onDelete })}`
        : null}
    </div>
  </li>`;
}

/** @param {{models: T.Model[], onClose: () => void, onDone: () => void}} props */
function DeleteDialog({ models, onClose, onDone }) {
  const remove = async () => {
    const done = await attempt(async () => {
      const { deleted, freed_bytes: freed } = await api.deleteModels(models.map((model) => model.id));
      say(`${plural(deleted.length, "model")} deleted, ${bytes(freed)} freed.`);
    });
    if (done) onDone();
    onClose();
  };
  return h(Dialog, {
    title: models.length === 1 ? `Delete “${modelName(models[0])}”?` : `Delete ${models.length} models?`,
    onClose,
    children: html`<p>${bytes(models.reduce((sum, model) => sum + model.bytes, 0))} go from the disk. This cannot be undone.</p>
      <ul class="plain-list">${models.map((model) => html`<li>${modelName(model)} <span class="faint">${bytes(model.bytes)}</span></li>`)}</ul>`,
    foot: html`${h(Button, { look: "quiet", onClick: onClose, children: "Keep them" })}${h(Button, { look: "danger", icon: "delete", onClick: remove, children: "Delete" })}`,
  });
}

/** Models in groups: those of one run together, the newest run first. @param {T.Model[]} models */
function groups(models) {
  /** @type {Map<string, T.Model[]>} */
  const found = new Map();
  for (const model of models) {
    const key = model.kind === "built-in" ? "built-in" : (model.job_id ?? "folders");
    found.set(key, [...(found.get(key) ?? []), model]);
  }
  const newest = (/** @type {T.Model[]} */ group) => group.reduce((latest, model) => ((model.created_at ?? "") > latest ? (model.created_at ?? "") : latest), "");
  return [...found].sort(([, left], [, right]) => newest(right).localeCompare(newest(left)));
}

/** @param {{models: T.Model[], again: () => void, inference: T.Inference | null}} props */
function ModelList({ models, again, inference }) {
  const [ticked, setTicked] = useState(/** @type {readonly string[]} */ ([]));
  const [deleting, setDeleting] = useState(/** @type {T.Model[] | null} */ (null));
  const only = route.value.query.get("job");
  const shown = only ? models.filter((model) => model.job_id === only) : models;
  const chosen = models.filter((model) => ticked.includes(model.id));
  const title = (/** @type {string} */ key) => (key === "built-in" ? "Built in" : key === "folders" ? "In folders" : (jobs.value.get(key)?.name ?? "A run"));
  /** @param {T.Model[]} group */
  const bestOf = (group) => {
    const scored = group.filter((model) => model.kind === "checkpoint" && model.loss !== null);
    return scored.length > 1 ? scored.reduce((best, model) => (/** @type {number} */ (model.loss) < /** @type {number} */ (best.loss) ? model : best)) : null;
  };
  return html`${only ? html`<p>Models of one run. <button type="button" class="as-link" onClick=${() => replaceQuery({})}>Show all</button></p>` : null}
    ${groups(shown).map(([key, group]) => {
      const best = bestOf(group);
      const size = group.reduce((sum, model) => sum + model.bytes, 0);
      return html`<section class="section" key=${key}>
        <div class="section-head">
          <h2>${jobs.value.has(key) ? html`<a href=${link(["jobs", key])}>${title(key)}</a>` : title(key)}</h2>
          ${key === "built-in" ? null : html`<span class="faint">${bytes(size)}</span>`}
        </div>
        <ul class="card-list" aria-label=${title(key)}>
          ${group.map((model) =>
            h(ModelRow, {
              key: model.id,
              model,
              models,
              best: model === best,
              served: inference !== null && isServed(model, inference),
              ticked: ticked.includes(model.id),
              onTick: () => setTicked(ticked.includes(model.id) ? ticked.filter((id) => id !== model.id) : [...ticked, model.id]),
              onKeep: async () => {
                if (await attempt(() => api.keepModel(model.id, !model.keep))) again();
              },
              onDelete: () => setDeleting([model]),
            }),
          )}
        </ul>
      </section>`;
    })}
    ${chosen.length
      ? html`<div class="tray" role="region" aria-label="Chosen models">
          <span>${plural(chosen.length, "model")}, ${bytes(chosen.reduce((sum, model) => sum + model.bytes, 0))}</span>
          <button type="button" class="as-link" onClick=${() => setTicked([])}>Clear</button>
          ${h(Button, { look: "danger", icon: "delete", onClick: () => setDeleting(chosen), children: "Delete" })}
        </div>`
      : null}
    ${deleting
      ? h(DeleteDialog, {
          models: deleting,
          onClose: () => setDeleting(null),
          onDone: () => {
            setTicked([]);
            again();
          },
        })
      : null}`;
}

/** A server without a playground has no model to try. @param {unknown} error */
function absent(error) {
  if (error instanceof api.ApiError && error.status === 404) return null;
  throw error;
}

/** @param {{id: string | null}} _props */
export function Models(_props) {
  const loaded = useLoaded(async () => {
    const [models, inference] = await Promise.all([api.getModels(), api.getInference().catch(absent)]);
    return { models, inference };
  }, []);
  const total = (loaded.value?.models ?? []).reduce((sum, model) => sum + model.bytes, 0);
  return html`${h(Head, { title: "Models", lead: loaded.value ? `${plural(loaded.value.models.length, "model")}, ${bytes(total)} on the disk.` : "What runs have written, and the built-in sizes." })}
    ${whenLoaded(
      loaded,
      ({ models, inference }) =>
        models.length
          ? h(ModelList, { models, inference, again: loaded.again })
          : h(Empty, { title: "No models", children: "Train one, or name a folder of models when the server starts." }),
      h(Skeleton, { lines: 8, tall: true }),
    )}`;
}
