// `mscache` and `mscache serve`: a node from its configuration until a signal ends it. The server
// does its work in node/; here are only its beginning and its end. SIGINT and SIGTERM end it in
// order, if its data are safe then; further ones change nothing about that.

import { type ArgsDef, defineCommand } from "citty";
import { Log } from "../base/log.ts";
import { MSCACHE_VERSION } from "../base/version.ts";
import { loadConfig, OPTIONS } from "../config/config.ts";
import { readConfigFile } from "../config/replace-file.ts";
import type { Server } from "../node/server.ts";
import { byForce, type EndSignal, EndSignals } from "./signals.ts";

const ROWS = Object.values(OPTIONS);

export default defineCommand({
  meta: { name: "serve", description: "Start a node" },
  args: optionArguments(),
  async run({ args }) {
    const signals = new EndSignals();
    const flags = Object.fromEntries(ROWS.map(({ name }) => [name, textOf(args[name])]));
    const config = loadConfig(flags, process.env, readConfigFile);
    // Loaded only now: a mistake in the configuration is told at once.
    const { startServer } = await import("../node/server.ts");
    // A node that is still loading has nothing to save: it may end at once.
    const started = startServer(config, { onFault: "abort" });
    const server = await Promise.race([started, signals.first]);
    if (typeof server === "string") {
      const log = new Log(() => config.logLevel);
      return log.info(`${server} while starting: shutting down`);
    }
    const { log } = server;
    log.info(`mscache ${MSCACHE_VERSION} is ready, pid ${process.pid}`);
    signals.onSignal = (signal) => void shutDown(server, signal);
    await server.closed;
  },
});

async function shutDown(server: Server, signal: EndSignal): Promise<void> {
  const what = server.isShuttingDown ? "already shutting down" : "shutting down";
  server.log.info(`${signal}: ${what}; ${byForce}`);
  await server.shutDown();
}

function optionArguments(): ArgsDef {
  return Object.fromEntries(
    ROWS.map(({ name, doc, hint }) => [
      name,
      { type: "string", description: doc, valueHint: hint },
    ]),
  );
}

/** citty knows these arguments only as a record of anything. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
