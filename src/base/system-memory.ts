// How much memory this process may use: the machine's, or less if a control group (version 1 or 2,
// from a container or systemd) sets a limit. Does not watch for changes.
// Invariant: the result is never more than the machine has.

import { readFileSync } from "node:fs";
import { totalmem } from "node:os";

type ReadFile = (path: string) => string;

/** The bound in bytes. A file that cannot be read sets no limit. The parameters are for tests. */
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
 * The files that may hold a limit: those of each group of this process and of its ancestors, whose
 * limits apply too. Inside a container the path is often the host's while the mount shows only our
 * part of the tree; walking up to the root finds that file as well.
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
    // Not Linux, or no such controller: this file sets no limit.
    return "";
  }
}
