// What handlers work on, and the three kinds of handlers: which thread may run a command follows from what
// its handler needs. Plain types; command.ts makes commands of them.

import type { Effects } from "../../journal/effects.ts";
import type { Keyspace } from "../../keyspace/keyspace.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";
import type { Channels } from "../pubsub/channels.ts";
import type { CommandStatistics } from "./command-statistics.ts";
import type { Control, Standing } from "./node.ts";
import type { Session } from "./session.ts";

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
