// The subcommands with their options as completion needs them: which options take a value, and what
// it may be, a file or one of a few words. Everything is read from the definitions for citty; what
// a hint says there ("file", "resp|memcache") is all that is known of a value.

import type { ArgDef, ArgsDef } from "citty";
import type { Subcommands } from "../subcommand.ts";

export interface CompletionOption {
  /** Without dashes. */
  readonly name: string;
  readonly letter: string | undefined;
  readonly description: string;
  /** Undefined: it takes no value. */
  readonly value: CompletionValue | undefined;
}

export interface CompletionValue {
  readonly label: string;
  readonly isFile: boolean;
  /** None if it may be anything. */
  readonly choices: readonly string[];
}

export interface CompletionCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletionOption[];
  /** The words in their places. */
  readonly words: readonly CompletionValue[];
}

/** What starts a node: its options may stand without the name of the subcommand. */
export const defaultCommand = "serve";

export async function completionTable(subcommands: Subcommands): Promise<CompletionCommand[]> {
  const commands = Object.entries(subcommands).map(async ([name, { summary, load }]) => {
    const { args } = (await load()).default;
    const definitions = Object.entries((args ?? {}) as ArgsDef);
    const isWord = ([, { type }]: (typeof definitions)[number]) => type === "positional";
    return {
      name,
      summary,
      options: [...definitions.filter((one) => !isWord(one)).map(optionOf), help],
      words: definitions.filter(isWord).map(([word, definition]) => valueNamed(word, definition)),
    };
  });
  return Promise.all(commands);
}

// --- internal ---

const help: CompletionOption = {
  name: "help",
  letter: "h",
  description: "Say how it is used",
  value: undefined,
};

function optionOf([name, definition]: readonly [string, ArgDef]): CompletionOption {
  const alias = "alias" in definition ? definition.alias : undefined;
  return {
    name,
    letter: typeof alias === "string" ? alias : undefined,
    description: (definition.description ?? "").replaceAll("`", ""),
    value: definition.type === "boolean" ? undefined : valueNamed(name, definition),
  };
}

function valueNamed(name: string, { valueHint }: ArgDef): CompletionValue {
  const hint = valueHint ?? name;
  const isChoice = /^[a-z\d-]+(\|[a-z\d-]+)+$/.test(hint);
  return {
    label: isChoice || hint === "..." ? name : hint,
    isFile: /^(file|path)$/i.test(hint),
    choices: isChoice ? hint.split("|") : [],
  };
}
