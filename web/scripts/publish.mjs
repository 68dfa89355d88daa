/**
 * Put the build where the server finds it, packed beside plain, if it is small enough.
 *
 * A packed file that already holds these bytes stays as it is: another version of zlib packs
 * differently, and the committed files are compared with what their sources give.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from "node:zlib";

const web = fileURLToPath(new URL("..", import.meta.url));
const build = join(web, "build");
const dist = join(web, "..", "diurnal", "web", "dist");
const FIRST_LOAD_MAX = 120_000;
const PACKED = /\.(js|css|html|svg|txt)$/;

/** @param {string} folder @returns {string[]} */
function files(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** @param {string} name */
const gz = (name) => gzipSync(readFileSync(join(build, name)), { level: 9 }).length;

/**
 * Everything that the first page loads: the entry, its static imports, and one page with its own.
 *
 * @param {Record<string, {file: string, imports?: string[], dynamicImports?: string[], isEntry?: boolean}>} manifest
 */
function firstLoad(manifest) {
  /** @type {Set<string>} */
  const loaded = new Set();
  /** @param {string} key */
  const add = (key) => {
    const chunk = manifest[key];
    if (chunk === undefined || loaded.has(chunk.file)) return;
    loaded.add(chunk.file);
    (chunk.imports ?? []).forEach(add);
  };
  add("index.html");
  add("src/pages/Today.svelte");
  (manifest["src/pages/Today.svelte"]?.dynamicImports ?? []).forEach(add);
  return [...loaded].filter((file) => file.endsWith(".js"));
}

const manifest = JSON.parse(readFileSync(join(build, "manifest.json"), "utf8"));
const first = firstLoad(manifest);
const size = first.reduce((sum, file) => sum + gz(file), 0) + gz("theme.js");
process.stdout.write(`first load: ${(size / 1000).toFixed(1)} kB of ${FIRST_LOAD_MAX / 1000} kB JavaScript, packed\n`);
if (size > FIRST_LOAD_MAX) {
  for (const file of first) process.stderr.write(`  ${gz(file)}\t${file}\n`);
  process.stderr.write("the first load is too large: load something later, or leave it out\n");
  process.exit(1);
}

/** @type {Map<string, Buffer>} */
const wanted = new Map();
for (const path of files(build)) {
  const name = relative(build, path).split(sep).join("/");
  if (name !== "manifest.json") wanted.set(name, readFileSync(path));
}
for (const path of files(join(web, "vendor"))) {
  wanted.set(`vendor/${relative(join(web, "vendor"), path)}`, readFileSync(path));
}
wanted.set("LICENSES.txt", Buffer.from(licences()));

/** The licences of what is inside the built files. */
function licences() {
  const own = JSON.parse(readFileSync(join(web, "package.json"), "utf8"));
  const vendor = JSON.parse(readFileSync(join(web, "vendor.json"), "utf8"));
  const parts = ["The built pages contain these works, each under its own licence.\n"];
  for (const name of [...Object.keys(own.dependencies), "svelte"].sort()) {
    const folder = join(web, "node_modules", name);
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} brings no licence`);
    parts.push(`==== ${name} (${about.license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`);
  }
  const mit = readFileSync(join(web, "node_modules", "svelte", "LICENSE.md"), "utf8");
  const terms = mit.slice(mit.indexOf("Permission is hereby granted")).trim();
  parts.push(`==== ${vendor.package} ${vendor.version} (${vendor.license})\n\n${vendor.copyright}\n\n${terms}\n`);
  return parts.join("\n");
}

/** @param {string} path @param {Buffer} bytes */
function write(path, bytes) {
  // The server lists the folder anew when this page is newer.
  const page = path.endsWith("index.html");
  if (!page && existsSync(path) && readFileSync(path).equals(bytes)) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

/** @param {string} path @param {Buffer} bytes @param {(b: Buffer) => Buffer} unpack @param {() => Buffer} pack */
function writePacked(path, bytes, unpack, pack) {
  if (existsSync(path)) {
    try {
      if (unpack(readFileSync(path)).equals(bytes)) return;
    } catch {
      // It is damaged, and packed anew.
    }
  }
  writeFileSync(path, pack());
}

/** @type {Set<string>} */
const kept = new Set();
const last = (/** @type {string} */ name) => Number(name === "index.html");
for (const [name, bytes] of [...wanted].sort((a, b) => last(a[0]) - last(b[0]))) {
  const path = join(dist, name);
  write(path, bytes);
  kept.add(path);
  if (!PACKED.test(name) || bytes.length < 1_000) continue;
  writePacked(`${path}.gz`, bytes, gunzipSync, () => gzipSync(bytes, { level: 9 }));
  kept.add(`${path}.gz`);
  if (bytes.length > 1_000_000) continue; // the explorer: one packed form is enough weight
  writePacked(`${path}.br`, bytes, brotliDecompressSync, () =>
    brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  );
  kept.add(`${path}.br`);
}
let total = 0;
for (const path of files(dist)) {
  if (kept.has(path)) total += statSync(path).size;
  else rmSync(path);
}
process.stdout.write(`${kept.size} files, ${(total / 1000).toFixed(0)} kB in diurnal/web/dist\n`);
