// Connections that wait until this node has applied everything up to an offset of a history
// (WAITOFFSET): which they are, and their timeouts. It knows no sockets.
// Invariant: a wait ends at once when the offset is reached, and when it never can be here because
// the node's history is another; it gets exactly one outcome.

import { attempt, type Fault } from "../base/errors.ts";
import { timerMsMax } from "../base/limits.ts";
import type { History } from "./history.ts";

/** What a wait comes to. */
export type OffsetOutcome = "reached" | "timeout" | "other history" | "unblocked" | "gone";

interface OffsetWait {
  readonly replid: string;
  readonly offset: number;
  readonly resolve: (outcome: OffsetOutcome) => void;
  readonly timer: Timer | null;
}

export interface OffsetWaitsParts {
  readonly history: History;
  /** Everything before it has been applied here. */
  readonly offset: () => number;
  readonly fault: Fault;
}

export class OffsetWaits {
  private readonly parts: OffsetWaitsParts;
  private readonly waits = new Map<number, OffsetWait>();

  constructor(parts: OffsetWaitsParts) {
    this.parts = parts;
  }

  get count(): number {
    return this.waits.size;
  }

  get sessionIds(): number[] {
    return [...this.waits.keys()];
  }

  /** How things stand now; null: it may still be reached. */
  look(replid: string, offset: number): OffsetOutcome | null {
    const { history } = this.parts;
    // An offset counts bytes from 0: the byte after it is the first that may differ.
    if (!history.covers(replid, offset + 1)) return "other history";
    return this.parts.offset() >= offset ? "reached" : null;
  }

  /** 0: no timeout. */
  wait(
    sessionId: number,
    replid: string,
    offset: number,
    timeoutMs: number,
  ): Promise<OffsetOutcome> {
    const known = this.look(replid, offset);
    if (known !== null) return Promise.resolve(known);
    return new Promise((resolve) => {
      const { fault } = this.parts;
      const isTimed = timeoutMs > 0 && timeoutMs <= timerMsMax;
      const expire = () => attempt(fault, "WAITOFFSET", () => void this.end(sessionId, "timeout"));
      const timer = isTimed ? setTimeout(expire, timeoutMs) : null;
      this.waits.set(sessionId, { replid, offset, resolve, timer });
    });
  }

  /** Called when the offset or the history may have moved. */
  check(): void {
    if (this.waits.size === 0) return;
    for (const [id, { replid, offset }] of this.waits) {
      const outcome = this.look(replid, offset);
      if (outcome !== null) this.end(id, outcome);
    }
  }

  /** False if that connection does not wait. */
  end(sessionId: number, outcome: OffsetOutcome): boolean {
    const wait = this.waits.get(sessionId);
    if (wait === undefined) return false;
    this.waits.delete(sessionId);
    if (wait.timer !== null) clearTimeout(wait.timer);
    wait.resolve(outcome);
    return true;
  }

  endAll(outcome: OffsetOutcome): void {
    for (const id of this.sessionIds) this.end(id, outcome);
  }
}
