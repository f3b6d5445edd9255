// One request: the command, the expected shape of its reply, and the promise that the caller holds.
// A request may wait, be sent, be refused and be sent again with the same promise; it does not know
// where it is.
// Invariant: the promise settles exactly once. `settled` is set only on a local failure, after
// which a reply may still arrive.
// Hot path: a request allocates only this object and one promise. The executor is shared:
// `new Promise(capture)` takes 14 ns, Promise.withResolvers() 38 (Bun 1.4.5).

import { type Reply, ReplyError } from "../protocol/resp/reply-parser.ts";
import { type MSCacheError, ProtocolError, ServerError } from "./client-errors.ts";
import type { Command } from "./command-writer.ts";

/** The expected kind of a reply, and its conversion to the caller's result. */
export interface Shape<T> {
  /** Names the kind in the message about an unexpected reply. */
  readonly expected: string;
  /** Whether to read values as bytes instead of strings. */
  readonly asBytes: boolean;
  /** The caller's result; undefined for a reply of another kind. */
  read(reply: Reply): T | undefined;
}

type Settle = (value: never) => void;

let lastResolve: Settle;
let lastReject: (error: Error) => void;

function capture(resolve: Settle, reject: (error: Error) => void): void {
  lastResolve = resolve;
  lastReject = reject;
}

export class Request<T = unknown> {
  readonly command: Command;
  readonly shape: Shape<T>;
  /** Whether it goes to the leader. If a follower refuses it, it goes to the new leader. */
  readonly isWrite: boolean;
  /** Whether the ledger counts it as pending: true for a user request. */
  readonly counts: boolean;
  /** The ledger's tick when the request was made. Its age counts from here, wherever it waits. */
  readonly born: number;
  readonly promise: Promise<T>;
  /** Whether a follower has refused it before; it is not sent a third time. */
  redirected: boolean;
  /** Whether it has failed. A late reply is then dropped, and a refused write is not sent again. */
  settled: boolean;
  private readonly resolve: (value: unknown) => void;
  private readonly reject: (error: Error) => void;

  constructor(command: Command, shape: Shape<T>, isWrite: boolean, counts: boolean, born: number) {
    this.command = command;
    this.shape = shape;
    this.isWrite = isWrite;
    this.counts = counts;
    this.born = born;
    this.redirected = false;
    this.settled = false;
    this.promise = new Promise<T>(capture);
    this.resolve = lastResolve as (value: unknown) => void;
    this.reject = lastReject;
  }

  /** Settles the promise with the reply. */
  answer(reply: Reply): void {
    if (reply instanceof ReplyError) {
      this.reject(new ServerError(reply.code, reply.text));
      return;
    }
    const result = this.shape.read(reply);
    if (result !== undefined) {
      this.resolve(result);
      return;
    }
    const name = String(this.command[0]);
    this.reject(new ProtocolError(`the reply to ${name} is not ${this.shape.expected}`));
  }

  fail(error: MSCacheError): void {
    this.settled = true;
    this.reject(error);
  }
}
