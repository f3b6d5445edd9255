// The completions for fish: one `complete` for each option of each subcommand, under the condition
// that this subcommand was named. fish loads it by `source`, or from its directory of completions.

import {
  type CompletionCommand,
  type CompletionOption,
  type CompletionValue,
  defaultCommand,
} from "./completion-table.ts";

export function fishScript(commands: readonly CompletionCommand[]): string {
  const others = commands.filter(({ name }) => name !== defaultCommand).map(({ name }) => name);
  const first = `__fish_is_nth_token 1`;
  const names = commands.map(
    ({ name, summary }) => `complete -c mscache -n '${first}' -a ${name} -d ${quoted(summary)}`,
  );
  const rest = commands.flatMap((command) => {
    const isDefault = command.name === defaultCommand;
    const condition = isDefault
      ? `not __fish_seen_subcommand_from ${others.join(" ")}`
      : `__fish_seen_subcommand_from ${command.name}`;
    return linesOf(command, condition);
  });
  return `# Completions of mscache for fish: mscache completions fish | source
complete -c mscache -f
${[...names, ...rest].join("\n")}
`;
}

function linesOf({ options, words }: CompletionCommand, condition: string): string[] {
  const start = `complete -c mscache -n '${condition}'`;
  const [word] = words;
  const flags = options.map((option) => `${start} ${flagOf(option)}`);
  const value = word === undefined ? "" : offer(word);
  return value === "" ? flags : [...flags, `${start} ${value}`];
}

function flagOf({ name, letter, description, value }: CompletionOption): string {
  const short = letter === undefined ? "" : `-s ${letter} `;
  // -x is for a value that is not a file.
  const takes = value === undefined ? "" : ` ${value.isFile ? "-r" : "-x"} ${offer(value)}`;
  return `${short}-l ${name}${takes.trimEnd()} -d ${quoted(description)}`;
}

function offer({ isFile, choices }: CompletionValue): string {
  if (isFile) return "-F";
  return choices.length > 0 ? `-a ${quoted(choices.join(" "))}` : "";
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
