/**
 * Makes src/deepsynth/web/static/vendor from the exactly pinned packages of package-lock.json: one file with Preact,
 * its signals and htm, one with uPlot, their types, licences, and vendor.json with the hash of every input and output.
 *
 *     npm ci --ignore-scripts && node tools/vendor.mjs [--check]
 *
 * With --check nothing is written; a difference ends with exit code 1.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const target = path.join(root, "src/deepsynth/web/static/vendor");
const packages = path.join(root, "node_modules");

const UI = `
export { h, render, Fragment, createRef } from "preact";
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from "@preact/signals";
import { h } from "preact";
import htm from "htm";
export const html = htm.bind(h);
`;

const UI_TYPES = `import type { VNode } from "preact";
export { h, render, Fragment, createRef } from "preact";
export type { ComponentChildren, RefObject, VNode } from "preact";
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from "@preact/signals";
export type { Signal, ReadonlySignal } from "@preact/signals";
/** Markup; its values are not type-checked, so components go through h(Component, props). */
export function html(strings: TemplateStringsArray, ...values: unknown[]): VNode;
`;

/** @type {(content: string | Uint8Array) => string} */
const sha256 = (content) => createHash("sha256").update(content).digest("hex");

/** @param {string} code @returns {Promise<{text: string, inputs: string[]}>} */
async function bundle(code) {
  const made = await build({
    stdin: { contents: code, resolveDir: root, loader: "js" },
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    legalComments: "none",
    metafile: true,
    write: false,
    absWorkingDir: root,
  });
  const inputs = Object.keys(made.metafile.inputs).filter((name) => name !== "<stdin>").sort();
  return { text: made.outputFiles[0].text, inputs };
}

/** @param {string} name */
async function about(name) {
  const folder = path.join(packages, name);
  const { version, license } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
  const text = await readFile(path.join(folder, "LICENSE"), "utf8").catch(() => null);
  return { name, version, license, text };
}

const ui = await bundle(UI);
const uplot = await bundle(`export { default } from "uplot";`);
const uplotTypes = await readFile(path.join(packages, "uplot/dist/uPlot.d.ts"), "utf8");
const uplotStyle = await readFile(path.join(packages, "uplot/dist/uPlot.min.css"), "utf8");
const used = await Promise.all(["preact", "@preact/signals", "@preact/signals-core", "htm", "uplot"].map(about));

/** @type {Record<string, string>} */
const files = {
  "ui.js": ui.text,
  "ui.d.ts": UI_TYPES,
  "uplot.js": uplot.text,
  "uplot.d.ts": uplotTypes.replace(/\r\n/g, "\n"),
  "uplot.css": uplotStyle,
};
files["THIRD_PARTY.txt"] = used
  .map(({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text?.trim() ?? "MIT, as preact"}\n`)
  .join(`\n${"-".repeat(80)}\n\n`);
const inputs = [...ui.inputs, ...uplot.inputs, "node_modules/uplot/dist/uPlot.min.css"];
files["vendor.json"] = `${JSON.stringify(
  {
    packages: used.map(({ name, version, license }) => ({ name, version, license })),
    inputs: Object.fromEntries(
      await Promise.all(inputs.map(async (name) => [name, sha256(await readFile(path.join(root, name)))])),
    ),
    outputs: Object.fromEntries(Object.entries(files).map(([name, text]) => [name, sha256(text)])),
  },
  null,
  2,
)}\n`;

let different = 0;
await mkdir(target, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  const file = path.join(target, name);
  if (!process.argv.includes("--check")) {
    await writeFile(file, text);
  } else if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    different += 1;
    console.error(`vendor/${name} is not what tools/vendor.mjs makes; run it and commit`);
  }
}
process.exit(different ? 1 : 0);
