// `mscache del KEY`: deletes a key and prints how many there were, 1 or 0. That there was none is no
// failure: afterwards the key is gone either way.

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
