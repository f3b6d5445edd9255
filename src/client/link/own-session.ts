// A connection of its own to one node, for what needs the state of one: WATCH, and the cursor of a
// SCAN. It is not restored: what it was for is lost with it.

import type { Place } from "../../base/place.ts";
import { ClosedError, type MSCacheError, ReadOnlyError } from "../client-errors.ts";
import type { Request, Shape } from "../wire/client-request.ts";
import { Batch } from "../wire/command-batch.ts";
import type { Command } from "../wire/command-writer.ts";
import { text } from "../wire/shapes.ts";
import { Connection, type ConnectionOwner, rejectAll } from "./client-connection.ts";
import type { Holder, Ledger } from "./ledger.ts";
import type { Queue } from "./queue.ts";

/** Bounds for a session: why a request would be refused now, and its time limit. */
export interface Bounds {
  refusal(): MSCacheError | null;
  bound(request: Request): void;
}

export class Session implements ConnectionOwner, AsyncDisposable {
  private readonly ledger: Ledger;
  private readonly bounds: Bounds;
  private connection: Connection | null = null;
  private endedBy: MSCacheError | null = null;

  private constructor(ledger: Ledger, bounds: Bounds) {
    this.ledger = ledger;
    this.bounds = bounds;
  }

  /**
   * Connects and logs in, within the bounds of one request and at the first attempt. Rejects with
   * ConnectError, or as a request does that is not sent.
   */
  static async open(ledger: Ledger, place: Place, bounds: Bounds): Promise<Session> {
    const refusal = bounds.refusal();
    if (refusal !== null) throw refusal;
    const session = new Session(ledger, bounds);
    await session.connect(place);
    return session;
  }

  /** Sends a command. Rejects if the connection is lost. */
  send<T>(command: Command, shape: Shape<T>): Promise<T> {
    const refusal = this.bounds.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    return this.give(this.ledger.create(command, shape, true));
  }

  /** Sends MULTI, the commands and EXEC. */
  transact<T>(commands: readonly Command[], shape: Shape<T>): Promise<T> {
    const refusal = this.bounds.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const request = this.ledger.create(["EXEC"], shape, true);
    request.batch = new Batch(commands);
    return this.give(request);
  }

  lost(_: Connection, cause: MSCacheError, unsent: Queue<Request>): void {
    this.endedBy = cause;
    rejectAll(this.ledger, unsent, cause);
  }

  refused(connection: Connection, request: Request): void {
    this.ledger.drop(request, new ReadOnlyError(connection.address));
  }

  /** Closes the connection when its requests are answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.connection?.retire();
  }

  /** A request stands for the attempt. It is never sent, but it can time out and be aborted. */
  private async connect(place: Place): Promise<void> {
    const { ledger } = this;
    const request = ledger.create(["HELLO"], text, false);
    const holder: Holder = {
      expire: () => {
        if (!ledger.isOverdue(request.born)) return;
        ledger.abandon(request, ledger.overdue(request as Request));
      },
      close: () => ledger.abandon(request, new ClosedError()),
    };
    ledger.holders.add(holder);
    this.bounds.bound(request as Request);
    Connection.open(place, ledger, this).then(
      (connection) => {
        if (request.settled) return connection.retire(); // too late
        this.connection = connection;
        request.answer("OK");
      },
      (cause) => ledger.abandon(request, cause as MSCacheError),
    );
    try {
      await request.promise;
    } finally {
      ledger.holders.delete(holder);
      ledger.release(request);
    }
  }

  private give<T>(request: Request<T>): Promise<T> {
    const { connection } = this;
    this.bounds.bound(request as Request);
    if (connection?.isOpen === true) connection.send(request as Request);
    else this.ledger.drop(request as Request, this.endedBy ?? ended());
    return request.promise;
  }
}

/** Only a watch() hands out what sends here, and its callback may keep it. */
function ended(): ClosedError {
  return new ClosedError("this watch", "has ended");
}
