// Converts between Redis's words and our values for CONFIG: log levels, eviction policies, save
// points, and where to listen. options.ts says which option has which Redis name.

import { ConfigError } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import type { Placed } from "./option.ts";
import {
  type EvictionPolicy,
  evictionPolicies,
  parseHost,
  parseWholeNumber,
  parseWord,
  portMax,
  snapshotSecondsMax,
} from "./values.ts";

export const redisLevels: Record<LogLevel, string> = {
  debug: "debug",
  info: "notice",
  warn: "warning",
  error: "warning",
};

export function readRedisLevel(text: string): LogLevel {
  const word = parseWord(text, ["debug", "verbose", "notice", "warning", "info", "warn", "error"]);
  if (word === "verbose" || word === "notice") return "info";
  return word === "warning" ? "warn" : word;
}

/** Redis has no word for S3-FIFO; LFU over all keys is the closest. */
export function showRedisPolicy(policy: EvictionPolicy): string {
  return policy === "none" ? "noeviction" : "allkeys-lfu";
}

export function readRedisPolicy(text: string): EvictionPolicy {
  const word = text.trim().toLowerCase();
  if (word === "noeviction") return "none";
  if (/^allkeys-(lru|lfu|random)$/.test(word)) return "s3fifo";
  if (word.startsWith("volatile-")) {
    throw new ConfigError(`"${text}" would evict only keys with a TTL, which MSCache does not do`);
  }
  return parseWord(text, evictionPolicies);
}

/** Redis's `save <seconds> <changes>`: save this often if at least that many keys have changed. */
export function showSavePoint(seconds: number): string {
  return seconds === 0 ? "" : `${seconds} 1`;
}

export function readSavePoint(text: string): number {
  const words = text.trim();
  if (words === "") return 0;
  const [, seconds] = /^(\d+)\s+1$/.exec(words) ?? [];
  if (seconds === undefined) {
    throw new ConfigError(
      `"${text}" is not "" or one pair of seconds and 1; MSCache does not count changes, it saves ` +
        "at this interval if there was any",
    );
  }
  return parseWholeNumber(seconds, 1, snapshotSecondsMax);
}

// ---- where a node listens -----------------------------------------------------------------------

/** All hosts at one port; Redis's 0 leaves only TLS. */
export function placeAt(text: string, { listenAddr }: Placed): Placed {
  const port = parseWholeNumber(text, 0, portMax);
  if (port === 0) return { listenAddr, tlsOnly: true };
  const hosts = [...new Set(listenAddr.map(({ host }) => host))];
  if (hosts.length === 0) throw new ConfigError("a port needs a host in --listenaddr");
  return { listenAddr: hosts.map((host) => ({ host, port })), tlsOnly: false };
}

/**
 * Other hosts at the present port, in Redis's words: `*` and `::*` are all interfaces.
 */
export function placeOn(text: string, { listenAddr, tlsOnly }: Placed): Placed {
  const port = listenAddr[0]?.port;
  // A dash allows that the address is missing; here all have to be there.
  const words = text.split(/\s+/).filter((word) => word !== "");
  const names = new Set(words.map((word) => word.replace(/^-/, "")));
  if (names.size === 0) throw new ConfigError("a node needs an address to listen on");
  if (port === undefined) throw new ConfigError("an address needs a port in --listenaddr");
  if (names.has("::*")) names.delete("*"); // `::` is of both families
  const hosts = [...names].map((name) => parseHost(everyHosts[name] ?? name));
  return { listenAddr: hosts.map((host) => ({ host, port })), tlsOnly };
}

const everyHosts: Readonly<Record<string, string>> = { "*": "0.0.0.0", "::*": "::" };
