// Decides about a command of a leader's stream: run it, skip it, or drop the link because its
// effect cannot be known here. It changes nothing; apply.ts acts on the decision.
// Invariant: a command that may have changed a string of this node's databases is never skipped:
// either this node makes the same change, or a SyncError leads to a full sync.
//
// The leader may have more databases. The stream does not contain the values that one of these
// brings into ours (SWAPDB, MOVE, COPY), nor the effect of a script. Both need a full sync.

import { SyncError } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import { byName } from "../core/registry.ts";
import { find } from "../table.ts";
import { flag } from "../terms/flags.ts";
import { destinationOf, nameOf, otherTypeOf } from "./other-types.ts";
import { streamCommands } from "./stream-commands.ts";

/** A command that is not run. */
export interface Skipped {
  /**
   * Its name in upper case, possibly cut off, to be logged once; empty if there is nothing to log.
   */
  readonly name: string;
  /** The type of its data: `list`, `stream` ..., `unknown`, or empty for none. */
  readonly type: string;
  /** The position of a key that is no longer a string; 0 for none. */
  readonly replacedKey: number;
}

const streamed = flag.WRITE | flag.MAY_REPLICATE;
const otherDatabase: Skipped = { name: "", type: "", replacedKey: 0 };

/**
 * The command to run, or the one to skip, on a node with `databases` of them. Throws a SyncError if
 * its effect needs a full sync.
 */
export function judge(request: Request, database: number, databases: number): Command | Skipped {
  const known = find(request);
  const runs = known !== undefined && (known.flags & streamed) !== 0;
  // The usual case, without creating a string of the name.
  if (runs && database < databases && !overridden.has(known)) return known;
  const name = nameOf(request);
  if (isBeyondKnowing(name, request, database, databases)) {
    throw new SyncError(`the effect of ${name.toUpperCase()} on the leader needs a full sync`);
  }
  const inStream = streamCommands.get(name) ?? known;
  if (runs && inStream?.row.everyDatabase) return inStream;
  if (database >= databases) return otherDatabase;
  return runsAs(name, request) ?? skipped(name, request, known !== undefined);
}

function runsAs(name: string, request: Request): Command | undefined {
  const command = streamCommands.get(name);
  return command === undefined || typeOf(command, request) === "string" ? command : undefined;
}

/** A command without all its arguments fails when it runs. */
function typeOf(command: Command, request: Request): string {
  const { valueType } = command.row;
  return valueType !== undefined && command.accepts(request.argc) ? valueType(request) : "string";
}

/** A leader's stream does not tell the effect of a script that runs there. */
const scriptNames = ["eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro"];

/** The commands of this node that have a different form in a stream. */
const overridden: ReadonlySet<Command> = new Set(
  [...streamCommands.keys(), ...scriptNames].flatMap((name) => byName(name) ?? []),
);

function isBeyondKnowing(
  name: string,
  request: Request,
  database: number,
  databases: number,
): boolean {
  if (otherTypeOf(name) === "script") return true;
  const command = streamCommands.get(name);
  if (command?.row.bringsUnseen === undefined || !command.accepts(request.argc)) return false;
  return command.row.bringsUnseen(request, database, databases);
}

function skipped(name: string, request: Request, isKnown: boolean): Skipped {
  const command = streamCommands.get(name);
  if (command !== undefined) {
    return { name: name.toUpperCase(), type: typeOf(command, request), replacedKey: 1 };
  }
  const type = otherTypeOf(name) ?? (isKnown ? "none" : "unknown");
  const shown = type === "none" ? "" : type;
  return { name: name.toUpperCase(), type: shown, replacedKey: destinationOf(name, request) };
}
