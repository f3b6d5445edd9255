// The options of serve() beside the flags of the command line: each flag is there by its name in
// camel case, and its value becomes what the flag would have given.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { loadConfig, options } from "../../../src/config/config.ts";
import { configOf, optionName } from "../../../src/embed/serve-config.ts";

const MiB = 1024 * 1024;

test("every flag but config is an option, and every option a flag, log or onError", async () => {
  const source = join(import.meta.dir, "../../../src/embed/serve-options.ts");
  const declared = [...(await Bun.file(source).text()).matchAll(/^ {2}(\w+)\?: /gm)];
  const names = declared.map(([, name]) => name).sort();
  const flags = Object.values(options).map(({ name }) => optionName(name));
  const wanted = [...flags.filter((name) => name !== "config"), "log", "onError"];
  expect(names).toEqual(wanted.sort());
});

test("each kind of value means what its flag means", () => {
  const config = configOf({
    ...{ listenaddr: ["127.0.0.1:0", "[::1]:0"], maxClientMemory: "25%", idleTimeout: 90_000 },
    ...{ unixSocketPerm: 0o700, slowlogLogSlowerThan: 2.5, latencyTrackingInfoPercentiles: [99] },
    ...{ staleReads: false, tlsProtocols: ["TLSv1.3"], eviction: "none", databases: 1 },
  });
  const flags = {
    ...{ listenaddr: "127.0.0.1:0,[::1]:0", "max-client-memory": "25%", "idle-timeout": "90" },
    ...{ "unix-socket-perm": "700", "slowlog-log-slower-than": "2500", databases: "1" },
    ...{ "latency-tracking-info-percentiles": "99", "stale-reads": "no", eviction: "none" },
    ...{ "tls-protocols": "TLSv1.3", "max-memory": "64mb", reserve: "64mb" },
    ...{ "journal-size": "16mb", "follower-buffer": "16mb" },
  };
  expect(config).toEqual(loadConfig(flags, {}, () => ""));
  expect(configOf({ slowlogLogSlowerThan: -1 }).slowLogSlowerThan).toBe(-1);
});

test("what is not given follows from maxMemory, whatever the machine has", () => {
  const { journalSize, followerBuffer, reserve, maxClientMemory } = configOf({
    maxMemory: 1024 * MiB,
    password: undefined,
  });
  expect([journalSize, followerBuffer, reserve]).toEqual([128 * MiB, 256 * MiB, 1024 * MiB]);
  expect(maxClientMemory).toBe(256 * MiB);
  const small = configOf({ maxMemory: 4 * MiB });
  expect([small.journalSize, small.reserve]).toEqual([5 * MiB, 4 * MiB]);
});

test.each([
  [{ maxMemory: 64 * MiB, reserve: 32 * MiB }, "maxMemory: 64mb is above the reserve of 32mb"],
  [{ listenaddr: "none" }, "listenaddr: none needs a unixSocket"],
  [{ unixSocketPerm: 7.5 }, 'unixSocketPerm: "7.4" is not a mode'],
  [{ maxClients: Number.NaN }, "maxClients must be a finite number"],
  [{ password: 1 }, "password must be a string, not a number"],
])("%j is refused in the words of the caller", (given, message) => {
  expect(() => configOf(given as never)).toThrow(message);
});
