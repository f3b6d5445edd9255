// `mscache info [SECTION]`: prints the reply to INFO with LF line endings. The fields have Redis's
// names, so existing tools can read them. Control characters, which no field has, are escaped.

import { defineCommand } from "citty";
import { latin1, latin1Bytes } from "../base/bytes.ts";
import { Failure } from "./failure.ts";
import { nodeArguments, print, withClient } from "./node-client.ts";
import { shownLines } from "./shown-text.ts";

export default defineCommand({
  meta: { name: "info", description: "Print the state and statistics of a node" },
  args: {
    section: {
      type: "positional",
      description: "One section, such as replication",
      required: false,
    },
    ...nodeArguments,
  },
  async run({ args }) {
    const text = await withClient(args, (client) => client.info(args.section));
    if (text === "") throw new Failure(`there is no section "${args.section}"`);
    const lines = `${text.replaceAll("\r\n", "\n").trimEnd()}\n`;
    await print(latin1Bytes(shownLines(latin1(Buffer.from(lines)))));
  },
});
