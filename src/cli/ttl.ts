// `mscache ttl KEY`: prints the remaining TTL in seconds, rounded up, or `none` if the key does not
// expire. A missing key exits with 1 and prints nothing to standard output.

import { defineCommand } from "citty";
import { missingKey, nodeArguments, print, withClient } from "./node-client.ts";

const milliseconds = 1000;

export default defineCommand({
  meta: { name: "ttl", description: "Print the remaining TTL of a key in seconds" },
  args: {
    key: { type: "positional", description: "The key", required: true },
    ...nodeArguments,
  },
  async run({ args }) {
    const left = await withClient(args, (client) => client.ttl(args.key));
    if (left === null) throw missingKey(args.key);
    await print(Number.isFinite(left) ? `${Math.ceil(left / milliseconds)}\n` : "none\n");
  },
});
