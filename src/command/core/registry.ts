// Commands by name. lookup() finds a row from the bytes of a name in any case without making a
// string: an open-addressed table maps a hash of the lower-case bytes to the row. table.ts lists
// the commands and registers them when it is loaded.

import type { Request } from "../../protocol/request.ts";
import type { Command } from "./command.ts";

/** Every command that a client may name, in the order of the families. */
export const commands: Command[] = [];

const slotCount = 1024; // sparse: about one command in eight slots
const slots: (Command | undefined)[] = new Array(slotCount).fill(undefined);
const names: Uint8Array[] = new Array(slotCount).fill(new Uint8Array(0));
/** Length of the longest name. The bytes of a longer argument are not examined. */
let nameBytesMax = 0;

/** Commands that only the opcodes of a protocol can name (flag.INTERNAL). */
export const internal = new Map<string, Command>();

export function registerInternal(command: Command): void {
  internal.set(command.name, command);
}

/** How the requests of a protocol name their commands (Protocol.commands). */
export type Finder = (request: Request) => Command | undefined;

/** Finds commands by the number in argument 0, which counts these names from 1; null: by name. */
export function finderOf(names: readonly string[] | null): Finder {
  if (names === null) return find;
  const numbered = names.map((name) => internal.get(name));
  return ({ buf, start }) => numbered[buf[start[0]] - 1];
}

export function register(command: Command): void {
  const name = new TextEncoder().encode(command.name);
  let slot = hashName(name, 0, name.length);
  while (slots[slot] !== undefined) slot = (slot + 1) & (slotCount - 1);
  slots[slot] = command;
  names[slot] = name;
  nameBytesMax = Math.max(nameBytesMax, name.length);
  commands.push(command);
}

/** Finds a command by its name in any case. Hot path. */
export function lookup(buf: Uint8Array, start: number, end: number): Command | undefined {
  if (end - start > nameBytesMax) return undefined;
  let slot = hashName(buf, start, end);
  for (;;) {
    const command = slots[slot];
    if (command === undefined || sameName(names[slot], buf, start, end)) return command;
    slot = (slot + 1) & (slotCount - 1);
  }
}

/** The command that a request names; for a container, its subcommand. Hot path. */
export function find(request: Request): Command | undefined {
  return findFrom(request, 0);
}

/** The same for a command whose name is argument `index`. */
export function findFrom(request: Request, index: number): Command | undefined {
  const { buf, start, end, argc } = request;
  const command = lookup(buf, start[index], end[index]);
  if (command === undefined || command.subcommands.length === 0) return command;
  if (argc === index + 1) return command;
  return findSubcommand(command, buf, start[index + 1], end[index + 1]);
}

function findSubcommand(
  { name: container, subcommands }: Command,
  buf: Uint8Array,
  start: number,
  end: number,
): Command | undefined {
  for (let i = 0; i < subcommands.length; i++) {
    if (endsWith(subcommands[i].name, container.length + 1, buf, start, end)) return subcommands[i];
  }
  return undefined;
}

/** Whether the characters of `name` from `at` on equal these bytes in any case. */
function endsWith(name: string, at: number, buf: Uint8Array, start: number, end: number): boolean {
  if (name.length - at !== end - start) return false;
  for (let i = start; i < end; i++) {
    if (name.charCodeAt(at + i - start) !== lowerCase(buf[i])) return false;
  }
  return true;
}

/** A command by its full name, `client|list` included; any case. */
export function byName(name: string): Command | undefined {
  const [container, word, ...more] = name.split("|");
  const bytes = new TextEncoder().encode(container);
  const command = lookup(bytes, 0, bytes.length);
  if (word === undefined || command === undefined) return command;
  if (more.length > 0) return undefined;
  const wordBytes = new TextEncoder().encode(word);
  return findSubcommand(command, wordBytes, 0, wordBytes.length);
}

/** Setting bit 5 folds the case of letters. Other bytes may collide; sameName() resolves that. */
function hashName(buf: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash, 31) + (buf[i] | 0x20);
  return (hash ^ (hash >>> 10)) & (slotCount - 1);
}

function sameName(name: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) {
    if (name[i] !== lowerCase(buf[start + i])) return false;
  }
  return true;
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
