// Packs a release into dist/release: an archive for each target, the installer, the bill of
// materials, and the checksums of all of them.
//   bun scripts/release/pack.ts                    builds and packs every target
//   bun scripts/release/pack.ts linux-x64 ...      builds and packs these
//   --outdir DIRECTORY                             in the place of dist/release
// RELEASE_URL is where the files will lie, for the installer. The time in the archives is
// SOURCE_DATE_EPOCH, or that of the last commit: the same commit and Bun give the same bytes.

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../../package.json" with { type: "json" };
import { type ArchivedFile, packArchive } from "./archive.ts";
import { billOfMaterials, bundledParts, licenseTexts } from "./inventory.ts";
import {
  archiveName,
  archiveStem,
  executableName,
  programName,
  type ReleaseTarget,
  releaseTarget,
  releaseTargets,
} from "./targets.ts";

const root = join(import.meta.dir, "../..");
const { version } = manifest;
const { values, positionals } = parseArgs({
  options: { outdir: { type: "string", default: join(root, "dist/release") } },
  allowPositionals: true,
});
const packed = resolve(values.outdir);

const targets = wantedTargets(positionals);
const seconds = releaseSeconds();
const parts = bundledParts();
const sums: string[] = [];
rmSync(packed, { recursive: true, force: true });
mkdirSync(packed, { recursive: true });
process.env.TZ = "UTC"; // the .zip format keeps local time
for (const target of targets) await pack(target);
await publish("install.sh", Buffer.from(installer()));
await publish(`mscache-${version}.cdx.json`, Buffer.from(billOfMaterials(parts, seconds)));
await Bun.write(join(packed, "SHA256SUMS"), `${sums.sort().join("\n")}\n`);

function wantedTargets(names: readonly string[]): readonly ReleaseTarget[] {
  if (names.length === 0) return releaseTargets;
  return names.map((name) => {
    const target = releaseTarget(name);
    if (target !== null) return target;
    console.error(`unknown target "${name}"; one of ${releaseTargets.join(", ")}`);
    return process.exit(2);
  });
}

function releaseSeconds(): number {
  const given = process.env.SOURCE_DATE_EPOCH;
  const text = given ?? run(["git", "log", "-1", "--format=%ct"]);
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  console.error(`SOURCE_DATE_EPOCH must be seconds since 1970, not "${text}"`);
  return process.exit(2);
}

async function pack(target: ReleaseTarget): Promise<void> {
  const built = join(packed, executableName(target));
  run([process.execPath, "scripts/build.ts", "--target", target, "--outfile", built]);
  const program = readFileSync(built);
  rmSync(built); // it is in the archive
  const files: ArchivedFile[] = [
    { name: programName(target), data: program, isExecutable: true },
    { name: "LICENSE", data: readFileSync(join(root, "LICENSE")) },
    { name: "LICENSES-OF-PARTS", data: Buffer.from(licenseTexts(parts)) },
    { name: "README.md", data: readFileSync(join(root, "README.md")) },
  ];
  const name = archiveName(target, version);
  await publish(name, packArchive(name, archiveStem(target, version), files, seconds));
}

/** With the release's own place; without RELEASE_URL, the copy asks for it when it runs. */
function installer(): string {
  const text = readFileSync(join(import.meta.dir, "install.sh"), "utf8");
  const url = process.env.RELEASE_URL ?? "@RELEASE_URL@";
  return text.replaceAll("@VERSION@", version).replaceAll("@RELEASE_URL@", url);
}

/** Writes a file of the release and notes its checksum in the form of sha256sum. */
async function publish(name: string, data: Uint8Array): Promise<void> {
  await Bun.write(join(packed, name), data);
  sums.push(`${new Bun.CryptoHasher("sha256").update(data).digest("hex")}  ${name}`);
  console.log(`${name}  ${(data.length / 1e6).toFixed(1)} MB`);
}

function run([command = "", ...args]: readonly string[]): string {
  const child = Bun.spawnSync([command, ...args], { cwd: root, stderr: "inherit" });
  if (child.exitCode !== 0) process.exit(1);
  return child.stdout.toString().trim();
}
