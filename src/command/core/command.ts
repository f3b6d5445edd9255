// The shape of a command: a row of data with its handler. Dispatch, key lookup, replication of writes,
// COMMAND, the documents and the coverage test are all derived from these rows; table.ts collects them.

import type { Effects } from "../../journal/effects.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";
import type { Channels } from "../pubsub/channels.ts";
import type { Keyspace } from "./keyspace.ts";
import type { Control, Standing } from "./node.ts";
import type { Session } from "./session.ts";
import type { CommandStatistics } from "./statistics.ts";

/** Properties of a command, as bits. The names in COMMAND INFO are Redis's (see flagNames). */
export const flag = {
  /** May change the data: refused on a follower. */
  WRITE: 1 << 0,
  READONLY: 1 << 1,
  /** May use more memory: room is made first, and it fails with -OOM when there is none. */
  DENY_OOM: 1 << 2,
  ADMIN: 1 << 3,
  FAST: 1 << 4,
  /** Allowed while a snapshot is loaded. */
  LOADING: 1 << 5,
  /** Allowed on a follower that has lost its leader. */
  STALE: 1 << 6,
  /** Allowed before a login. */
  NO_AUTH: 1 << 7,
  NO_SCRIPT: 1 << 8,
  PUBSUB: 1 << 9,
  /**
   * Acts on the whole node: runs in the control thread while its connection waits. Its handler may
   * return a promise.
   */
  CONTROL: 1 << 10,
  /** As COMMAND INFO tells them; they have no meaning here yet. */
  ALLOW_BUSY: 1 << 12,
  NO_ASYNC_LOADING: 1 << 13,
  NO_MULTI: 1 << 14,
  SKIP_SLOWLOG: 1 << 20,
  /** Not in COMMAND and not callable by name: the rows behind the binary protocol's opcodes. */
  INTERNAL: 1 << 11,
  /** Concerns the connections of all data threads: with several of them it runs as CONTROL does. */
  GLOBAL: 1 << 21,
  /** Changes no data but enters the stream to the followers: a pause of writes holds it, too. */
  MAY_REPLICATE: 1 << 25,
  /** Allowed to a subscriber that speaks RESP2. */
  SUBSCRIBER: 1 << 22,
  /** Its replies are pushes, which CLIENT REPLY does not mute. */
  PUSHES: 1 << 26,
  /** Runs at once in a transaction, where other commands are queued. */
  UNQUEUED: 1 << 23,
  /** EXEC: what the queued commands are, it is too (transaction-queue.ts). */
  TRANSACTION: 1 << 24,
} as const;

export const flagNames: readonly (readonly [number, string])[] = [
  [flag.WRITE, "write"],
  [flag.READONLY, "readonly"],
  [flag.DENY_OOM, "denyoom"],
  [flag.ADMIN, "admin"],
  [flag.PUBSUB, "pubsub"],
  [flag.NO_SCRIPT, "noscript"],
  [flag.LOADING, "loading"],
  [flag.STALE, "stale"],
  [flag.FAST, "fast"],
  [flag.NO_AUTH, "no_auth"],
  [flag.NO_ASYNC_LOADING, "no_async_loading"],
  [flag.NO_MULTI, "no_multi"],
  [flag.ALLOW_BUSY, "allow_busy"],
  [flag.SKIP_SLOWLOG, "skip_slowlog"],
];

/**
 * What a handler works on: all that a data thread has. One per thread; `now` and `session` are set before
 * each command.
 */
export interface Context {
  /** For reading; what changes goes through the keyspace. */
  readonly store: Store;
  readonly keyspace: Keyspace;
  /** For groups, and for what followers are told without a change of data. */
  readonly effects: Effects;
  readonly standing: Standing;
  readonly statistics: CommandStatistics;
  /** Wall-clock milliseconds, read once per turn: all commands of a turn share one moment. */
  now: number;
  session: Session;
}

/** What the handlers of GLOBAL commands get as well. There is one of it in a node, in the control thread. */
export interface ChannelContext extends Context {
  readonly channels: Channels;
}

/** What only the handlers of CONTROL commands get. */
export interface ControlContext extends ChannelContext {
  readonly control: Control;
}

/** A context before it is about a command. */
export type Idle<X extends Context> = Omit<X, "now" | "session">;

type HandlerOn<X extends Context> = (x: X, request: Request, reply: Reply) => void | Promise<void>;
export type Handler = HandlerOn<Context>;
export type ChannelHandler = HandlerOn<ChannelContext>;
export type ControlHandler = HandlerOn<ControlContext>;

export type CommandGroup =
  | "string"
  | "generic"
  | "connection"
  | "server"
  | "pubsub"
  | "transactions"
  | "scripting";

/** How a command runs; what its handler may do follows from which of these it is. */
export type HandledBy =
  | { readonly handler: Handler; readonly global?: never; readonly control?: never }
  /** Makes the command GLOBAL. */
  | { readonly global: ChannelHandler; readonly handler?: never; readonly control?: never }
  /** Makes the command CONTROL. */
  | { readonly control: ControlHandler; readonly handler?: never; readonly global?: never };

export type CommandRow = CommandFacts & HandledBy;

export interface CommandFacts {
  /** Lower case; a subcommand is `container|name`. */
  readonly name: string;
  /** Number of arguments with the name itself; negative: at least that many. */
  readonly arity: number;
  readonly flags: number;
  /** Positions of the first and the last key (negative: from the end) and the step between keys; 0: no keys. */
  readonly keys: readonly [first: number, last: number, step: number];
  readonly group: CommandGroup;
  readonly since: string;
  readonly complexity: string;
  readonly summary: string;
  /** ACL categories, where they do not follow from flags and group. */
  readonly categories?: readonly string[];
  readonly subcommands?: readonly CommandRow[];
}

let lastId = 0;

/** How many commands there are: the ids are below it. */
export function commandCount(): number {
  return lastId + 1;
}

/** A row as the dispatch uses it. */
export class Command {
  /** Where its counters are (statistics.ts). */
  readonly id: number;
  readonly name: string;
  readonly arity: number;
  readonly flags: number;
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  readonly handler: Handler;
  readonly row: CommandRow;
  readonly subcommands: readonly Command[];

  constructor(row: CommandRow) {
    this.id = ++lastId;
    this.name = row.name;
    this.arity = row.arity;
    this.flags = row.flags | placeOf(row);
    this.firstKey = row.keys[0];
    this.lastKey = row.keys[1];
    this.keyStep = row.keys[2];
    this.handler = handlerOf(row);
    this.row = row;
    this.subcommands = (row.subcommands ?? []).map((sub) => new Command(sub));
  }

  accepts(argc: number): boolean {
    return this.arity >= 0 ? argc === this.arity : argc >= -this.arity;
  }

  /**
   * Position of the key behind that at `position`, among so many arguments; 0 when there is none. From 0
   * it gives the first: `for (let at = c.nextKey(0, argc); at !== 0; at = c.nextKey(at, argc))`.
   */
  nextKey(position: number, argc: number): number {
    const next = position === 0 ? this.firstKey : position + this.keyStep;
    const last = this.lastKey < 0 ? argc + this.lastKey : this.lastKey;
    return next <= last ? next : 0;
  }
}

/** Where a command runs follows from what its handler needs. */
function placeOf(row: HandledBy): number {
  if (row.control !== undefined) return flag.CONTROL;
  return row.global !== undefined ? flag.GLOBAL : 0;
}

/** The one place at which a context is looked at for what a thread of data does not have. */
function handlerOf({ name, handler, global, control }: CommandRow): Handler {
  if (handler !== undefined) return handler;
  return (x, request, reply) => {
    if (control !== undefined && hasControl(x)) return control(x, request, reply);
    if (global !== undefined && hasChannels(x)) return global(x, request, reply);
    throw new Error(`${name} ran in a thread that cannot run it`);
  };
}

function hasChannels(x: Context): x is ChannelContext {
  return "channels" in x;
}

function hasControl(x: Context): x is ControlContext {
  return "control" in x;
}
