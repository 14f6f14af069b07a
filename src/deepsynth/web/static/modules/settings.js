/**
 * The application itself: its looks, the Hub's token (which is written and never read back), the machine, what was changed.
 *
 * @import * as T from "./types.js"
 */
import { h, html, useState } from "../vendor/ui.js";
import * as api from "./api.js";
import { Button, Facts, Head, Segments, Skeleton, Tag, whenLoaded } from "./elements.js";
import { bytes, count, moment, slotName } from "./format.js";
import { useLoaded } from "./loading.js";
import { link } from "./router.js";
import { attempt, jobs, loadSystem, system } from "./store.js";
import { chooseTheme, theme } from "./theme.js";

/** @type {Record<string, string>} */
const SOURCES = { memory: "kept in memory until the server stops", keyring: "kept in the system’s keyring", environment: "from the server’s environment" };

function Appearance() {
  const [chosen, setChosen] = useState(theme());
  const choose = (/** @type {string} */ value) => {
    chooseTheme(/** @type {import("./theme.js").Theme} */ (value));
    setChosen(theme());
  };
  return html`<section class="section">
    <h2>Appearance</h2>
    ${h(Segments, {
      legend: "Theme",
      options: [
        { value: "system", title: "Same as the system" },
        { value: "light", title: "Light" },
        { value: "dark", title: "Dark" },
      ],
      chosen,
      onChoose: choose,
    })}
  </section>`;
}

/** @param {{hub: T.Hub, onChange: (hub: T.Hub) => void}} props */
function HubSection({ hub, onChange }) {
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const save = () =>
    attempt(async () => {
      onChange(await api.setHubToken(token.trim(), remember));
      setToken("");
    }, "The token is set.");
  const remove = () => attempt(async () => onChange(await api.deleteHubToken()), "The token is gone.");
  return html`<section class="section">
    <h2>Hugging Face Hub</h2>
    <p>
          ${hub.present
            ? html`A token is set${hub.user ? html` for <strong>${hub.user}</strong>` : ""}, ${SOURCES[hub.source ?? ""] ?? hub.source}.
                ${hub.checked ? h(Tag, { tone: "good", children: "checked" }) : h(Tag, { children: "not checked" })}`
            : "No token is set: public datasets and models can be read, nothing can be pushed."}
        </p>
        <form
          class="column"
          onSubmit=${(/** @type {Event} */ event) => {
            event.preventDefault();
            save();
          }}
        >
          <label class="field"
            ><span>${hub.present ? "Replace it by" : "Token"}</span>
            <input type="password" autocomplete="off" spellcheck=${false} value=${token} placeholder="hf_…" onInput=${(/** @type {any} */ event) => setToken(event.target.value)} />
          </label>
          <p class="help">It is sent to the server once, handed to the jobs that need it, and never shown again.</p>
          ${hub.keyring
            ? html`<label class="check"><input type="checkbox" checked=${remember} onChange=${() => setRemember(!remember)} /><span>Keep it in the system’s keyring</span></label>`
            : null}
          <div class="actions">
            ${h(Button, { type: "submit", look: "primary", disabled: !token.trim(), children: "Set the token" })}
            ${hub.present && hub.source !== "environment" ? h(Button, { onClick: remove, children: "Forget it" }) : null}
          </div>
        </form>
  </section>`;
}

/** @param {Record<string, number>} slots */
const slots = (slots) => Object.entries(slots).map(([name, many]) => `${many} ${name.toUpperCase()}`).join(", ");

/** Links to the jobs that hold slots. @param {Record<string, string>} leases */
const inUse = (leases) =>
  Object.entries(leases).map(([slot, id]) => html`<a href=${link(["jobs", id])}>${slotName(slot)}: ${jobs.value.get(id)?.name ?? id}</a> `);

/** @param {{machines: T.SharingMachine[]}} props */
function Machines({ machines }) {
  return html`<section class="section">
    <h2>Machines that share the queue</h2>
    <p class="help">Each runs a server or a worker on the same store. One that is not heard of for the length of its lease drops out of this list, and its jobs continue on another.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Machines that share the queue">
      <table>
        <thead><tr><th scope="col">Machine</th><th scope="col">Slots</th><th scope="col">In use</th></tr></thead>
        <tbody>
          ${machines.map(
            (machine) => html`<tr key=${machine.name}>
              <th scope="row">${machine.name}${machine.here ? " (this server)" : ""}</th>
              <td>${slots(machine.slots)}</td>
              <td>${Object.keys(machine.leases).length ? inUse(machine.leases) : "nothing"}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** @param {{info: T.SystemInfo}} props */
function Machine({ info }) {
  const trackers = Object.entries(info.trackers);
  return html`<section class="section">
      <h2>This machine</h2>
      ${h(Facts, {
        facts: [
          ["DeepSynth", info.version],
          ["Processors", count(info.cpus)],
          ["Memory", `${bytes(info.memory_available_bytes)} free of ${bytes(info.memory_bytes)}`],
          ["GPUs", info.gpus.length ? info.gpus.map((gpu) => `${gpu.name}, ${bytes(gpu.memory_bytes)}`).join("; ") : "none"],
          ["Slots", slots(info.slots)],
          ["Login", info.login_required ? "required" : "not required: only this machine can connect"],
        ],
      })}
      ${Object.keys(info.leases).length ? html`<p>In use: ${inUse(info.leases)}</p>` : null}
    </section>
    ${info.machines.length ? h(Machines, { machines: info.machines }) : null}
    <section class="section">
      <h2>Storage</h2>
      ${h(Facts, {
        facts: [
          ["State folder", html`<code>${info.state_dir}</code>`],
          ["Free on its disk", bytes(info.disk_free_bytes)],
          ["Folders that may be read", info.folders.length ? html`${info.folders.map((folder) => html`<code>${folder}</code> `)}` : "only the state folder"],
          ...(info.limits.upload_bytes ? [/** @type {[string, any]} */ (["Largest upload", bytes(info.limits.upload_bytes)])] : []),
          ...(info.limits.quota_bytes ? [/** @type {[string, any]} */ (["Quota for uploads", bytes(info.limits.quota_bytes)])] : []),
        ],
      })}
      <p class="help">To delete checkpoints and datasets, go to <a href="#/models">Models</a> and <a href="#/datasets">Datasets</a>.</p>
    </section>
    <section class="section">
      <h2>Trackers</h2>
      <p>Metrics stay on this machine unless a run names a tracker in its settings.</p>
      <div class="tags">${trackers.map(([name, installed]) => h(Tag, { tone: installed ? "good" : "", children: `${name}: ${installed ? "installed" : "not installed"}` }))}</div>
    </section>`;
}

function Audit() {
  const [open, setOpen] = useState(false);
  return html`<section class="section">
    <details class="as-table" onToggle=${(/** @type {any} */ event) => setOpen(event.target.open)}>
      <summary>Recent changes</summary>
      ${open ? h(AuditTable, {}) : null}
    </details>
  </section>`;
}

function AuditTable() {
  const loaded = useLoaded(api.getAudit, []);
  return whenLoaded(
    loaded,
    (entries) => html`<div class="scroll" tabindex="0" role="region" aria-label="Changes made over HTTP">
      <table>
        <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Answer</th><th scope="col">From</th></tr></thead>
        <tbody>
          ${entries.map((entry) => html`<tr><th scope="row">${moment(entry.at)}</th><td><code>${entry.method} ${entry.path}</code></td><td>${entry.status}</td><td>${entry.client}</td></tr>`)}
        </tbody>
      </table>
    </div>`,
  );
}

export function Settings() {
  const loaded = useLoaded(async () => {
    const [hub] = await Promise.all([api.getHub(), loadSystem()]);
    return hub;
  }, []);
  const info = system.value;
  const leave = () =>
    attempt(async () => {
      await api.logout();
      location.assign("login");
    });
  return html`${h(Head, {
      title: "Settings",
      lead: "Appearance, access to the Hub, this machine and where things are kept.",
      children: info?.login_required ? h(Button, { onClick: leave, children: "Log out" }) : null,
    })}
    ${h(Appearance, {})}
    ${whenLoaded(
      loaded,
      (hub) => html`${h(HubSection, { hub, onChange: loaded.set })} ${info ? h(Machine, { info }) : null} ${h(Audit, {})}`,
      h(Skeleton, { lines: 6, tall: true }),
    )}`;
}
