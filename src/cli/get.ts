// `mscache get KEY`: prints the exact bytes of the value, with a trailing newline only on a
// terminal, so that `mscache get a > file` restores what was stored. A missing key exits with 1.

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
