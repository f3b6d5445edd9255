// The messages between the control thread and data threads that are Workers. Plain data only: what
// arrives is a structured clone, so objects with methods are rebuilt here. Hot commands never come
// this way; they meet in shared memory.
// Invariant: messages of one sender arrive in the order in which they were sent.

import type { UsersChange } from "../../command/acl/access.ts";
import type { Denial } from "../../command/core/access-control.ts";
import type { Command } from "../../command/core/command.ts";
import type { ClientFilter, ClientReport } from "../../command/core/node.ts";
import type { User } from "../../command/core/user-record.ts";
import { finderOf } from "../../command/table.ts";
import { Session } from "../../command/terms/session.ts";
import type { Protocol } from "../../protocol/protocol.ts";
import { Request } from "../../protocol/request.ts";
import type { ServerTls } from "../connection/listener.ts";
import type { Bound, Endpoints } from "../connection/listeners.ts";
import type { Move } from "../connection/rebinding.ts";
import type { SharedMemory } from "../shared/shared-memory.ts";
import type { Subscriber } from "./enforcement.ts";
import { type PackedRequests, unpackRequests } from "./packed-requests.ts";
import type { ThreadStatistics } from "./thread-statistics.ts";
import type { TimeQuestions } from "./time-questions.ts";

// ---- from the control thread --------------------------------------------------------------------

/** The first message. */
export interface Start {
  readonly kind: "start";
  /** Its number, from 1, and how many there are. */
  readonly thread: number;
  readonly threads: number;
  readonly memory: SharedMemory;
  readonly users: readonly User[];
  /** Whether its log goes to the control thread instead of standard error. */
  readonly ownsLog: boolean;
  /** Whether a fault aborts the process instead of being reported to the control thread. */
  readonly abortsOnFault: boolean;
}

/** What the control thread asks a data thread, with the types of the detail and the answer. */
export interface Questions extends TimeQuestions {
  /** `copies` is for Listeners.open(); a sentence says why nothing can be bound. */
  listen: { detail: { endpoints: Endpoints; copies: number }; answer: Bound | string };
  relisten: { detail: Move; answer: Bound | string };
  settleListening: { detail: boolean; answer: null };
  renewTls: { detail: ServerTls; answer: null };
  clients: { detail: ClientFilter; answer: ClientReport[] };
  kill: { detail: ClientFilter; answer: number };
  statistics: { detail: null; answer: ThreadStatistics };
  resetStatistics: { detail: null; answer: null };
  /** Judges by changed users; the answer has the subscribers among the clients of `losers`. */
  users: {
    detail: { readonly change: UsersChange; readonly losers: readonly string[] };
    answer: readonly Subscriber[];
  };
  denials: { detail: null; answer: readonly Denial[] };
  resetDenials: { detail: null; answer: null };
  stopListening: { detail: null; answer: null };
  /** Stops listening and ends all connections. */
  close: { detail: null; answer: null };
}

export type Question = {
  [Name in keyof Questions]: {
    readonly kind: "ask";
    readonly ticket: number;
    readonly name: Name;
    readonly detail: Questions[Name]["detail"];
  };
}[keyof Questions];

/** The reply to a command, and what the command changed in its session. */
export interface Answer {
  readonly kind: "answer";
  readonly ticket: number;
  readonly bytes: Uint8Array;
  readonly changes: Partial<Session>;
}

/** Orders to the connection `id`, whose link lives in the control thread. */
export type LinkOrder =
  | { readonly kind: "takeOver"; readonly id: number; readonly wantsData: boolean }
  | { readonly kind: "linkWrite"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: "linkEnd"; readonly id: number };

/** Published messages for connections of the thread, as parcel.ts packs them. */
export interface DeliverOrder {
  readonly kind: "deliver";
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly numbers: readonly number[];
  /** What it adds to the debt of the thread: delivery-debt.ts. */
  readonly work: number;
}

export type ToWorker = Start | Question | Answer | LinkOrder | DeliverOrder;

// ---- from a data thread -------------------------------------------------------------------------

/** The answer to a question. */
export interface Told {
  readonly kind: "told";
  readonly ticket: number;
  readonly value: Questions[keyof Questions]["answer"];
}

/** A command for the control thread; its connection waits for the `Answer`. */
export interface Submission {
  readonly kind: "command";
  readonly ticket: number;
  /** Without queued commands: `queue` has those of an EXEC. */
  readonly session: Session;
  /** Of another command: what is to run after it. */
  readonly queue: PackedRequests | null;
  readonly request: Request;
  /** The name of the protocol. */
  readonly protocol: string;
}

/** The connection with this id ends before the `Answer`. */
export interface Withdrawal {
  readonly kind: "withdrawn";
  readonly id: number;
}

/** What happens to the connection of a link. */
export type LinkEvent =
  /** The socket took this many bytes. */
  | { readonly kind: "linkTaken"; readonly id: number; readonly bytes: number }
  | { readonly kind: "linkData"; readonly id: number; readonly chunk: Uint8Array }
  | { readonly kind: "linkAcknowledged"; readonly id: number; readonly offset: number }
  /** What the follower tells of its own followers. */
  | { readonly kind: "linkTold"; readonly id: number; readonly text: string }
  /** Bytes arrived that are not a command, such as the newlines of a follower that loads. */
  | { readonly kind: "linkActive"; readonly id: number; readonly atMs: number }
  | { readonly kind: "linkClosed"; readonly id: number };

/** A script takes too long. */
export interface BecameBusy {
  readonly kind: "becameBusy";
}

/** A connection has closed that could get messages, or others instead of it. */
export interface SubscriberLeft {
  readonly kind: "subscriberLeft";
  readonly id: number;
}

/** A line for the log sink of the node's owner. */
export interface LogLine {
  readonly kind: "logLine";
  readonly line: string;
}

/** The thread had a fault and has stopped serving. */
export interface FaultReport {
  readonly kind: "fault";
  readonly text: string;
}

export type FromWorker =
  | FaultReport
  | LogLine
  | Told
  | Submission
  | Withdrawal
  | LinkEvent
  | BecameBusy
  | SubscriberLeft;

// ---- clones -------------------------------------------------------------------------------------

/**
 * A session without its queued commands and watched keys, of which there may be a million. Of both
 * it says only whether there are any.
 */
export function summaryOf(session: Session): Session {
  const { transaction, watched } = session;
  return {
    ...session,
    transaction: transaction && { ...transaction, requests: [] },
    watched: watched && { ...watched, keys: new Map() },
  } as Session;
}

/** The session that a clone describes, in the thread that received it. */
export function reviveSession(clone: Session, queue: PackedRequests | null = null): Session {
  const { id, address, localAddress, createdAtMs, authenticated } = clone;
  const session = new Session(id, address, localAddress, createdAtMs, authenticated);
  Object.assign(session, clone);
  const { transaction } = clone;
  if (transaction !== null && queue !== null) {
    session.transaction = { ...transaction, requests: unpackRequests(queue) };
  }
  return session;
}

export function reviveRequest(clone: Request): Request {
  return Object.assign(new Request(), clone);
}

/** The changed fields of a session; of object fields, only those that became null. */
export function changesOf(before: Session, after: Session): Partial<Session> {
  const was = new Map<string, unknown>(Object.entries(before));
  const changed = Object.entries(after).filter(([name, value]) => {
    const isPlain = typeof value !== "object" || value === null;
    return isPlain && was.get(name) !== value;
  });
  return Object.fromEntries(changed);
}

/** The command of a request that another thread has already looked up. */
export function commandOf(request: Request, { commands }: Protocol): Command {
  const command = finderOf(commands)(request);
  if (command === undefined) throw new Error(`a thread submitted "${request.text(0)}"`);
  return command;
}
