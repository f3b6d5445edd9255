/**
 * A data thread whose ECHO keeps it busy: ECHO path makes the file `path.begun` and returns when
 * the file `path` is there. It holds no lock. Otherwise it is the product's own code.
 * Invariant: it has the same commands as the control thread, as users' rules name them by number.
 */
import { existsSync, writeFileSync } from "node:fs";
import type { Handler } from "../../src/command/core/context.ts";
import { byName } from "../../src/command/core/registry.ts";
import { runWorker } from "../../src/node/threads/worker-server.ts";

const waitMsMax = 60_000;

const handler: Handler = (_, request, reply) => {
  const path = request.text(1);
  const until = performance.now() + waitMsMax;
  writeFileSync(`${path}.begun`, "");
  while (!existsSync(path) && performance.now() < until) Bun.sleepSync(1); // between two looks
  reply.ok();
};

const echo = byName("echo");
if (echo === undefined) throw new Error("the table of commands has no ECHO");
Object.assign(echo, { handler });

runWorker();
