// The completions for bash: one function that looks at the words before the cursor. It works
// without the package bash-completion and from version 3.2 on, which macOS ships.

import {
  type CompletionCommand,
  type CompletionOption,
  defaultCommand,
} from "./completion-table.ts";

export function bashScript(commands: readonly CompletionCommand[]): string {
  const names = commands.map(({ name }) => name);
  return `# Completions of mscache for bash: source <(mscache completions bash)
_mscache() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=${defaultCommand} IFS=$'\\n'
  # bash makes three words of --option=value.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  if ((COMP_CWORD > 1)); then
    case \${COMP_WORDS[1]} in
      ${names.join(" | ")}) command=\${COMP_WORDS[1]} ;;
    esac
  fi
  case "$command $prev" in
${commands.flatMap(valueCases).join("\n")}
  esac
  if ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then
    COMPREPLY=($(compgen -W "${names.join("\n")}" -- "$cur"))
    return
  fi
  case "$command" in
${commands.map(wordCase).join("\n")}
  esac
}
complete -F _mscache mscache
`;
}

/** What follows an option that takes a value. */
function valueCases({ name, options }: CompletionCommand): string[] {
  const valued = options.filter(({ value }) => value !== undefined);
  const some = valued.filter(({ value }) => value?.isFile || (value?.choices.length ?? 0) > 0);
  const others = valued.filter((option) => !some.includes(option));
  const cases = some.map(
    (option) => `${patternOf(name, [option])}) ${offer(option.value)}; return ;;`,
  );
  if (others.length > 0) cases.push(`${patternOf(name, others)}) return ;;`);
  return cases.map((line) => `    ${line}`);
}

function patternOf(command: string, options: readonly CompletionOption[]): string {
  return options
    .flatMap(flagsOf)
    .map((flag) => `"${command} ${flag}"`)
    .join(" | ");
}

function flagsOf({ name, letter }: CompletionOption): string[] {
  return letter === undefined ? [`--${name}`] : [`--${name}`, `-${letter}`];
}

/** Options behind a dash, and else what the first word may be. */
function wordCase({ name, options, words }: CompletionCommand): string {
  const flags = options.map((option) => `--${option.name}`).join("\n");
  const [first] = words;
  const isKnown = first?.isFile || (first?.choices.length ?? 0) > 0;
  const orWord = isKnown ? `; else ${offer(first)}` : "";
  const offered = `COMPREPLY=($(compgen -W "${flags}" -- "$cur"))`;
  return `    ${name}) if [[ $cur == -* ]]; then ${offered}${orWord}; fi ;;`;
}

function offer(value: CompletionOption["value"]): string {
  if (value?.isFile) {
    return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))';
  }
  return `COMPREPLY=($(compgen -W "${value?.choices.join("\n")}" -- "$cur"))`;
}
