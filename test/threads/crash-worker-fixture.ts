/**
 * A data thread with commands that break it, each while it holds the lock of its key's shard. The
 * crash test starts it instead of src/worker.ts; otherwise it is the product's own code.
 */

import { Command } from "../../src/command/core/command.ts";
import type { Handler } from "../../src/command/core/context.ts";
import { register } from "../../src/command/core/registry.ts";
import { runWorker } from "../../src/node/threads/worker-server.ts";

function breaking(
  name: string,
  handler: Handler,
  keys: readonly [number, number, number] = [1, 1, 1],
): void {
  register(
    new Command({
      name,
      arity: 2,
      flags: 0,
      keys,
      group: "string",
      since: "0.1.0",
      complexity: "O(1)",
      summary: "Breaks this thread.",
      handler,
    }),
  );
}

breaking("throw", () => {
  throw new Error("thrown on purpose");
});
breaking("exit", () => process.exit(7));
breaking("reject", () => {
  // Nobody waits for it: it is an unhandled rejection, outside of any turn.
  Promise.reject(new Error("rejected on purpose"));
});

breaking("hang", () => {
  for (;;) {
    // For ever, without a lock: its key is none.
  }
}, [0, 0, 0]);

runWorker();
