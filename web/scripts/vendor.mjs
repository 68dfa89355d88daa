/**
 * Bring the API explorer, one file of a package that needs a newer Node to be installed whole.
 *
 * `node scripts/vendor.mjs` after a change of `vendor.json`; what it writes is committed, so a
 * build needs no network for it.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("..", import.meta.url));
const wanted = JSON.parse(readFileSync(join(here, "vendor.json"), "utf8"));
const target = join(here, "vendor");
const work = mkdtempSync(join(tmpdir(), "vendor-"));
try {
  execFileSync("npm", ["pack", "--silent", `${wanted.package}@${wanted.version}`], { cwd: work });
  const archive = readdirSync(work).find((name) => name.endsWith(".tgz"));
  if (archive === undefined) throw new Error("npm brought no archive");
  const digest = createHash("sha512").update(readFileSync(join(work, archive))).digest("base64");
  if (`sha512-${digest}` !== wanted.integrity) {
    throw new Error(`${archive} is not what vendor.json says: sha512-${digest}`);
  }
  execFileSync("tar", ["xzf", archive], { cwd: work });
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  // The map of the sources is left behind; its address would only fail.
  const script = readFileSync(join(work, "package", wanted.file), "utf8").replace(
    /\n?\/\/# sourceMappingURL=\S+\s*$/,
    "\n",
  );
  writeFileSync(join(target, `scalar-${wanted.version}.js`), script);
  process.stdout.write(`vendor/scalar-${wanted.version}.js, ${script.length} characters\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
