/**
 * Minifies the front end for releases: static/dist/script.<hash>.min.js with its chunks, style.<hash>.min.css,
 * gzipped neighbours, and manifest.json, which names the sources' hash. The server uses dist only when that hash fits.
 *
 *     node tools/build.mjs [--check]
 *
 * With --check nothing is written; exit code 1 tells that dist is not what the sources make.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const sources = path.join(root, "src/deepsynth/web/static");
const target = path.join(sources, "dist");

/** @type {(content: string | Uint8Array) => string} */
const sha256 = (content) => createHash("sha256").update(content).digest("hex");

/** The hash over every source file, as the server computes it. */
async function sourcesHash() {
  const entries = await readdir(sources, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(sources, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"))
    .filter((name) => !name.startsWith("dist/"))
    .sort((left, right) => (left < right ? -1 : 1));
  const total = createHash("sha256");
  for (const name of names) {
    total.update(`${name}\0${sha256(await readFile(path.join(sources, name)))}\n`);
  }
  return total.digest("hex");
}

const made = await build({
  entryPoints: { script: path.join(sources, "script.js"), style: path.join(sources, "style.css") },
  entryNames: "[name].[hash].min",
  chunkNames: "[name].[hash].min",
  outdir: target,
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  legalComments: "none",
  metafile: true,
  write: false,
  absWorkingDir: root,
});

/** @type {Map<string, Uint8Array>} */
const files = new Map();
for (const file of made.outputFiles) files.set(path.basename(file.path), file.contents);
/** @type {(stem: string, ending: string) => string} */
const named = (stem, ending) =>
  [...files.keys()].find((name) => name.startsWith(`${stem}.`) && name.endsWith(ending)) ?? "";
const manifest = {
  script: named("script", ".min.js"),
  style: named("style", ".min.css"),
  sources: await sourcesHash(),
  bytes: Object.fromEntries([...files].sort().map(([name, bytes]) => [name, bytes.length])),
};
files.set("manifest.json", new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`));

if (process.argv.includes("--check")) {
  const present = (await readdir(target).catch(() => [])).filter((name) => !name.endsWith(".gz"));
  const stale = present.filter((name) => !files.has(name));
  for (const [name, bytes] of files) {
    const known = await readFile(path.join(target, name)).catch(() => null);
    if (!known || sha256(known) !== sha256(bytes)) stale.push(name);
  }
  if (stale.length) console.error(`static/dist differs in ${stale.join(", ")}; run node tools/build.mjs and commit`);
  process.exit(stale.length ? 1 : 0);
}

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
for (const [name, bytes] of files) {
  await writeFile(path.join(target, name), bytes);
  if (!name.endsWith(".json")) await writeFile(path.join(target, `${name}.gz`), gzipSync(bytes, { level: 9 }));
}
const size = [...files].map(([name, bytes]) => `${name} ${bytes.length} (gzip ${gzipSync(bytes, { level: 9 }).length})`);
console.log(size.join("\n"));
