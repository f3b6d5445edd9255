// Builds the executables: server, replication, client commands and data thread in one file.
//   bun scripts/build.ts                   dist/mscache for this machine
//   bun scripts/build.ts --target NAME     dist/mscache-NAME, for example linux-arm64-musl
//   bun scripts/build.ts --all             one for each release target
// An executable reads nothing from its working directory: .env and bunfig.toml are switched off.

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { executableName, programName, releaseTarget, releaseTargets } from "./release/targets.ts";

const root = join(import.meta.dir, "..");

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    all: { type: "boolean", default: false },
    outfile: { type: "string" },
  },
});

for (const target of chosenTargets()) {
  const outfile = values.outfile ?? join(root, "dist", outputName(target));
  await build(target, outfile);
  console.log(outfile);
}

/** Null is the machine that runs the build. */
function chosenTargets(): readonly (string | null)[] {
  if (values.all) return releaseTargets;
  if (values.target === undefined) return [null];
  const target = releaseTarget(values.target);
  if (target !== null) return [target];
  console.error(`unknown target "${values.target}"; one of ${releaseTargets.join(", ")}`);
  return process.exit(2);
}

function outputName(target: string | null): string {
  if (target !== null) return executableName(target);
  return programName(process.platform === "win32" ? "windows" : process.platform);
}

async function build(target: string | null, outfile: string): Promise<void> {
  // A running executable cannot be overwritten, but a new one can take its name.
  rmSync(outfile, { force: true });
  const child = Bun.spawn([process.execPath, "build", ...flags(target), "--outfile", outfile], {
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [status, errors] = await Promise.all([child.exited, child.stderr.text()]);
  if (status === 0 && existsSync(outfile)) return;
  console.error(errors);
  process.exit(1);
}

function flags(target: string | null): string[] {
  const entries = ["src/main.ts", "src/worker.ts"].filter((path) => existsSync(join(root, path)));
  return [
    "--compile",
    ...entries,
    ...(target === null ? [] : [`--target=bun-${target}`]),
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    // Bytecode halves the start time; it needs ES modules here because the entry uses top-level
    // await.
    "--bytecode",
    "--format=esm",
    // What is loaded only when it is needed, and what data threads share with the entry, become
    // files of their own within the executable: less to read at each start.
    "--splitting",
    "--minify",
    // Names are kept, because the one line of a fatal error shows them.
    "--keep-names",
  ];
}
