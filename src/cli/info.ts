// `mscache info [SECTION]`: what a node says about itself, as INFO gives it, with the line ends of a
// terminal. The fields are Redis's, so that existing tools read them.

import { defineCommand } from "citty";
import { nodeArguments, print, withClient } from "./node-client.ts";

export default defineCommand({
  meta: { name: "info", description: "Print what a node says about itself" },
  args: {
    section: { type: "positional", description: "For example replication", required: false },
    ...nodeArguments,
  },
  async run({ args }) {
    const text = await withClient(args, (client) => client.info(args.section));
    await print(`${text.replaceAll("\r\n", "\n").trimEnd()}\n`);
  },
});
