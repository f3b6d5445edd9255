/**
 * A node in its own process whose data threads can be broken from outside: the product's server
 * with crash-worker-fixture.ts as its data threads. Takes no arguments. It logs its port, which the
 * environment may choose (PORT). SIGTERM ends it in order.
 */
import { loadConfig } from "../../src/config/config.ts";
import { startServer } from "../../src/node/server.ts";

const { PORT = "0" } = process.env;
const flags = { listenaddr: `127.0.0.1:${PORT}`, threads: "4", "max-memory": "64mb" };
const config = loadConfig(flags, {}, () => "");
const server = await startServer(config, {
  onFault: "abort",
  workerEntry: new URL("./crash-worker-fixture.ts", import.meta.url),
});
process.once("SIGTERM", async () => {
  await server.close();
  process.exit(0);
});
