// What the doctor knows about a node and its machine. All of it is read before anything is judged,
// and the checks are pure functions over it. Null means not seen: the server does not tell, the
// user may not ask, or the node is on another machine.

import { InfoFields } from "../info-fields.ts";
import type { ClientLine, SlowCommand } from "../top/sample.ts";

export interface Facts {
  /** As the user typed it. */
  readonly address: string;
  readonly info: InfoFields;
  /** INFO some seconds before. */
  readonly earlier: InfoFields;
  readonly seconds: number;
  /** CONFIG GET, by the names that Redis has. */
  readonly config: ReadonlyMap<string, string> | null;
  /** Whether the user `default` needs no password. */
  readonly isPasswordless: boolean | null;
  readonly slow: readonly SlowCommand[] | null;
  readonly clients: readonly ClientLine[] | null;
  /** The node's clock minus the one here, as exactly as the round trip allows. */
  readonly clock: ClockOffset | null;
  /** Of a leader: those that could be asked and those that could not. */
  readonly followers: readonly FollowerFacts[];
  /** What a Sentinel says of the group, if one was named. */
  readonly sentinel: SentinelFacts | null;
  /** Of the process and its machine, if it runs here. */
  readonly machine: MachineFacts | null;
}

export interface ClockOffset {
  readonly ms: number;
  /** Half of the round trip. */
  readonly errorMs: number;
}

export interface FollowerFacts {
  readonly name: string;
  readonly version: string | null;
  readonly clock: ClockOffset | null;
  /** Why it could not be asked; null: it was. */
  readonly fault: string | null;
}

export interface SentinelFacts {
  readonly address: string;
  readonly downAfterMs: number;
  /** This one and those that it knows. */
  readonly sentinels: number;
  readonly quorum: number;
}

export interface MachineFacts {
  readonly pid: number;
  readonly openFiles: number | null;
  readonly openFilesMax: number | null;
  /** vm.overcommit_memory: 0 guesses, 1 always, 2 never beyond commitLimitBytes. */
  readonly overcommit: number | null;
  readonly commitLimitBytes: number | null;
  readonly committedBytes: number | null;
  readonly somaxconn: number | null;
  readonly swappiness: number | null;
  readonly swapBytes: number | null;
  /** Of the process. */
  readonly swappedBytes: number | null;
  readonly residentBytes: number | null;
  readonly hugePages: "always" | "madvise" | "never" | null;
  /** Of the machine, or of the control group of the process. */
  readonly memoryBoundBytes: number | null;
  readonly availableBytes: number | null;
  readonly clockSource: string | null;
  /** On which the process may run. */
  readonly cores: number | null;
  /** Cores that a control group grants in the long run; null: no such limit. */
  readonly coreQuota: number | null;
  /** Of the periods in which the process ran, those in which it had to stop. 0 to 1. */
  readonly throttled: number | null;
  readonly snapshot: SnapshotPlace | null;
}

export interface SnapshotPlace {
  readonly path: string;
  readonly freeBytes: number | null;
  /** Why the process cannot write there; null: it can. */
  readonly fault: string | null;
}

/** A node of ours, rather than a Redis. */
export function isOurs({ info }: Facts): boolean {
  return info.text("mscache_version") !== null;
}

/** The increase of a counter between the two INFOs; null: it is not told, or was reset. */
export function increase({ earlier, info }: Facts, name: string): number | null {
  const before = earlier.number(name);
  const after = info.number(name);
  return before === null || after === null || after < before ? null : after - before;
}

/** A number of CONFIG GET; null for a text. */
export function configNumber({ config }: Facts, name: string): number | null {
  const text = config?.get(name);
  return text === undefined || !/^-?\d+$/.test(text) ? null : Number(text);
}

/** Facts of which nothing is known; for what is known, pass it. */
export function factsOf(known: Partial<Facts>): Facts {
  return {
    ...{ address: "", info: new InfoFields(""), earlier: new InfoFields(""), seconds: 1 },
    ...{ config: null, isPasswordless: null, slow: null, clients: null, clock: null },
    ...{ followers: [], sentinel: null, machine: null },
    ...known,
  };
}
