// What a process and its machine say of themselves in /proc, /sys and the control groups of Linux.
// A file that is missing or may not be read gives null: on another system all of it is null. It
// judges nothing.

import { accessSync, constants, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { availableParallelism, networkInterfaces, totalmem } from "node:os";
import { dirname, resolve } from "node:path";
import { isLoopback } from "../../base/address.ts";
import { reasonOf } from "../../base/reason.ts";
import { memoryBoundBytes } from "../../base/system-memory.ts";
import type { MachineFacts, SnapshotPlace } from "./facts.ts";

/** Throws where there is no such file. */
export type ReadFile = (path: string) => string;

const readReal: ReadFile = (path) => readFileSync(path, "utf8");
const KiB = 1024;
/** Clock ticks a second, as /proc counts; Linux has told programs 100 for decades. */
const ticksPerSecond = 100;
/** A process is a while older than its node, which loads its program first. */
const startSecondsMax = 10;

/** Whether an address is this machine's own. */
export function isOwnHost(host: string): boolean {
  if (isLoopback(host) || host === "localhost") return true;
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return own.some(({ address }) => address === host);
}

/**
 * Whether the process with this id has run for as long as the node says: then it is the node, and
 * not another one's process with the same id in another container.
 */
export function isNodeProcess(pid: number, uptimeSeconds: number, read = readReal): boolean {
  const age = processAgeSeconds(pid, read);
  return age !== null && age >= uptimeSeconds - 2 && age - uptimeSeconds <= startSecondsMax;
}

export function processAgeSeconds(pid: number, read: ReadFile = readReal): number | null {
  const stat = textOf(read, `/proc/${pid}/stat`);
  const uptime = Number.parseFloat(textOf(read, "/proc/uptime") ?? "");
  // The name in brackets may have spaces; the start is the 20th field after it.
  const started = Number(stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? Number.NaN);
  const age = uptime - started / ticksPerSecond;
  return Number.isFinite(age) ? age : null;
}

/** `snapshotPath`: null if none is configured. */
export function readMachine(
  pid: number,
  snapshotPath: string | null,
  read: ReadFile = readReal,
): MachineFacts {
  const status = textOf(read, `/proc/${pid}/status`);
  const meminfo = textOf(read, "/proc/meminfo");
  const own: ReadFile = (path) => read(path.replace("/proc/self/", `/proc/${pid}/`));
  const limits = /^Max open files\s+(\d+)/m.exec(textOf(read, `/proc/${pid}/limits`) ?? "");
  return {
    pid,
    openFiles: countOf(`/proc/${pid}/fd`),
    openFilesMax: limits === null ? null : Number(limits[1]),
    overcommit: numberIn(read, "/proc/sys/vm/overcommit_memory"),
    commitLimitBytes: kilobytes(meminfo, "CommitLimit"),
    committedBytes: kilobytes(meminfo, "Committed_AS"),
    somaxconn: numberIn(read, "/proc/sys/net/core/somaxconn"),
    swappiness: numberIn(read, "/proc/sys/vm/swappiness"),
    swapBytes: kilobytes(meminfo, "SwapTotal"),
    swappedBytes: kilobytes(status, "VmSwap"),
    residentBytes: kilobytes(status, "VmRSS"),
    hugePages: hugePagesIn(textOf(read, "/sys/kernel/mm/transparent_hugepage/enabled")),
    memoryBoundBytes: meminfo === null ? null : memoryBoundBytes(own, totalmem()),
    availableBytes: kilobytes(meminfo, "MemAvailable"),
    clockSource: textOf(read, "/sys/devices/system/clocksource/clocksource0/current_clocksource"),
    cores: coresIn(status),
    ...cpuGroup(pid, read),
    snapshot: snapshotPath === null ? null : placeOf(pid, snapshotPath, read),
  };
}

/** "0-3,8" are five; null without such a line. */
export function coresIn(status: string | null): number | null {
  const [, list] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status ?? "") ?? [];
  if (list === undefined) return null;
  const allowed = list.split(",").reduce((sum, part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return sum + last - first + 1;
  }, 0);
  // A list may name cores that the machine could have and has not.
  return Math.min(allowed, availableParallelism());
}

/** "always [madvise] never" is madvise. */
export function hugePagesIn(text: string | null): MachineFacts["hugePages"] {
  const [, mode] = /\[(always|madvise|never)\]/.exec(text ?? "") ?? [];
  return (mode as MachineFacts["hugePages"]) ?? null;
}

/** The quota of the group of the process, in version 2 of control groups. */
export function cpuGroup(
  pid: number,
  read: ReadFile,
): Pick<MachineFacts, "coreQuota" | "throttled"> {
  const [, path = ""] = /^0::(\/.*)$/m.exec(textOf(read, `/proc/${pid}/cgroup`) ?? "") ?? [];
  const [quota, period] = (textOf(read, `/sys/fs/cgroup${path}/cpu.max`) ?? "").split(" ");
  const stat = textOf(read, `/sys/fs/cgroup${path}/cpu.stat`) ?? "";
  const [, periods] = /^nr_periods (\d+)$/m.exec(stat) ?? [];
  const [, stopped] = /^nr_throttled (\d+)$/m.exec(stat) ?? [];
  const cores = Number(quota) / Number(period);
  const share = Number(stopped) / Number(periods);
  return {
    coreQuota: Number.isFinite(cores) ? cores : null,
    throttled: Number.isFinite(share) ? share : null,
  };
}

// --- internal ---

function textOf(read: ReadFile, path: string): string | null {
  try {
    return read(path).trim();
  } catch {
    return null; // not this system, or not for this user
  }
}

function numberIn(read: ReadFile, path: string): number | null {
  const text = textOf(read, path);
  return text === null || !/^-?\d+$/.test(text) ? null : Number(text);
}

/** "VmRSS:   1234 kB", in bytes. */
function kilobytes(text: string | null, name: string): number | null {
  const [, value] = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text ?? "") ?? [];
  return value === undefined ? null : Number(value) * KiB;
}

function countOf(path: string): number | null {
  try {
    return readdirSync(path).length;
  } catch {
    return null; // another user's process
  }
}

/** A relative path is one of the process, which has its own working directory and perhaps root. */
function placeOf(pid: number, snapshotPath: string, read: ReadFile): SnapshotPlace {
  const path = dirname(resolve("/", snapshotPath));
  const seen = `/proc/${pid}/root${path}`;
  try {
    const { bavail, bsize } = statfsSync(seen);
    return { path, freeBytes: bavail * bsize, fault: writeFault(pid, seen, read) };
  } catch (error) {
    return { path, freeBytes: null, fault: reasonOf(error) };
  }
}

/** Why the user of the process cannot write into the directory; null: it can. */
function writeFault(pid: number, directory: string, read: ReadFile): string | null {
  const status = textOf(read, `/proc/${pid}/status`) ?? "";
  const [, uid] = /^Uid:\s+\d+\s+(\d+)/m.exec(status) ?? [];
  const [, gid] = /^Gid:\s+\d+\s+(\d+)/m.exec(status) ?? [];
  const [, list = ""] = /^Groups:[ \t]*(.*)$/m.exec(status) ?? [];
  const groups = [gid, ...list.trim().split(/\s+/)].map(Number);
  if (Number(uid) === process.geteuid?.()) return ownFault(directory);
  if (Number(uid) === 0) return null;
  const { uid: owner, gid: group, mode } = statSync(directory);
  const shift = owner === Number(uid) ? 6 : groups.includes(group) ? 3 : 0;
  const mayWrite = ((mode >> shift) & 0b011) === 0b011;
  return mayWrite ? null : `user ${uid} may not write there (mode ${(mode & 0o777).toString(8)})`;
}

function ownFault(directory: string): string | null {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}
