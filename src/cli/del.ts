// `mscache del KEY`: deletes a key and prints the number of keys deleted, 1 or 0. A missing key is
// not a failure, because the outcome is the same.

import { defineCommand } from "citty";
import { nodeArguments, print, withClient } from "./node-client.ts";

export default defineCommand({
  meta: { name: "del", description: "Delete a key" },
  args: {
    key: { type: "positional", description: "The key", required: true },
    ...nodeArguments,
  },
  async run({ args }) {
    const existed = await withClient(args, (client) => client.delete(args.key));
    await print(existed ? "1\n" : "0\n");
  },
});
