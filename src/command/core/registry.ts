// Commands by name. lookup() finds a row from the bytes of a name in any case without making a string:
// names are kept in an open-addressed table by a hash of their lower-case bytes. Which commands there
// are is table.ts's business; it registers them when it is loaded.

import type { Request } from "../../protocol/request.ts";
import type { Command } from "./command.ts";

/** Every command that a client may name, in the order of the families. */
export const commands: Command[] = [];

const slotCount = 1024; // sparse: about one command in eight slots
const slots: (Command | undefined)[] = new Array(slotCount).fill(undefined);
const names: Uint8Array[] = new Array(slotCount).fill(new Uint8Array(0));

export function register(command: Command): void {
  const name = new TextEncoder().encode(command.name);
  let slot = hashName(name, 0, name.length);
  while (slots[slot] !== undefined) slot = (slot + 1) & (slotCount - 1);
  slots[slot] = command;
  names[slot] = name;
  commands.push(command);
}

/** Finds a command by its name in any case. Hot path. */
export function lookup(buf: Uint8Array, start: number, end: number): Command | undefined {
  let slot = hashName(buf, start, end);
  for (;;) {
    const command = slots[slot];
    if (command === undefined || sameName(names[slot], buf, start, end)) return command;
    slot = (slot + 1) & (slotCount - 1);
  }
}

/** The command that a request names, or the subcommand when that has some. Hot path. */
export function find(request: Request): Command | undefined {
  const command = lookup(request.buf, request.start[0], request.end[0]);
  if (command === undefined || command.subcommands.length === 0) return command;
  return request.argc > 1 ? findSubcommand(command, request.text(1)) : command;
}

function findSubcommand(container: Command, word: string): Command | undefined {
  const name = `${container.name}|${word.toLowerCase()}`;
  return container.subcommands.find((command) => command.name === name);
}

/** A command by its full name, `client|list` included; any case. */
export function byName(name: string): Command | undefined {
  const [container, word] = name.split("|", 2);
  const bytes = new TextEncoder().encode(container);
  const command = lookup(bytes, 0, bytes.length);
  return word === undefined || command === undefined ? command : findSubcommand(command, word);
}

/** Setting bit 5 folds letters; other bytes may collide, which sameName() sorts out. */
function hashName(buf: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash, 31) + (buf[i] | 0x20);
  return (hash ^ (hash >>> 10)) & (slotCount - 1);
}

function sameName(name: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) {
    const byte = buf[start + i];
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (name[i] !== lower) return false;
  }
  return true;
}
