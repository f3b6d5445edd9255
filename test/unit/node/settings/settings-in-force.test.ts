// What holds a copy of a setting: it has the value of the configuration from the start on, gets a
// changed one, and keeps what it had when a change is refused.

import { expect, test } from "bun:test";
import {
  type Config,
  loadConfig,
  type OptionValues,
  options,
} from "../../../../src/config/config.ts";
import { putAllIntoForce, putIntoForce } from "../../../../src/node/settings/settings-in-force.ts";
import { attach, controlThread, reserveMemory } from "../../../../src/node/shared/shared-memory.ts";

const mb = 1024 * 1024;
const started = loadConfig({ "max-memory": "8mb", reserve: "16mb" }, {}, () => "", 1024 * mb);

function bed(config: Config) {
  const holders = attach(reserveMemory(config), controlThread);
  putAllIntoForce(holders, config);
  const { store, standing, clientMemory, timeBounds } = holders;
  const held = () => ({
    maxMemory: store.limitBytes,
    maxClients: standing.maxClients,
    maxClientMemory: clientMemory.limitBytes,
    tcpKeepAlive: standing.keepAliveSeconds,
    protectedMode: standing.isProtected,
    idleTimeout: standing.idleTimeoutSeconds,
    logLevel: standing.logLevel,
    logFormat: standing.logFormat,
    slowLogSlowerThan: timeBounds.slowUsec,
    slowLogMaxLen: timeBounds.slowLogMax,
    latencyMonitorThreshold: timeBounds.latencyMs,
    latencyTracking: timeBounds.isTracking,
    denialLogMaxLen: standing.denialsMax,
  });
  return { holders, held };
}

const changes = {
  maxMemory: 16 * mb,
  maxClients: 50,
  maxClientMemory: 12 * mb,
  tcpKeepAlive: 7,
  protectedMode: false,
  idleTimeout: 8,
  logLevel: "debug",
  logFormat: "json",
  slowLogSlowerThan: -1,
  slowLogMaxLen: 9,
  latencyMonitorThreshold: 33,
  latencyTracking: false,
  denialLogMaxLen: 3,
} as const;

function among(config: Config) {
  return Object.fromEntries(Object.keys(changes).map((key) => [key, config[key as keyof Config]]));
}

test("every copy has its value at the start, and after a change", () => {
  const { holders, held } = bed(started);
  expect(held()).toEqual(among(started) as never);
  const after = { ...started, ...changes };
  expect(putIntoForce(holders, started, after)).toBe(null);
  expect(held()).toEqual(changes);
});

test("a change that cannot be made changes nothing, whatever else was to change with it", () => {
  const { holders, held } = bed(started);
  const after = { ...started, ...changes, maxMemory: 1024 * mb };
  expect(putIntoForce(holders, started, after)).toContain("above the memory that was reserved");
  expect(held()).toEqual(among(started) as never);
});

test("whatever the store or the threads hold can be set while the node runs", () => {
  const held = [...Object.keys(changes), "eviction", "maxValueSize"];
  const fixed = held.filter((key) => options[key as keyof OptionValues].change !== "applies");
  expect(fixed).toEqual([]);
});
