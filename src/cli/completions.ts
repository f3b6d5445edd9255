// `mscache completions SHELL`: prints what the shell needs to complete subcommands, options and
// their values. It is made of the definitions that the subcommands are parsed by, so it has what
// they have.

import { defineCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { bashScript } from "./completions/bash-script.ts";
import { completionTable } from "./completions/completion-table.ts";
import { fishScript } from "./completions/fish-script.ts";
import { zshScript } from "./completions/zsh-script.ts";
import { print } from "./node-client.ts";
import type { Subcommands } from "./subcommand.ts";

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };

export default defineCommand({
  meta: { name: "completions", description: "Print the completions for a shell" },
  args: {
    shell: {
      type: "positional",
      description: "The shell; source its script, or keep it where the shell looks",
      valueHint: Object.keys(scripts).join("|"),
      required: true,
    },
  },
  async run({ args, data }) {
    const script = Object.entries(scripts).find(([name]) => name === args.shell)?.[1];
    if (script === undefined) {
      throw new ConfigError(`"${args.shell}" is none of ${Object.keys(scripts).join(", ")}`);
    }
    await print(script(await completionTable(data as Subcommands)));
  },
});
