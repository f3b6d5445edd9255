// When a follower acknowledges what it has, beside the answers to GETACK: every second, and again
// and again after a snapshot that ends with a mark. It sends nothing itself.
//
// Redis holds the stream back until an ACK that comes after it has seen its child exit, which is up
// to a tick after the snapshot's end (7.0 `replication.c`: repl_start_cmd_stream_on_ack). An ACK
// that comes earlier is lost on it, and the next one would be a second later.
// Invariant: no timer outlives the link.

import { acknowledgeMs, firstAcknowledgementMs } from "../../base/limits.ts";

export class Acknowledgements {
  private readonly now: () => number;
  private readonly send: () => void;
  private lastMs = 0;
  private timer: Timer | null = null;

  constructor(now: () => number, send: () => void) {
    this.now = now;
    this.send = send;
  }

  get areDue(): boolean {
    return this.now() - this.lastMs >= acknowledgeMs / 2;
  }

  make(): void {
    this.lastMs = this.now();
    this.send();
  }

  /** After a snapshot with a mark: until the stream goes on, or the periodic ones do as well. */
  begin(): void {
    this.make();
    this.repeat(firstAcknowledgementMs);
  }

  /** The stream goes on, or the link is over. */
  settle(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private repeat(waitMs: number): void {
    if (waitMs >= acknowledgeMs) return this.settle();
    this.timer = setTimeout(() => {
      this.make();
      this.repeat(waitMs * 2);
    }, waitMs);
    this.timer.unref();
  }
}
