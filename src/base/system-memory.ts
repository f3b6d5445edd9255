// How much memory this process may use: the machine's, or less when a control group (version 1 or
// 2: containers, systemd) sets a limit. It answers once at start and does not watch for changes.
// The answer is never more than the machine has.

import { readFileSync } from "node:fs";
import { totalmem } from "node:os";

type ReadFile = (path: string) => string;

/** The bound in bytes. Arguments are for tests; a file that cannot be read sets no limit. */
export function memoryBoundBytes(
  readFile: ReadFile = (path) => readFileSync(path, "utf8"),
  machineBytes: number = totalmem(),
): number {
  const limits = limitFiles(readOrEmpty(readFile, "/proc/self/cgroup"))
    .map((path) => readOrEmpty(readFile, path).trim())
    .filter((text) => /^\d+$/.test(text))
    .map(Number);
  return Math.min(machineBytes, ...limits);
}

/**
 * The files that may hold a limit: for each group that we are in, its own and those of its
 * ancestors, as every ancestor's limit binds too. Inside a container the path is often the host's
 * while the mount shows only our part of it; walking up to the root finds that file as well.
 */
function limitFiles(groups: string): string[] {
  return groups.split("\n").flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === "") {
      return ancestors(path).map((at) => `/sys/fs/cgroup${at}/memory.max`);
    }
    if (!controllers?.split(",").includes("memory")) return [];
    return ancestors(path).map((at) => `/sys/fs/cgroup/memory${at}/memory.limit_in_bytes`);
  });
}

/** "/a/b" -> ["/a/b", "/a", ""]. */
function ancestors(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return [...parts, ""].map((_, dropped) => {
    const kept = parts.slice(0, parts.length - dropped);
    return kept.map((part) => `/${part}`).join("");
  });
}

function readOrEmpty(readFile: ReadFile, path: string): string {
  try {
    return readFile(path);
  } catch {
    // Not Linux, or no such controller: no limit from here.
    return "";
  }
}
