// The contexts of handlers, and the three kinds of handlers. What a handler needs decides which
// thread may run its command. Plain types; command.ts builds commands from them.

import type { ErrorReply } from "../../base/errors.ts";
import type { Effects } from "../../journal/effects.ts";
import type { Keyspace } from "../../keyspace/keyspace.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";
import type { Channels } from "../messages/channels.ts";
import type { Monitors } from "../messages/monitors.ts";
import type { LateReply, RunningScript } from "../terms/late-reply.ts";
import type { Session } from "../terms/session.ts";
import type { Tracking } from "../tracking/tracking.ts";
import type { CommandStatistics } from "./command-statistics.ts";
import type { Control, Standing } from "./node.ts";
import type { Observer } from "./observer.ts";
import type { Library, LibraryFunction, Script } from "./script-record.ts";

/**
 * The context of a handler: everything that a data thread has. There is one per thread; `now` and
 * `session` are set before each command.
 */
export interface Context {
  readonly scripts: NodeScripts;
  /** For reads; changes go through the keyspace. */
  readonly store: Store;
  readonly keyspace: Keyspace;
  /** For groups, and for effects that change no data, such as messages. */
  readonly effects: Effects;
  readonly standing: Standing;
  readonly statistics: CommandStatistics;
  readonly observer: Observer;
  /** Wall-clock milliseconds, read once per turn: all commands of a turn share one moment. */
  now: number;
  session: Session;
}

/** The scripts of a node, and the VM that runs them (script/scripts.ts). */
export interface NodeScripts {
  /** The script with the SHA1 in these bytes, in any case; undefined if there is none. */
  find(buf: Uint8Array, start: number, end: number): Script | undefined;
  /** The script of this text. */
  findText(buf: Uint8Array, start: number, end: number): Script | undefined;
  /** Whether only the control thread can run the script that this request names. */
  isForControl(request: Request, isByText: boolean): boolean;
  /** Whether the script that this request names has stated so. */
  writesNothing(request: Request, isByText: boolean): boolean;
  /** The script of this text; a new one is compiled and kept. An error says why it cannot be. */
  learn(text: Uint8Array, isLoaded: boolean): Script | ErrorReply;
  /** Runs a script with the keys and arguments of the request. */
  run(
    x: Context,
    script: Script,
    request: Request,
    keyCount: number,
    isReadOnly: boolean,
    reply: Reply,
  ): Ending;
  /** Forgets all scripts. */
  clear(): void;
  readonly count: number;
  /** Memory of the scripts, and of the values in the VM. */
  readonly cachedBytes: number;
  readonly usedBytes: number;
}

/** The libraries of a node, and the VM that runs their functions (function/node-libraries.ts). */
export interface NodeLibraries {
  all(): readonly Library[];
  /** The texts of all. */
  texts(): readonly Uint8Array[];
  find(name: string): LibraryFunction | undefined;
  /** The function that runs for so long that others are served. */
  readonly suspended: RunningScript | null;
  readonly libraryCount: number;
  readonly functionCount: number;
  /** Memory of the libraries, and of the values in the VM. */
  readonly cachedBytes: number;
  readonly usedBytes: number;
  /** Returns the name of the library, or why it cannot be loaded. */
  load(text: Uint8Array, replaces: boolean): string | ErrorReply;
  /** False: there is none of this name. */
  delete(name: string): boolean;
  clear(): void;
  /** Loads all of these, or none; null, or why not. */
  restore(texts: readonly Uint8Array[], policy: "flush" | "append" | "replace"): ErrorReply | null;
  /** Calls a function with the keys and arguments of the request. */
  run(
    x: Context,
    called: LibraryFunction,
    request: Request,
    keyCount: number,
    isReadOnly: boolean,
    reply: Reply,
  ): Ending;
}

/** The context of GLOBAL commands: what a node has only once, in the control thread. */
export interface ChannelContext extends Context {
  readonly channels: Channels;
  readonly tracking: Tracking;
  readonly monitors: Monitors;
  readonly libraries: NodeLibraries;
}

/** The context of CONTROL commands. */
export interface ControlContext extends ChannelContext {
  readonly control: Control;
}

/** A context outside of a command. */
export type Idle<X extends Context> = Omit<X, "now" | "session">;

/**
 * What a handler returns: nothing, or a promise if it ends later. That of a script or an EXEC with
 * one, which alone may come from a handler that is not for the control thread, resolves to the
 * bytes of its reply that have not been written.
 */
export type Ending = void | Promise<void> | Promise<LateReply | undefined>;

type HandlerOn<X extends Context> = (x: X, request: Request, reply: Reply) => Ending;
export type Handler = HandlerOn<Context>;
export type ChannelHandler = HandlerOn<ChannelContext>;
export type ControlHandler = HandlerOn<ControlContext>;
