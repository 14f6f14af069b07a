/**
 * What one may do with a job: only what the server says is possible now, and what would destroy something asks first.
 *
 * @import * as T from "./types.js"
 */
import { h, html, useEffect, useState } from "../vendor/ui.js";
import * as api from "./api.js";
import { Button, Dialog } from "./elements.js";
import { bytes, plural } from "./format.js";
import { attempt, remember, removeJob, say } from "./store.js";

/** @type {Record<T.JobAction, string>} */
const WORDS = { pause: "Pause", resume: "Resume", cancel: "Cancel", delete: "Delete" };

/** @param {{job: T.Job, onClose: () => void}} props */
function CancelDialog({ job, onClose }) {
  const cancel = async (/** @type {boolean} */ save) => {
    const done = await attempt(async () => remember([await api.cancelJob(job.job_id, save)]));
    if (done) onClose();
  };
  const saves = job.job_type === "training" && job.state !== "queued" && job.state !== "paused";
  return h(Dialog, {
    title: `Cancel “${job.name}”?`,
    onClose,
    children: saves
      ? html`<p>A cancelled run cannot be resumed. Its checkpoints stay until you delete them.</p>
          <p>With a last checkpoint you keep what it has learned since the one before; without, it stops at once.</p>`
      : html`<p>A cancelled job cannot be resumed. What it has written stays until you delete it.</p>`,
    foot: html`${h(Button, { look: "quiet", onClick: onClose, children: "Let it be" })}
    ${saves ? h(Button, { look: "danger", onClick: () => cancel(false), children: "Stop at once" }) : null}
    ${h(Button, { look: saves ? "" : "danger", onClick: () => cancel(true), children: saves ? "Save, then cancel" : "Cancel the job" })}`,
  });
}

/** @param {{job: T.Job, onClose: () => void, onDeleted: () => void}} props */
function DeleteDialog({ job, onClose, onDeleted }) {
  const [files, setFiles] = useState(/** @type {T.JobFile[] | null} */ (null));
  const [artifacts, setArtifacts] = useState(false);
  useEffect(() => {
    api.getFiles(job.job_id).then(
      (found) => setFiles(found.files),
      () => setFiles([]),
    );
  }, [job.job_id]);
  const size = files ? files.reduce((sum, file) => sum + file.bytes, 0) : null;
  const remove = async () => {
    const done = await attempt(async () => say(await removeJob(job.job_id, artifacts)));
    if (done) {
      onClose();
      onDeleted();
    }
  };
  return h(Dialog, {
    title: `Delete “${job.name}”?`,
    onClose,
    children: html`<p>The job's record, its logs and its place in comparisons are deleted. This cannot be undone.</p>
      <label class="check">
        <input type="checkbox" checked=${artifacts} onChange=${() => setArtifacts(!artifacts)} />
        <span>
          Delete its files too${files === null ? "" : files.length ? ` (${plural(files.length, "file")}, ${bytes(size)})` : " (there are none)"}
          <small>Checkpoints, datasets and reports that it wrote. Left alone, they stay on the disk and in the lists.</small>
        </span>
      </label>`,
    foot: html`${h(Button, { look: "quiet", onClick: onClose, children: "Keep it" })}
    ${h(Button, { look: "danger", icon: "delete", onClick: remove, children: artifacts ? "Delete job and files" : "Delete job" })}`,
  });
}

/** @param {{job: T.Job, compact?: boolean, onDeleted?: () => void}} props */
export function JobActions({ job, compact = false, onDeleted = () => {} }) {
  const [asking, setAsking] = useState(/** @type {T.JobAction | null} */ (null));
  const act = (/** @type {T.JobAction} */ action) => {
    if (action === "cancel" || action === "delete") return setAsking(action);
    const call = action === "pause" ? api.pauseJob : api.resumeJob;
    return attempt(async () => remember([await call(job.job_id)]));
  };
  const shown = job.actions.filter((action) => !(compact && action === "delete" && job.actions.length > 2));
  return html`<div class="actions" role="group" aria-label=${`Actions for ${job.name}`}>
    ${shown.map((action) =>
      h(Button, {
        key: action,
        icon: action,
        look: compact ? "quiet" : "",
        label: `${WORDS[action]} ${job.name}`,
        onClick: () => act(action),
        children: compact ? undefined : WORDS[action],
      }),
    )}
    ${asking === "cancel" ? h(CancelDialog, { job, onClose: () => setAsking(null) }) : null}
    ${asking === "delete" ? h(DeleteDialog, { job, onClose: () => setAsking(null), onDeleted }) : null}
  </div>`;
}
