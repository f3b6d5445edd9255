/**
 * A node in its own process whose data threads can be broken from outside: the product's server
 * with crash-worker-fixture.ts as its data threads. Takes no arguments. It logs its port, which the
 * environment may choose (PORT), in the form of MSCACHE_LOG_FORMAT. SIGTERM ends it in order.
 */
import { extname } from "node:path";
import { loadConfig } from "../../src/config/config.ts";
import { startServer } from "../../src/node/server.ts";

const { PORT = "0", MSCACHE_LOG_FORMAT } = process.env;
const flags = { listenaddr: `127.0.0.1:${PORT}`, threads: "2", "max-memory": "64mb" };
const config = loadConfig(flags, { MSCACHE_LOG_FORMAT }, () => "");
// Built, it stands beside the built one.
const worker = `./crash-worker-fixture${extname(import.meta.url)}`;
const workerEntry = new URL(worker, import.meta.url);
const starting = startServer(config, { onFault: "abort", workerEntry });
process.once("SIGTERM", async () => {
  await (await starting).close();
  process.exit(0);
});
