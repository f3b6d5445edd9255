// Requests that wait a moment before they are sent again: a node was not ready for them, or the
// connection on which they were sent was lost more than once. The longer one has been unlucky, the
// longer all of them wait, with jitter.
// Invariant: the timer runs exactly while requests wait here.

import { ClosedError } from "../client-errors.ts";
import { backoffMs } from "../link/backoff.ts";
import { rejectAll } from "../link/client-connection.ts";
import type { Holder, Ledger } from "../link/ledger.ts";
import { Queue } from "../link/queue.ts";
import type { Request } from "../wire/client-request.ts";

export class Postponed implements Holder {
  private readonly ledger: Ledger;
  private readonly send: (request: Request) => void;
  private readonly waiting = new Queue<Request>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(ledger: Ledger, send: (request: Request) => void) {
    this.ledger = ledger;
    this.send = send;
    ledger.holders.add(this);
  }

  add(request: Request): void {
    this.waiting.push(request);
    if (this.timer !== null) return;
    const delay = backoffMs(request.retries, this.ledger.settings.reconnect, Math.random());
    this.timer = setTimeout(() => this.release(), delay);
  }

  expire(): void {
    this.ledger.dropOverdue(this.waiting);
    if (this.waiting.length === 0) this.rest();
  }

  close(): void {
    this.rest();
    rejectAll(this.ledger, this.waiting, new ClosedError());
  }

  private release(): void {
    this.timer = null;
    // One that is postponed again at once waits for the next time.
    for (let left = this.waiting.length; left > 0; left--) {
      this.send(this.waiting.shift() as Request);
    }
  }

  private rest(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
