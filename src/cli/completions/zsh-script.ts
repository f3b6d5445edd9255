// The completions for zsh: an _arguments specification for each subcommand. It may be sourced, or
// be kept as `_mscache` in a directory of $fpath.

import {
  type CompletionCommand,
  type CompletionOption,
  type CompletionValue,
  defaultCommand,
} from "./completion-table.ts";

export function zshScript(commands: readonly CompletionCommand[]): string {
  const described = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  return `#compdef mscache
# Completions of mscache for zsh: source <(mscache completions zsh)
_mscache() {
  local command=${defaultCommand}
  local -a commands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe -t commands command commands
    return
  fi
  if (( CURRENT > 2 )) && [[ $words[2] != -* ]]; then
    command=$words[2]
    shift words
    (( CURRENT-- ))
  fi
  case $command in
${commands.map(caseOf).join("\n")}
  esac
}
if [[ $funcstack[1] == _mscache ]]; then
  _mscache "$@"
else
  compdef _mscache mscache
fi
`;
}

function caseOf({ name, options, words }: CompletionCommand): string {
  const lines = [
    ...options.map(optionSpec),
    ...words.map((word) => quoted(`*:${escaped(word.label)}:${actionOf(word)}`)).slice(0, 1),
  ];
  return `    ${name})\n      _arguments -s -S \\\n        ${lines.join(" \\\n        ")}\n      ;;`;
}

function optionSpec({ name, letter, description, value }: CompletionOption): string {
  const text = `[${escaped(description)}]`;
  const about = value === undefined ? text : `${text}:${escaped(value.label)}:${actionOf(value)}`;
  const long = value === undefined ? `--${name}` : `--${name}=`;
  if (letter === undefined) return quoted(`${long}${about}`);
  const short = value === undefined ? `-${letter}` : `-${letter}+`;
  return `'(-${letter} --${name})'{${short},${long}}${quoted(about)}`;
}

function actionOf({ isFile, choices }: CompletionValue): string {
  if (isFile) return "_files";
  return choices.length > 0 ? `(${choices.join(" ")})` : " ";
}

function escaped(text: string): string {
  return text.replace(/[[\]:\\]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
