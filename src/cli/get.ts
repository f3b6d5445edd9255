// `mscache get KEY`: the value's own bytes on standard output, with a line break after them only at
// a terminal, so that `mscache get a > file` gives back what was stored. A missing key is status 1.

import { defineCommand } from "citty";
import { missingKey, nodeArguments, print, withClient } from "./node-client.ts";

export default defineCommand({
  meta: { name: "get", description: "Print the value of a key" },
  args: {
    key: { type: "positional", description: "The key", required: true },
    ...nodeArguments,
  },
  async run({ args }) {
    const value = await withClient(args, (client) => client.getBytes(args.key));
    if (value === null) throw missingKey(args.key);
    await print(value);
    if (process.stdout.isTTY) await print("\n");
  },
});
