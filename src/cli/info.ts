// `mscache info [SECTION]`: prints the reply to INFO with LF line endings. The fields have Redis's
// names, so existing tools can read them.

import { defineCommand } from "citty";
import { Failure } from "./failure.ts";
import { nodeArguments, print, withClient } from "./node-client.ts";

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
    await print(`${text.replaceAll("\r\n", "\n").trimEnd()}\n`);
  },
});
