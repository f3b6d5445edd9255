// The options of a near cache, their defaults and bounds. All are checked before anything is sent,
// so that a mistake is an InvalidArgumentError of near(). Nothing is opened here.

import { timerMsMax } from "../../base/limits.ts";
import { checkBag, isArgument, type Names, numberWithin, wrongKind } from "../arguments.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import type { NearDecode } from "./near-values.ts";

/** The options of {@link Client.near}. Durations are milliseconds, at most 2^31 - 1. */
export interface NearOptions<T = string> {
  /**
   * Bytes of entries that it keeps: decoded values, keys and about 240 bytes for each entry, as
   * estimated. An entry of more than an eighth is not kept. Default 67,108,864 (64 MiB), at least
   * 65,536.
   */
  maxBytes?: number | undefined;
  /**
   * How the server keeps it right. "keys": the server remembers each key that was read and tells of
   * its next change; it costs the server memory for each key. "broadcast": the server remembers
   * nothing and tells of every change under `prefixes`, whether it was read or not; an MSCache
   * server then numbers what it tells, so that the cache survives a short cut of its connection.
   * Default: "broadcast" if there are `prefixes`, else "keys".
   */
  mode?: "keys" | "broadcast" | undefined;
  /**
   * With "broadcast", the beginnings of the keys that are kept; other keys are read from the server
   * each time. None may be the beginning of another one. Default: all keys.
   */
  prefixes?: readonly string[] | undefined;
  /**
   * While the connection is lost, serve what is held for so long after the last proof that it was
   * right. Default 0: nothing is served from a lost connection.
   */
  maxStaleness?: number | undefined;
  /**
   * How long a connection may be silent before the cache serves nothing any more: a cable that was
   * cut, or a server that stands still, sends no word of it. The cache asks the server four times
   * as often. Default 2,000, at least 20.
   */
  maxSilence?: number | undefined;
  /**
   * What a value becomes: "text" (a string), "json" (parsed and frozen all the way down), "bytes"
   * (a Uint8Array that all callers share: do not write to it), or a function, whose plain objects
   * and arrays are frozen as well. It runs once for each read from the server. get() rejects with
   * what it throws. Default "text".
   */
  decode?: NearDecode<T> | undefined;
}

const nearNames: Names<NearOptions> = {
  ...{ maxBytes: true, mode: true, prefixes: true },
  ...{ maxStaleness: true, maxSilence: true, decode: true },
};

/** The options with every default filled in. @internal */
export interface NearSettings {
  readonly maxBytes: number;
  readonly isBroadcast: boolean;
  /** None: all keys. */
  readonly prefixes: readonly string[];
  readonly maxStalenessMs: number;
  readonly maxSilenceMs: number;
  readonly decode: NearDecode<unknown>;
}

const maxBytesDefault = 64 * 1024 * 1024;
/** @internal */
export const maxBytesMin = 64 * 1024;
const maxSilenceMsDefault = 2_000;
const maxSilenceMsMin = 20;

/** @internal */
export function resolveNearOptions(options: NearOptions<unknown> = {}): NearSettings {
  checkBag("options", options, nearNames);
  const { prefixes = [], decode = "text", maxStaleness, maxSilence } = options;
  checkPrefixes(prefixes);
  const isBroadcast = broadcasts(options.mode, prefixes);
  if (!["text", "json", "bytes"].includes(decode as string) && typeof decode !== "function") {
    throw new InvalidArgumentError('decode must be "text", "json", "bytes" or a function');
  }
  return {
    maxBytes: numberWithin("maxBytes", options.maxBytes, maxBytesDefault, maxBytesMin, 2 ** 53 - 1),
    isBroadcast,
    prefixes: [...prefixes],
    maxStalenessMs: numberWithin("maxStaleness", maxStaleness, 0, 0, timerMsMax),
    maxSilenceMs: numberWithin(
      "maxSilence",
      maxSilence,
      maxSilenceMsDefault,
      maxSilenceMsMin,
      timerMsMax,
    ),
    decode,
  };
}

// --- internal ---

function broadcasts(mode: unknown, prefixes: readonly string[]): boolean {
  if (mode === undefined) return prefixes.length > 0;
  if (mode !== "keys" && mode !== "broadcast") {
    throw new InvalidArgumentError('mode must be "keys" or "broadcast"');
  }
  if (mode === "keys" && prefixes.length > 0) {
    throw new InvalidArgumentError('prefixes need mode "broadcast"');
  }
  return mode === "broadcast";
}

/** Overlapping prefixes would be refused by the server, with a less helpful message. */
function checkPrefixes(prefixes: unknown): void {
  if (!Array.isArray(prefixes)) throw wrongKind("prefixes", "an array", prefixes);
  for (const prefix of prefixes) {
    if (typeof prefix !== "string" || !isArgument(prefix)) {
      throw wrongKind("a prefix", "a string", prefix);
    }
    if (!prefix.isWellFormed()) throw new InvalidArgumentError("a prefix is no Unicode text");
  }
  for (const [i, prefix] of prefixes.entries()) {
    const other = prefixes.find((one, j) => j !== i && one.startsWith(prefix));
    if (other === undefined) continue;
    const [a, b] = [JSON.stringify(prefix), JSON.stringify(other)];
    throw new InvalidArgumentError(`the prefix ${a} is the beginning of ${b}`);
  }
}
