// `mscache` and `mscache serve`: starts a node from its configuration and shuts it down on a
// signal. The node itself is in node/. SIGINT and SIGTERM start a clean shutdown, which is refused
// if data would be lost. Further signals do not change a shutdown that is under way.

import { type ArgsDef, defineCommand } from "citty";
import { Log } from "../base/log.ts";
import { mscacheVersion } from "../base/version.ts";
import { type Config, loadConfig, misnamedVariables, options } from "../config/config.ts";
import { readConfigFile } from "../config/replace-file.ts";
import type { Server } from "../node/server.ts";
import { reserveStoreMemory } from "../node/shared/store-memory.ts";
import { textOf } from "./argument-check.ts";
import { NodeFailure } from "./failure.ts";
import { notifyService } from "./service-manager.ts";
import { byForce, type EndSignal, EndSignals } from "./signals.ts";

const rows = Object.values(options);

export default defineCommand({
  meta: { name: "serve", description: "Start a node" },
  args: optionArguments(),
  async run({ args }) {
    const signals = new EndSignals();
    const flags = Object.fromEntries(rows.map(({ name }) => [name, textOf(args[name])]));
    const config = loadConfig(flags, process.env, readConfigFile);
    try {
      await runNode(config, signals);
    } catch (cause) {
      throw new NodeFailure(cause, config.logFormat);
    }
  },
});

async function runNode(config: Config, signals: EndSignals): Promise<void> {
  const storeMemory = reserveStoreMemory(config);
  // Imported only here, so that a mistake in the configuration is reported at once, and the memory
  // is reserved while the collector has little to look through.
  const { startServer } = await import("../node/server.ts");
  // A node that is still loading has nothing to save, so it may exit at once.
  const started = startServer(config, {
    onFault: "abort",
    storeMemory,
    page: () => import("./dashboard-page.ts"),
  });
  const server = await Promise.race([started, signals.first]);
  if (typeof server === "string") {
    const fields = { event: "signal", signal: server } as const;
    return new Log(config).info(`${server} during startup: shutting down`, fields);
  }
  const { log } = server;
  const { pid } = process;
  const fields = { event: "ready", version: mscacheVersion, pid } as const;
  log.info(`mscache ${mscacheVersion} is ready, pid ${pid}`, fields);
  for (const [variable, meant] of misnamedVariables(process.env)) {
    log.warn(`the variable ${variable} has no effect; did you mean ${meant}?`);
  }
  notifyService("READY=1", log);
  signals.onSignal = (signal) => void shutDown(server, signal);
  signals.onHangUp = () => server.reloadCertificates();
  await server.closed;
}

async function shutDown(server: Server, signal: EndSignal): Promise<void> {
  const what = server.isShuttingDown ? "already shutting down" : "shutting down";
  server.log.info(`${signal}: ${what}; ${byForce}`, { event: "signal", signal });
  notifyService("STOPPING=1", server.log);
  await server.shutDown();
}

function optionArguments(): ArgsDef {
  return Object.fromEntries(
    rows.map(({ name, doc, hint }) => [
      name,
      { type: "string", description: doc, valueHint: hint },
    ]),
  );
}
