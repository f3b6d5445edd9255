// The reports of MEMORY about the whole node: where its memory goes, and what is unusual about it.
// Runs in the control thread. The store, which keeps all data, takes the place of Redis's
// allocator: what it uses is "allocated", the segments and buckets it took are "active".

import { buffers } from "../../base/buffer-pool.ts";
import { residentBytes } from "../../base/resident-memory.ts";
import type { MemoryField, MemoryReports } from "../../command/core/node.ts";
import type { Replication } from "../../replication/replication.ts";
import type { Store } from "../../store/store.ts";
import type { ClientMemory } from "../shared/client-memory.ts";

const MiB = 1024 * 1024;
/** Redis's bounds: below the first there is nothing to judge; slack below the second is usual. */
const judgedBytesMin = 5 * MiB;
const slackBytesMin = 10 * MiB;
const peakShareMax = 1.5;
const residentShareMax = 1.4;

export interface MemoryParts {
  readonly store: Store;
  readonly clientMemory: ClientMemory;
  readonly replication: Replication;
  /** The functions and the scripts that the node knows. */
  readonly libraries: { readonly cachedBytes: number };
  readonly scripts: { readonly cachedBytes: number };
  /** Most memory that the store has used, as far as INFO has seen it. */
  readonly peakBytes: () => number;
}

export class MemoryReport implements MemoryReports {
  private readonly parts: MemoryParts;

  constructor(parts: MemoryParts) {
    this.parts = parts;
  }

  fields(): readonly MemoryField[] {
    const { store, clientMemory, libraries, scripts, peakBytes } = this.parts;
    const { items, databases, memoryUsedBytes: used, memory } = store.statistics();
    const { queuedBytes: followers, journalBytes: journal } = this.parts.replication.memory();
    const index = memory.index_bytes + memory.ghost_bytes;
    const overhead = index + clientMemory.totalBytes + followers + journal;
    const resident = residentBytes();
    const active = index + memory.segments_used * memory.segment_bytes;
    const peak = peakBytes();
    return [
      ["peak.allocated", peak],
      ["total.allocated", used],
      ["startup.allocated", 0],
      ["replication.backlog", journal],
      ["clients.slaves", followers],
      ["clients.normal", clientMemory.totalBytes],
      ["cluster.links", 0],
      ["aof.buffer", 0],
      ["lua.caches", scripts.cachedBytes],
      ["functions.caches", libraries.cachedBytes],
      ...databases.map(({ number, items: share }) =>
        overheadOf(number, (memory.index_bytes * share) / items),
      ),
      ["overhead.total", overhead],
      ["keys.count", items],
      ["keys.bytes-per-key", memory.bytes_per_item],
      ["dataset.bytes", used - index],
      ["dataset.percentage", percent(used - index, used)],
      ["peak.percentage", percent(used, peak)],
      ["allocator.allocated", used],
      ["allocator.active", active],
      ["allocator.resident", resident],
      ["allocator-fragmentation.ratio", ratio(active, used)],
      ["allocator-fragmentation.bytes", active - used],
      ["allocator-rss.ratio", ratio(resident, active)],
      ["allocator-rss.bytes", resident - active],
      ["rss-overhead.ratio", 1],
      ["rss-overhead.bytes", 0],
      ["fragmentation", ratio(resident, used)],
      ["fragmentation.bytes", resident - used],
    ];
  }

  doctor(): string {
    const { store, peakBytes } = this.parts;
    const { memoryUsedBytes: used, memory } = store.statistics();
    if (used < judgedBytesMin)
      return "This node holds less than 5 MiB: there is nothing to judge.\n";
    const resident = residentBytes();
    const findings: string[] = [];
    if (ratio(peakBytes(), used) > peakShareMax) {
      findings.push("the store once used more than 150 % of what it uses now");
    }
    if (ratio(resident, used) > residentShareMax && resident - used > slackBytesMin) {
      findings.push(
        "the process has more than 140 % of what the store uses; MEMORY PURGE may return some",
      );
    }
    if (memory.dead_bytes > used / 4) {
      findings.push("more than a quarter of the store is items that were overwritten or removed");
    }
    if (memory.index_crowded_writes > 0) {
      findings.push("keys collide in the index: somebody may choose them so");
    }
    if (findings.length === 0) return "Nothing is unusual in the use of memory.\n";
    return `Unusual:\n${findings.map((finding) => ` * ${finding}\n`).join("")}`;
  }

  allocator(): string {
    const { memory } = this.parts.store.statistics();
    const lines = Object.entries(memory).map(([name, value]) => `${name}:${value}\n`);
    return lines.join("");
  }

  /** The pages of removed data go back by themselves, slice by slice (store/clearing.ts). */
  purge(): void {
    buffers.trim();
    Bun.gc(true);
  }
}

/** All databases share the index: each has its share by items. */
function overheadOf(database: number, indexBytes: number): MemoryField {
  const parts: MemoryField[] = [
    ["overhead.hashtable.main", Math.round(indexBytes)],
    ["overhead.hashtable.expires", 0],
    ["overhead.hashtable.slot-to-keys", 0],
  ];
  return [`db.${database}`, parts];
}

function ratio(part: number, whole: number): number {
  return Math.round((100 * part) / Math.max(1, whole)) / 100;
}

function percent(part: number, whole: number): number {
  return Math.round((10_000 * part) / Math.max(1, whole)) / 100;
}
