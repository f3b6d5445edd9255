// `mscache get KEY`: prints the exact bytes of the value, so that `mscache get a > file` restores
// what was stored. On a terminal a newline follows, and control characters are escaped: a value is
// somebody else's, and must not write what it likes there. A missing key exits with 1.

import { defineCommand } from "citty";
import { latin1, latin1Bytes } from "../base/bytes.ts";
import { missingKey, nodeArguments, print, withClient } from "./node-client.ts";
import { shownLines } from "./shown-text.ts";

export default defineCommand({
  meta: { name: "get", description: "Print the value of a key" },
  args: {
    key: { type: "positional", description: "The key", required: true },
    ...nodeArguments,
  },
  async run({ args }) {
    const value = await withClient(args, (client) => client.getBytes(args.key));
    if (value === null) throw missingKey(args.key);
    if (process.stdout.isTTY) await print(latin1Bytes(`${shownLines(latin1(value))}\n`));
    else await print(value);
  },
});
