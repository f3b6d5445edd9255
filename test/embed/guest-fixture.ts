/**
 * A program that serves now and then, one fault included: `bun guest-fixture.ts ROUNDS`. It prints
 * what of the process is not as before, as JSON, and ends when nothing keeps it alive any more.
 * Invariant: it prints nothing else, so that whatever else is printed comes from the servers.
 */

import { readdirSync } from "node:fs";
import { Command } from "../../src/command/core/command.ts";
import { register } from "../../src/command/core/registry.ts";
import { connect, serve } from "../../src/index.ts";

const rounds = Number(process.argv[2]);
const roundsBefore = 4;
const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGABRT", "SIGUSR1", "SIGUSR2"] as const;
const events = ["exit", "beforeExit", "uncaughtException", "unhandledRejection"] as const;

register(
  new Command({
    ...{ name: "throwinguest", arity: 2, flags: 0, keys: [1, 1, 1], group: "string" },
    ...{ since: "0.1.0", complexity: "O(1)", summary: "Breaks this server." },
    handler: () => {
      throw new Error("thrown on purpose");
    },
  }),
);

/** What a server has to leave alone. */
function processState(): Record<string, string> {
  const listeners = [...signals, ...events].map((name) => process.listenerCount(name));
  return {
    listeners: listeners.join(),
    environment: JSON.stringify(process.env),
    directory: process.cwd(),
    title: process.title,
    exitCode: String(process.exitCode),
  };
}

function descriptors(): number {
  return process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0;
}

/** A server that has held something, and is gone again. */
async function round(): Promise<void> {
  await using server = await serve();
  await using client = await connect(server.address);
  const value = "x".repeat(1000);
  await Promise.all(Array.from({ length: 2000 }, (_, i) => client.set(`key${i}`, value)));
}

async function faultyRound(): Promise<number> {
  let faults = 0;
  await using server = await serve({ onError: () => void faults++ });
  await using client = await connect(server.address, { reconnect: { maxAttempts: 0 } });
  await client.command("THROWINGUEST", "key").catch(() => undefined); // ends with the server
  await server.closed.catch(() => undefined); // onError has counted it
  return faults;
}

const before = processState();
for (let i = 0; i < roundsBefore; i++) await round();
const openBefore = descriptors();
const residentBefore = process.memoryUsage.rss();
for (let i = 0; i < rounds; i++) await round();
const faults = await faultyRound();
// A fault that nobody asks for must not end the process either.
const abandoned = await serve();
const client = await connect(abandoned.address, { reconnect: { maxAttempts: 0 } });
await client.command("THROWINGUEST", "key").catch(() => undefined); // ends with the server
await client.close();
const after = processState();
const report = {
  changed: Object.keys(before).filter((name) => before[name] !== after[name]),
  faults,
  descriptorsGrown: descriptors() - openBefore,
  grownBytes: process.memoryUsage.rss() - residentBefore,
};
console.log(JSON.stringify(report));
