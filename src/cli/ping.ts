// `mscache ping`: asks a node for a sign of life. Status 0 and PONG when it answers, 1 when it does
// not, which is what a health check of a container wants to know.

import { defineCommand } from "citty";
import { nodeArguments, print, withClient } from "./node-client.ts";

export default defineCommand({
  meta: { name: "ping", description: "Ask a node whether it answers" },
  args: nodeArguments,
  async run({ args }) {
    await withClient(args, (client) => client.ping());
    await print("PONG\n");
  },
});
