// `mscache` and `mscache serve`: a node from its configuration until a signal ends it. The server
// does its work in node/; here are only its beginning and its end. SIGINT and SIGTERM close it in
// order, and a second one ends the process at once.

import { type ArgsDef, defineCommand } from "citty";
import { Log } from "../base/log.ts";
import { MSCACHE_VERSION } from "../base/version.ts";
import { loadConfig, OPTIONS } from "../config/config.ts";
import { readConfigFile } from "../config/replace-file.ts";

const ROWS = Object.values(OPTIONS);

export default defineCommand({
  meta: { name: "serve", description: "Start a node" },
  args: optionArguments(),
  async run({ args }) {
    const flags = Object.fromEntries(ROWS.map(({ name }) => [name, textOf(args[name])]));
    const config = loadConfig(flags, process.env, readConfigFile);
    // Loaded only now: a mistake in the configuration is told at once.
    const { startServer } = await import("../node/server.ts");
    const ended = shutdownSignal();
    // A node that is still loading has nothing to save: it may end at once.
    const server = await Promise.race([startServer(config), ended]);
    if (typeof server === "string") {
      const log = new Log(() => config.logLevel);
      return log.info(`${server} while starting: shutting down`);
    }
    const { log } = server;
    log.info(`mscache ${MSCACHE_VERSION} is ready, pid ${process.pid}`);
    const signal = await Promise.race([ended, server.closed]);
    if (signal !== undefined) log.info(`${signal}: shutting down`);
    await server.close();
  },
});

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

function shutdownSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true;
    const onSignal = (signal: NodeJS.Signals) => {
      if (!isFirst) process.exit(1);
      isFirst = false;
      resolve(signal);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
