// Stock software from npm, unchanged, that a test or a benchmark compares with or tries: a folder's
// package.json and bun.lock pin it, and it is installed once for each bun.lock, outside the
// repository, so that none of it is a dependency of ours and no package of the repository is found
// in its place. Without a network the first install fails.

import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const manifest = ["package.json", "bun.lock", "bunfig.toml"];

/** The folder from which the packages that `folder` pins are resolved. */
export function installStock(name: string, folder: string): string {
  const lock = readFileSync(join(folder, "bun.lock"));
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const target = join(cache, "mscache-test", `${name}-${Bun.hash(lock).toString(36)}`);
  if (existsSync(target)) return target;
  const draft = `${target}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  for (const file of manifest) copyFileSync(join(folder, file), join(draft, file));
  const command = [process.execPath, "install", "--frozen-lockfile"];
  const { exitCode, stderr } = Bun.spawnSync(command, { cwd: draft, stdout: "ignore" });
  if (exitCode !== 0) {
    rmSync(draft, { recursive: true });
    throw new Error(`the ${name} could not be installed from npm: ${stderr}`);
  }
  if (!existsSync(target)) renameInto(draft, target);
  return target;
}

/** Another process may have been quicker; its install is the same. */
function renameInto(draft: string, target: string): void {
  try {
    renameSync(draft, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  }
}
