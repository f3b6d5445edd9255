// Checks of the machine and of what it grants to the process: descriptors, memory, swap, pages, the
// queue of connections, cores, the clock. Pure. All but that of the clock need a node on this
// machine.

import { configNumber, type Facts, isOurs, type MachineFacts } from "./facts.ts";
import {
  type Check,
  type Finding,
  finding,
  megabytes,
  ok,
  percent,
  plural,
  setting,
} from "./finding.ts";

/** Descriptors beside those of clients: listeners, files, links. */
const otherDescriptors = 64;
/** What servers ask for as the queue of connections that wait to be accepted. */
const queueMin = 511;
const swappinessMax = 10;
const MiB = 1024 * 1024;
/** Clock sources that the kernel reads without leaving the program. */
const quickClocks = ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"];
const clockMsMax = { warning: 1_000, failure: 60_000 } as const;

type MachineJudge = (machine: MachineFacts, facts: Facts) => Finding | null;

export const machineChecks: readonly Check[] = [
  machineCheck("descriptors", "file descriptors", descriptors),
  machineCheck("overcommit", "overcommit of memory", overcommit),
  machineCheck("memory-bound", "memory of the machine", memoryBound),
  machineCheck("memory-free", "free memory", memoryFree),
  machineCheck("swap", "swap", swap),
  machineCheck("huge-pages", "transparent huge pages", hugePages),
  machineCheck("somaxconn", "queue of new connections", somaxconn),
  machineCheck("cores", "cores and threads", cores),
  machineCheck("cpu-quota", "CPU quota", cpuQuota),
  machineCheck("clock-source", "clock source", clockSource),
  { id: "clock", area: "machine", title: "clock", judge: clock },
];

export function descriptors(machine: MachineFacts, facts: Facts): Finding | null {
  const { openFiles, openFilesMax } = machine;
  const clients = configNumber(facts, "maxclients") ?? facts.info.number("maxclients");
  if (openFilesMax === null) return null;
  const used = openFiles === null ? "" : `, ${openFiles} of them open`;
  if (openFiles !== null && openFiles >= openFilesMax * 0.9) {
    return finding(
      "failure",
      `${openFiles} of ${openFilesMax} file descriptors are open`,
      "the next connections are refused, and a snapshot cannot open its file",
      `LimitNOFILE=${openFilesMax * 4} in the unit, or ulimit -n ${openFilesMax * 4} before the start`,
    );
  }
  const needed = (clients ?? 0) + otherDescriptors;
  if (clients === null || openFilesMax >= needed) return ok(`${openFilesMax} allowed${used}`);
  return finding(
    "warning",
    `${openFilesMax} file descriptors, but maxclients is ${clients}${used}`,
    `every client takes one, so clients beyond about ${openFilesMax - otherDescriptors} are refused`,
    `LimitNOFILE=${needed} in the unit, or ulimit -n ${needed} before the start`,
  );
}

export function overcommit(machine: MachineFacts, facts: Facts): Finding | null {
  const { overcommit: mode, commitLimitBytes, committedBytes } = machine;
  if (mode === null) return null;
  const change = "sysctl vm.overcommit_memory=1, and the same line in /etc/sysctl.d/99-cache.conf";
  if (!isOurs(facts)) {
    if (mode === 1) return ok("vm.overcommit_memory is 1");
    const why = "a Redis that saves forks, and the fork of a large one is refused";
    return finding("warning", `vm.overcommit_memory is ${mode}`, why, change);
  }
  if (mode !== 2 || commitLimitBytes === null || committedBytes === null) {
    return ok(`vm.overcommit_memory is ${mode}; the node forks nothing`);
  }
  const left = commitLimitBytes - committedBytes;
  const saw = `vm.overcommit_memory is 2 and ${megabytes(left)} can still be promised`;
  const planned = facts.info.number("memory_planned_bytes") ?? 0;
  if (left > planned) return ok(saw);
  const why = `the node reserves its memory before it uses it, ${megabytes(planned)} as it is set now`;
  return finding("warning", saw, `${why}; its next start may be refused`, change);
}

export function memoryBound(machine: MachineFacts, facts: Facts): Finding | null {
  const bound = machine.memoryBoundBytes;
  const limit = facts.info.number("maxmemory");
  if (bound === null || limit === null) return null;
  const planned = facts.info.number("memory_planned_bytes");
  const half = megabytes(bound / 2);
  if (limit === 0) {
    return finding(
      "warning",
      `maxmemory is 0, no limit, and the process may use ${megabytes(bound)}`,
      "the data grow until the kernel kills the process",
      setting(facts, "maxmemory", half),
    );
  }
  if (limit >= bound * 0.95) {
    return finding(
      "failure",
      `maxmemory is ${megabytes(limit)}, and the process may use ${megabytes(bound)} in all`,
      "clients, replication and the program itself need memory beside the data: the kernel kills it",
      setting(facts, "maxmemory", half),
    );
  }
  if (planned !== null && planned > bound) {
    return finding(
      "warning",
      `the settings may need ${megabytes(planned)}, and the process may use ${megabytes(bound)}`,
      "when clients, journal and followers take what they may, the kernel kills the process",
      `${setting(facts, "maxmemory", half)}; or lower --journal-size, --follower-buffer or --max-client-memory`,
    );
  }
  const share = `maxmemory is ${megabytes(limit)} of ${megabytes(bound)}`;
  return ok(planned === null ? share : `${share}, with all buffers ${megabytes(planned)}`);
}

export function memoryFree(machine: MachineFacts, facts: Facts): Finding | null {
  const { availableBytes: left, memoryBoundBytes: bound, residentBytes: resident } = machine;
  if (left === null || bound === null || resident === null) return null;
  const saw = `${megabytes(left)} free, ${megabytes(resident)} of ${megabytes(bound)} used by the node`;
  const why = "without free memory the kernel kills a process, mostly the largest";
  const change = `stop other programs, or ${setting(facts, "maxmemory", megabytes((resident * 3) / 4))}`;
  if (left < bound * 0.03 || resident > bound * 0.97) return finding("failure", saw, why, change);
  if (left < bound * 0.1 || resident > bound * 0.9) return finding("warning", saw, why, change);
  return ok(saw);
}

export function swap(machine: MachineFacts): Finding | null {
  const { swappedBytes, swapBytes, swappiness } = machine;
  if (swappedBytes === null || swapBytes === null) return null;
  const change = "sysctl vm.swappiness=1, or MemorySwapMax=0 in the unit";
  if (swappedBytes >= MiB) {
    return finding(
      "warning",
      `${megabytes(swappedBytes)} of the node are in swap`,
      "a key there costs milliseconds, and all clients of its thread wait for it",
      `${change}; then start it again, or swapoff -a while memory is free`,
    );
  }
  if (swapBytes === 0 || swappiness === null || swappiness <= swappinessMax) {
    return ok(swapBytes === 0 ? "no swap" : `nothing in swap, vm.swappiness is ${swappiness}`);
  }
  return finding(
    "advice",
    `nothing in swap yet, but vm.swappiness is ${swappiness} with ${megabytes(swapBytes)} of swap`,
    "the kernel may move keys that were not used lately to disk",
    change,
  );
}

export function hugePages(machine: MachineFacts, facts: Facts): Finding | null {
  const { hugePages: mode } = machine;
  if (mode === null) return null;
  const saw = mode;
  if (mode !== "always") return ok(saw);
  const change = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, at each boot";
  return isOurs(facts)
    ? finding(
        "advice",
        saw,
        "a page that is touched once may take 2 MiB, so more is resident than is used",
        change,
      )
    : finding("warning", saw, "after a fork, each write copies 2 MiB: latency and memory", change);
}

export function somaxconn({ somaxconn: queue }: MachineFacts): Finding | null {
  if (queue === null) return null;
  if (queue >= queueMin) return ok(`net.core.somaxconn is ${queue}`);
  return finding(
    "advice",
    `net.core.somaxconn is ${queue}`,
    "when many clients connect at once, as after a restart, those beyond the queue wait a second or more",
    "sysctl net.core.somaxconn=1024, and the same line in /etc/sysctl.d/99-cache.conf",
  );
}

export function cores(machine: MachineFacts, facts: Facts): Finding | null {
  const count = machine.cores;
  const threads = facts.info.number("data_threads") ?? configNumber(facts, "io-threads");
  if (count === null || threads === null) return null;
  const saw = `${plural(threads, "data thread")} on ${plural(count, "core")}`;
  if (threads > count) {
    const why = "threads that wait for a core hold locks and connections meanwhile";
    return finding("warning", saw, why, setting(facts, "io-threads", `${count}`));
  }
  const busy = busyShare(facts);
  if (busy === null) return ok(saw);
  const used = `${saw}, ${percent(busy)} of a core in use`;
  if (busy < threads * 0.85 || threads >= count || !isOurs(facts)) return ok(used);
  const why = "the node cannot serve more than its threads can, and cores are free";
  return finding(
    "advice",
    used,
    why,
    `--threads ${Math.min(count, threads * 2)} at the next start`,
  );
}

/** Cores that the process used between the two INFOs. */
function busyShare(facts: Facts): number | null {
  const spent = ["used_cpu_sys", "used_cpu_user"].map((name) => {
    const after = facts.info.number(name);
    const before = facts.earlier.number(name);
    return after === null || before === null ? null : after - before;
  });
  const [system, user] = spent;
  return system == null || user == null ? null : (system + user) / facts.seconds;
}

export function cpuQuota(machine: MachineFacts, facts: Facts): Finding | null {
  const { coreQuota, throttled } = machine;
  if (coreQuota === null) return machine.cores === null ? null : ok("no quota");
  const share = throttled ?? 0;
  const saw = `a quota of ${coreQuota} cores, stopped in ${percent(share)} of the periods`;
  const threads = facts.info.number("data_threads") ?? 1;
  if (share < 0.05 && coreQuota >= threads) return ok(saw);
  return finding(
    "warning",
    saw,
    "a process that has used up its quota stands still for up to 100 ms, and its clients with it",
    `a CPU limit of at least ${Math.max(threads + 1, Math.ceil(coreQuota * 2))} cores, or none (CPUQuota=, limits.cpu)`,
  );
}

export function clockSource({ clockSource: source }: MachineFacts): Finding | null {
  if (source === null) return null;
  if (quickClocks.includes(source)) return ok(source);
  return finding(
    "advice",
    `the clock source is ${source}`,
    "reading the clock is a system call there, and a node reads it for each batch of commands",
    "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, if the machine has it",
  );
}

export function clock({ clock: own, followers }: Facts): Finding | null {
  if (own === null) return null;
  const offsets = [
    { name: "this machine", ms: own.ms, errorMs: own.errorMs },
    ...followers.flatMap(({ name, clock: other }) =>
      other === null ? [] : { name, ms: own.ms - other.ms, errorMs: own.errorMs + other.errorMs },
    ),
  ];
  const worst = offsets.toSorted((one, other) => certain(other) - certain(one))[0];
  if (worst === undefined) return null;
  const ms = certain(worst);
  const saw = `${(Math.abs(worst.ms) / 1_000).toFixed(3)} s away from ${worst.name}`;
  if (ms < clockMsMax.warning) return ok(saw);
  return finding(
    ms < clockMsMax.failure ? "warning" : "failure",
    `the node's clock is ${saw}`,
    "keys expire by the wall clock of each node, so they live longer or shorter elsewhere",
    "run chrony or systemd-timesyncd on both machines: timedatectl set-ntp true",
  );
}

// --- internal ---

function machineCheck(id: string, title: string, judge: MachineJudge): Check {
  return {
    ...{ id, area: "machine", title },
    judge: (facts) => (facts.machine === null ? null : judge(facts.machine, facts)),
  };
}

/** What an offset is at least, in either direction. */
function certain({ ms, errorMs }: { readonly ms: number; readonly errorMs: number }): number {
  return Math.max(0, Math.abs(ms) - errorMs);
}
