// `mscache ping`: checks that a node responds. It prints PONG and exits with 0, or exits with 1 if
// there is no reply, so it can be the health check of a container.

import { defineCommand } from "citty";
import { nodeArguments, print, withClient } from "./node-client.ts";

export default defineCommand({
  meta: { name: "ping", description: "Check that a node responds" },
  args: nodeArguments,
  async run({ args }) {
    await withClient(args, (client) => client.ping());
    await print("PONG\n");
  },
});
