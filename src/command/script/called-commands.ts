// What a script's text tells: whether it may run for long, and what commands it calls. With several
// data threads, a script may run in any of them if each of its calls names a command that may run
// there; any other script runs in the control thread, where every command may.

import { latin1 } from "../../base/bytes.ts";
import { flag } from "../core/flags.ts";
import { byName } from "../core/registry.ts";

/** Any mention of a function that calls commands: `redis.call`, an alias, Lua's own pcall. */
const mention = /p?call/g;
/** A mention that calls a command by its name. */
const named = /p?call\s*\(\s*(["'])([\w]+)\1/g;

const elsewhere = flag.GLOBAL | flag.CONTROL | flag.NO_SCRIPT;

export function callsOnlyLocalCommands(text: Uint8Array): boolean {
  const code = latin1(text);
  const calls = [...code.matchAll(named)];
  if (calls.length !== [...code.matchAll(mention)].length) return false;
  return calls.every(([, , name = ""]) => {
    const command = byName(name.toLowerCase());
    return command !== undefined && (command.flags & elsewhere) === 0 && isWhole(command);
  });
}

/** What code needs to run a part of itself again, or code that its text does not show. */
const repetition = /while|for|repeat|function|load|sort|gsub/;

export function mayLoop(text: Uint8Array): boolean {
  return repetition.test(latin1(text));
}

/** Of a container, the subcommands differ. */
function isWhole({ subcommands }: { readonly subcommands: readonly unknown[] }): boolean {
  return subcommands.length === 0;
}
