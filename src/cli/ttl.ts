// `mscache ttl KEY`: how many seconds a key has left, rounded up, or `none` when it has no end. A
// missing key is status 1 with nothing on standard output.

import { defineCommand } from "citty";
import { missingKey, nodeArguments, print, withClient } from "./node-client.ts";

const MILLISECONDS = 1000;

export default defineCommand({
  meta: { name: "ttl", description: "Print how many seconds a key has left" },
  args: {
    key: { type: "positional", description: "The key", required: true },
    ...nodeArguments,
  },
  async run({ args }) {
    const left = await withClient(args, (client) => client.ttl(args.key));
    if (left === null) throw missingKey(args.key);
    await print(Number.isFinite(left) ? `${Math.ceil(left / MILLISECONDS)}\n` : "none\n");
  },
});
