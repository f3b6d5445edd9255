// The definition of a command: a row of data with its handler. Dispatch, key lookup, replication of
// writes, COMMAND, the documents and the coverage test all derive from these rows; table.ts
// collects them.

import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { nextCommandId } from "../terms/command-ids.ts";
import { flag } from "../terms/flags.ts";
import {
  argumentsUntil,
  type ChannelUse,
  type KeyRange,
  type KeyUse,
  type KeyUses,
  keyUsesOf,
  nextIn,
  notAKey,
} from "../terms/key-use.ts";
import type { Hides } from "../terms/shown-argument.ts";
import type {
  ChannelContext,
  ChannelHandler,
  Context,
  ControlContext,
  ControlHandler,
  Handler,
} from "./context.ts";

const noKeys: KeyRange = [0, 0, 0];

export type CommandGroup =
  | "string"
  | "bitmap"
  | "hyperloglog"
  | "generic"
  | "connection"
  | "server"
  | "pubsub"
  | "transactions"
  | "scripting"
  | "cluster";

/** How a command runs. The kind of handler decides what it may access. */
export type HandledBy =
  | { readonly handler: Handler; readonly global?: never; readonly control?: never }
  /** Makes the command GLOBAL. */
  | { readonly global: ChannelHandler; readonly handler?: never; readonly control?: never }
  /** Makes the command CONTROL. */
  | {
      readonly control: ControlHandler;
      /** Answers scripts: at once, as a script holds all locks. Absent: they cannot call it. */
      readonly inScript?: (x: ControlContext, request: Request, reply: Reply) => void;
      readonly handler?: never;
      readonly global?: never;
    };

export type CommandRow = CommandFacts & HandledBy;

export interface CommandFacts {
  /** Lower case; a subcommand is `container|name`. */
  readonly name: string;
  /** Number of arguments including the name; negative: at least that many. */
  readonly arity: number;
  /** The arguments for COMMAND DOCS, in the notation of syntax.ts; absent if there are none. */
  readonly syntax?: string;
  readonly flags: number;
  readonly keys: KeyRange;
  /** Position of the argument that says how many keys follow; the range says -1 for the last. */
  readonly keyCount?: number;
  /** Its keys may follow a word instead. */
  readonly wordedKeys?: WordedKeys;
  /** How it uses its keys. Default: `RO access`, or `RW access update` with WRITE. */
  readonly keyUse?: KeyUses;
  readonly group: CommandGroup;
  readonly since: string;
  readonly complexity: string;
  readonly summary: string;
  /** How it differs from Redis 7.0, or where it comes from if Redis 7.0 has no such command. */
  readonly differs?: string;
  /** ACL categories that do not follow from the flags and the group. */
  readonly categories?: readonly string[];
  readonly subcommands?: readonly CommandRow[];
  /**
   * Keys whose values it builds on: if one is missing here, the leader's result cannot be computed.
   */
  readonly buildsOn?: KeyRange;
  /**
   * In a leader's stream, which has selected `database`: whether it brings values of a database
   * that this node does not have into one of the first `databases`, which it has.
   */
  readonly bringsUnseen?: (request: Request, database: number, databases: number) => boolean;
  /**
   * In a leader's stream, which has selected `database`: another database in which it may change
   * the keys that it writes; null for none.
   */
  readonly otherDatabase?: (request: Request, database: number) => number | null;
  /** In a leader's stream: the type of its value, as Redis names it; a string if absent. */
  readonly valueType?: (request: Request) => string;
  /**
   * The bytes that it may add to the store beyond those of its arguments, so that room is made for
   * them as well. Called without locks, with DENY_OOM.
   */
  readonly growth?: (x: Context, request: Request) => number;
  /** How this request uses its keys, where that depends on its options (`variable_flags`). */
  readonly keyUseOf?: (request: Request, first: number) => string;
  /** Which arguments are secret: SLOWLOG and MONITOR show `(redacted)` in their place. */
  readonly hides?: Hides;
  /** It is asked about another command, which this argument names and its arguments follow. */
  readonly asksAbout?: number;
  /** The arguments that name channels, which the rules of a user may restrict. */
  readonly channels?: ChannelUse;
  /** The name by which the rules of users mean it, if it is not its own. */
  readonly judgedAs?: string;
  /** It affects all databases, whichever one the connection has selected. */
  readonly everyDatabase?: true;
  /** It removes all keys of the selected database, or of all. */
  readonly empties?: "database" | "all";
}

/** Keys from the one behind a word up to the last argument, in place of those of the range. */
export interface WordedKeys {
  readonly word: string;
  /** Where COMMAND INFO says that the word is to be searched for; negative: from the end. */
  readonly searchFrom: number;
  /**
   * Where they begin in a request whose argument `name` names the command, counted from there. 0:
   * the word is not there; -1: it may not be.
   */
  readonly find: (request: Request, name: number) => number;
}

/** A row as the dispatch uses it. */
export class Command {
  /** The index of its counters (command-statistics.ts). */
  readonly id: number;
  readonly name: string;
  readonly arity: number;
  readonly flags: number;
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  /** The position of its key if it has only one, in the selected database; or 0. */
  readonly onlyKey: number;
  readonly uses: readonly KeyUse[];
  readonly handler: Handler;
  /** Of a control command: whether scripts can call it. */
  readonly answersScripts: boolean;
  readonly row: CommandRow;
  readonly subcommands: readonly Command[];

  constructor(row: CommandRow) {
    this.id = nextCommandId();
    this.name = row.name;
    this.arity = row.arity;
    this.flags =
      row.flags | placeOf(row) | timingOf(row) | (row.growth === undefined ? 0 : flag.GROWS);
    const [first, last, step] = row.keyUse === notAKey ? noKeys : row.keys;
    this.firstKey = first;
    this.lastKey = last;
    this.keyStep = step;
    this.onlyKey = first === last && (row.flags & flag.OTHER_DATABASE) === 0 ? first : 0;
    this.uses = keyUsesOf(row.flags, row.keys, row.keyUse);
    this.handler = handlerOf(row);
    this.answersScripts = row.control !== undefined && row.inScript !== undefined;
    this.row = row;
    this.subcommands = (row.subcommands ?? []).map((sub) => new Command(sub));
  }

  accepts(argc: number): boolean {
    return this.arity >= 0 ? argc === this.arity : argc >= -this.arity;
  }

  /**
   * The arguments of a request up to the end of its keys, for nextKey() and nextIn(). The name of
   * the command is argument `name`.
   */
  keyArguments(request: Request, name = 0): number {
    const { keyCount, keys } = this.row;
    if (keyCount === undefined) return request.argc - name;
    return argumentsUntil(request, keys, keyCount, name);
  }

  /** The range of keys of a use in a request whose argument `name` names the command. */
  keyRange(range: KeyRange, request: Request, name = 0): KeyRange {
    const first = this.row.wordedKeys?.find(request, name) ?? 0;
    if (first === 0) return range;
    return first < 0 ? noKeys : [first, -1, 1];
  }

  /**
   * Position of the next key after `position` in a request of `argc` arguments, which are those of
   * keyArguments(); 0 if there is none. 0 gives the first:
   * `for (let at = c.nextKey(0, argc); at !== 0; at = c.nextKey(at, argc))`.
   */
  nextKey(position: number, argc: number): number {
    return nextIn(this.row.keys, position, argc);
  }
}

/** Where a command runs follows from what its handler needs. */
function placeOf(row: HandledBy): number {
  if (row.control !== undefined) return flag.CONTROL;
  return row.global !== undefined ? flag.GLOBAL : 0;
}

/** A control command is measured by its mailbox. */
function timingOf({ complexity, control }: CommandRow): number {
  return complexity === "O(1)" || control !== undefined ? 0 : flag.TIMED;
}

/** The only place that checks whether a context has more than a data thread has. */
function handlerOf(row: CommandRow): Handler {
  const { name, handler, global, control } = row;
  if (handler !== undefined) return handler;
  if (control !== undefined) return controlHandlerOf(name, control, row.inScript);
  return (x, request, reply) => {
    if (global !== undefined && hasChannels(x)) return global(x, request, reply);
    throw elsewhere(name);
  };
}

function controlHandlerOf(name: string, control: ControlHandler, inScript = control): Handler {
  return (x, request, reply) => {
    if (!hasControl(x)) throw elsewhere(name);
    return x.observer.isInScript ? inScript(x, request, reply) : control(x, request, reply);
  };
}

function elsewhere(name: string): Error {
  return new Error(`${name} ran in a thread that cannot run it`);
}

function hasChannels(x: Context): x is ChannelContext {
  return "channels" in x;
}

function hasControl(x: Context): x is ControlContext {
  return "control" in x;
}
