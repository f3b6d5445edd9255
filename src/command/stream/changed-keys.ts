// Finds the keys that a command of the stream may have changed. Our own stream has few commands,
// each with one key; the stream of a Redis leader, which a follower forwards unchanged, may have
// any write command.
// Invariant: it never misses a changed key. It may name too many, each of which costs only a frame.

import type { KeyVisitor, Upheaval } from "../../protocol/apply-stream.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import { find } from "../table.ts";
import { flag } from "../terms/flags.ts";
import { nextIn, writesTo } from "../terms/key-use.ts";
import { destinationOf, nameOf, otherTypeOf } from "./other-types.ts";
import { streamCommands } from "./stream-commands.ts";
import { swapped } from "./stream-keys.ts";

/** Commands that a stream has because they change something, PFCOUNT included. */
const streamed = flag.WRITE | flag.MAY_REPLICATE;

/**
 * Passes each key to the visitor, with its database, where the stream has selected `database`.
 * Returns what the command did to whole databases instead, or null.
 */
export function changedKeys(
  request: Request,
  database: number,
  visitor: KeyVisitor,
): Upheaval | null {
  const name = nameOf(request);
  const command = streamCommands.get(name) ?? find(request);
  if (command === undefined) {
    keysOfStranger(name, request, database, visitor);
    return null;
  }
  const { empties } = command.row;
  if (empties !== undefined) {
    return { kind: "emptied", databases: empties === "all" ? "all" : [database] };
  }
  if (name === "swapdb") return { kind: "swapped", databases: swapped(request) };
  if ((command.flags & streamed) === 0) return null;
  writtenKeys(command, request, database, visitor);
  const other = command.row.otherDatabase?.(request, database) ?? database;
  if (other !== database) writtenKeys(command, request, other, visitor);
  return null;
}

function writtenKeys(
  command: Command,
  request: Request,
  database: number,
  visitor: KeyVisitor,
): void {
  const argc = command.keyArguments(request);
  for (const use of command.uses) {
    if (!writesTo(use)) continue;
    for (let at = nextIn(use.range, 0, argc); at !== 0; at = nextIn(use.range, at, argc)) {
      visit(at, request, database, visitor);
    }
  }
}

/**
 * A command of another type: its first key and its destination. An unknown command: any argument.
 */
function keysOfStranger(
  name: string,
  request: Request,
  database: number,
  visitor: KeyVisitor,
): void {
  const type = otherTypeOf(name);
  if (type === "none") return;
  const last = type === undefined ? request.argc - 1 : Math.min(1, request.argc - 1);
  for (let i = 1; i <= last; i++) visit(i, request, database, visitor);
  const destination = destinationOf(name, request);
  if (destination > last) visit(destination, request, database, visitor);
}

function visit(
  index: number,
  { buf, start, end }: Request,
  database: number,
  visitor: KeyVisitor,
): void {
  visitor.key(buf, start[index], end[index], database);
}
