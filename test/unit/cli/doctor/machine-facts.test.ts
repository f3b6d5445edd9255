// What is read from /proc, /sys and control groups: from texts as Linux writes them, and from this
// very process.

import { describe, expect, test } from "bun:test";
import {
  coresIn,
  cpuGroup,
  hugePagesIn,
  isNodeProcess,
  isOwnHost,
  processAgeSeconds,
  type ReadFile,
  readMachine,
} from "../../../../src/cli/doctor/machine-facts.ts";

/** Reads these files and no others. */
function files(texts: Readonly<Record<string, string>>): ReadFile {
  return (path) => {
    const text = texts[path];
    if (text === undefined) throw new Error(`ENOENT: ${path}`);
    return text;
  };
}

const stat = (ticks: number) => `42 (a (b) c) S ${Array(18).fill("0").join(" ")} ${ticks} 0`;

describe("a process", () => {
  const read = files({ "/proc/42/stat": stat(90_000), "/proc/uptime": "1000.50 1.0\n" });

  test("has the age that its start says, whatever its name", () => {
    expect(processAgeSeconds(42, read)).toBeCloseTo(100.5);
    expect(processAgeSeconds(43, read)).toBeNull();
  });

  test("is the node if it is as old as the node says", () => {
    expect(isNodeProcess(42, 100, read)).toBe(true);
    expect(isNodeProcess(42, 95, read)).toBe(true);
    expect(isNodeProcess(42, 50, read)).toBe(false);
    expect(isNodeProcess(42, 500, read)).toBe(false);
    expect(isNodeProcess(43, 100, read)).toBe(false);
  });
});

test("values are read from the files of Linux", () => {
  const read = files({
    "/proc/7/status": "Name:\tx\nVmRSS:\t  2048 kB\nVmSwap:\t  16 kB\nCpus_allowed_list:\t0\n",
    "/proc/7/limits": "Limit Soft Hard Units\nMax open files            1024   4096   files\n",
    "/proc/meminfo": "MemAvailable: 4 kB\nSwapTotal: 0 kB\nCommitLimit: 9 kB\nCommitted_AS: 8 kB\n",
    "/proc/sys/vm/overcommit_memory": "2\n",
    "/proc/sys/vm/swappiness": "60\n",
    "/proc/sys/net/core/somaxconn": "128\n",
    "/sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n",
    "/proc/7/cgroup": "0::/cache.slice\n",
    "/sys/fs/cgroup/cache.slice/memory.max": "1048576\n",
    "/sys/fs/cgroup/cache.slice/cpu.max": "150000 100000\n",
    "/sys/fs/cgroup/cache.slice/cpu.stat": "usage_usec 1\nnr_periods 200\nnr_throttled 50\n",
  });
  expect(readMachine(7, null, read)).toMatchObject({
    ...{ pid: 7, openFilesMax: 1_024, overcommit: 2, swappiness: 60, somaxconn: 128 },
    ...{ residentBytes: 2_048 * 1_024, swappedBytes: 16 * 1_024, swapBytes: 0, cores: 1 },
    ...{ availableBytes: 4_096, commitLimitBytes: 9 * 1_024, committedBytes: 8 * 1_024 },
    ...{ hugePages: "always", clockSource: "hpet", memoryBoundBytes: 1_048_576 },
    ...{ coreQuota: 1.5, throttled: 0.25, snapshot: null },
  });
});

test("where nothing can be read, nothing is known", () => {
  const { pid, snapshot, ...facts } = readMachine(-1, null, files({}));
  expect([pid, snapshot]).toEqual([-1, null]);
  expect(new Set(Object.values(facts))).toEqual(new Set([null]));
});

test("texts of the kernel in other shapes", () => {
  expect(coresIn("Cpus_allowed_list:\t0-1023,2000")).toBe(navigator.hardwareConcurrency);
  expect(coresIn("")).toBeNull();
  expect(hugePagesIn("always madvise [never]")).toBe("never");
  expect(hugePagesIn(null)).toBeNull();
  const unlimited = { "/proc/7/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n" };
  expect(cpuGroup(7, files(unlimited))).toEqual({ coreQuota: null, throttled: null });
});

test.each([
  ["127.0.0.1", true],
  ["localhost", true],
  ["::1", true],
  ["192.0.2.1", false],
  ["example.com", false],
])("%s is this machine: %p", (host, isOwn) => {
  expect(isOwnHost(host)).toBe(isOwn);
});

describe.skipIf(process.platform !== "linux")("this process; Linux only", () => {
  test("can be read", () => {
    const facts = readMachine(process.pid, `${process.cwd()}/no-such.rdb`);
    expect(facts.openFiles).toBeGreaterThan(0);
    expect(facts.openFilesMax).toBeGreaterThan(0);
    expect(facts.residentBytes).toBeGreaterThan(10 * 1024 * 1024);
    expect(facts.memoryBoundBytes).toBeGreaterThan(facts.residentBytes ?? 0);
    expect(facts.snapshot).toMatchObject({ path: process.cwd(), fault: null });
    expect(facts.snapshot?.freeBytes).toBeGreaterThan(0);
  });

  test("a directory that is not there is a fault in words", () => {
    const { snapshot } = readMachine(process.pid, "/no-such-directory/a.rdb");
    expect(snapshot).toMatchObject({ path: "/no-such-directory", freeBytes: null });
    expect(snapshot?.fault).toContain("ENOENT");
  });
});
