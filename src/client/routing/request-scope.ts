// Requests with a time limit or a signal of their own. It wraps the router: every request made
// through it is the router's, and is failed here if its time is up or its signal aborted, wherever
// it waits then.
// Invariant: a request that has settled has no timer and no listener here.

import { timerMsMax } from "../../base/limits.ts";
import type { Place } from "../../base/place.ts";
import { checkBag, type Names, wrongKind } from "../arguments.ts";
import {
  AbortedError,
  InvalidArgumentError,
  type MSCacheError,
  TimeoutError,
} from "../client-errors.ts";
import type { Ledger } from "../link/ledger.ts";
import type { Request, Shape } from "../wire/client-request.ts";
import { Batch } from "../wire/command-batch.ts";
import type { Command } from "../wire/command-writer.ts";

/** An AbortSignal: what is needed of it, as not every project declares the class. */
export interface SignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** What {@link Client.with} bounds requests by. */
export interface RequestOptions {
  /**
   * Time limit for each request in milliseconds, from the call to the reply, kept to the
   * millisecond; at most 2^31 - 1. Default: `requestTimeoutMs`.
   */
  timeout?: number | undefined;
  /**
   * Rejects requests with AbortedError as soon as it is aborted. One that was sent may execute.
   * Default: none.
   */
  signal?: SignalLike | undefined;
}

/** @internal */
export const requestNames: Names<RequestOptions> = { timeout: true, signal: true };

/** Makes requests: the router, or a scope around it. @internal */
export interface Requester {
  readonly address: string;
  /** The node that serves reads, as far as it is known. */
  readonly readPlace: Place;
  /** The node that takes writes, as far as it is known. */
  readonly leaderPlace: Place;
  /** Throws an InvalidArgumentError. */
  within(options: RequestOptions): Requester;
  read<T>(command: Command, shape: Shape<T>): Promise<T>;
  write<T>(command: Command, shape: Shape<T>): Promise<T>;
  /** A transaction of these commands, which is one request. */
  transact<T>(commands: readonly Command[], shape: Shape<T>, isWrite: boolean): Promise<T>;
  /**
   * Whether the node that serves reads has every write of this client, if `readYourWrites` asks for
   * that; it may wait for them.
   */
  hasOwnWrites(): Promise<boolean>;
  /** Why a request would be refused now, or null. */
  refusal(): MSCacheError | null;
  /** Bounds a request that goes to a connection of its own. */
  bound(request: Request): void;
}

/** Sends a request that the ledger has made. @internal */
export interface Dispatcher extends Requester {
  dispatch(request: Request): void;
}

/** @internal */
export class RequestScope implements Requester {
  private readonly dispatcher: Dispatcher;
  private readonly ledger: Ledger;
  private readonly options: RequestOptions;
  private readonly timeout: number | undefined;
  private readonly signal: SignalLike | undefined;
  /** The requests that the signal would abort. */
  private readonly open = new Set<Request>();
  private readonly aborted = (): void => {
    const reason: unknown = this.signal?.reason;
    for (const request of this.open) {
      this.ledger.abandon(request, new AbortedError(request.sent, reason));
    }
    this.open.clear();
  };

  /** Throws an InvalidArgumentError. */
  constructor(dispatcher: Dispatcher, ledger: Ledger, options: RequestOptions) {
    checkBag("options", options, requestNames);
    this.dispatcher = dispatcher;
    this.options = options;
    this.ledger = ledger;
    this.timeout = checkTimeout(options.timeout);
    this.signal = checkSignal(options.signal);
  }

  get address(): string {
    return this.dispatcher.address;
  }

  get readPlace(): Place {
    return this.dispatcher.readPlace;
  }

  get leaderPlace(): Place {
    return this.dispatcher.leaderPlace;
  }

  within(options: RequestOptions): RequestScope {
    checkBag("options", options, requestNames);
    return new RequestScope(this.dispatcher, this.ledger, { ...this.options, ...options });
  }

  read<T>(command: Command, shape: Shape<T>): Promise<T> {
    return this.make(command, shape, false);
  }

  write<T>(command: Command, shape: Shape<T>): Promise<T> {
    return this.make(command, shape, true);
  }

  transact<T>(commands: readonly Command[], shape: Shape<T>, isWrite: boolean): Promise<T> {
    return this.make(["EXEC"], shape, isWrite, new Batch(commands));
  }

  hasOwnWrites(): Promise<boolean> {
    return this.dispatcher.hasOwnWrites();
  }

  refusal(): MSCacheError | null {
    const { signal } = this;
    if (signal?.aborted) return new AbortedError(false, signal.reason);
    return this.ledger.refusal();
  }

  bound(request: Request): void {
    const { timeout, signal } = this;
    let timer: ReturnType<typeof setTimeout> | null = null;
    if (timeout !== undefined) {
      this.ledger.allow(request, timeout);
      timer = setTimeout(() => {
        const { sent, setback } = request;
        this.ledger.abandon(request, new TimeoutError(timeout, sent, setback ?? undefined));
      }, timeout);
    }
    if (signal !== undefined) {
      if (this.open.size === 0) signal.addEventListener("abort", this.aborted);
      this.open.add(request);
    }
    const done = (): void => {
      if (timer !== null) clearTimeout(timer);
      if (this.open.delete(request) && this.open.size > 0) return;
      signal?.removeEventListener("abort", this.aborted);
    };
    request.promise.then(done, done);
  }

  // --- internal ---

  private make<T>(
    command: Command,
    shape: Shape<T>,
    isWrite: boolean,
    batch: Batch | null = null,
  ): Promise<T> {
    const refusal = this.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const request = this.ledger.create(command, shape, isWrite);
    request.batch = batch;
    this.bound(request as Request);
    this.dispatcher.dispatch(request as Request);
    return request.promise;
  }
}

function checkTimeout(timeout: unknown): number | undefined {
  if (timeout === undefined) return undefined;
  if (typeof timeout !== "number") throw wrongKind("timeout", "a number", timeout);
  if (timeout > 0 && timeout <= timerMsMax) return timeout;
  throw new InvalidArgumentError(
    `timeout must be greater than 0 and at most ${timerMsMax}, not ${timeout}`,
  );
}

/** @internal */
export function checkSignal(signal: unknown): SignalLike | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw wrongKind("signal", "an AbortSignal", signal);
}
