/**
 * What datasets and models are called: by the job that wrote them where the page knows it, else by their folder.
 *
 * @import * as T from "./types.js"
 */
import { count } from "./format.js";
import { jobs } from "./store.js";

/** @param {T.Dataset} dataset */
export function datasetName(dataset) {
  return (dataset.job_id && jobs.value.get(dataset.job_id)?.name) || dataset.name;
}

/** @param {T.Model} model */
export function modelName(model) {
  const job = model.job_id ? jobs.value.get(model.job_id) : null;
  if (!job) return model.name;
  const folder = model.name.split("/").pop() ?? model.name;
  if (folder === job.job_id) return job.name;
  return `${job.name}, ${model.kind === "checkpoint" && model.step !== null ? `step ${count(model.step)}` : folder}`;
}

/** Whether the playground's model is this one. @param {T.Model} model @param {T.Inference} inference */
export function isServed(model, inference) {
  return [model.reference, model.path, model.name].includes(inference.model);
}
