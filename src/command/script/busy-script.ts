// A script that goes on after its command has returned, in slices between which the event loop
// serves others, who get -BUSY (core/gate.ts). In between it holds no lock, and the thread has
// forgotten it: leave() and enter() are around each slice. Its reply is encoded apart, as the bytes
// that the promise of its command resolves to.
// Invariant: nobody but the script reads or changes the data from its first command to its last;
// its effects are one group of the journal, whose lock is free between slices.

import { buffers } from "../../base/buffer-pool.ts";
import { Output, OutputLimitError } from "../../base/output.ts";
import type { ErrorSink, Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context } from "../core/context.ts";
import type { LateReply } from "../core/late-reply.ts";
import type { Session } from "../core/session.ts";
import type { ScriptRun } from "./script-run.ts";

export interface BusyHost {
  /** Whether others get -BUSY. */
  setBusy(isBusy: boolean): void;
  /** An encoder of replies to clients that run scripts. */
  encoder(out: Output, errors: ErrorSink): Reply;
}

const replyBytes = 4096;
const nothing = new Uint8Array(0);

export class BusyScript {
  /** Between the return of its command and its end. */
  isDetached = false;
  private readonly current: ScriptRun;
  private readonly host: BusyHost | undefined;
  /** What it was called with; null if none is suspended. */
  request: Request | null = null;
  private session: Session | null = null;
  private now = 0;
  private recorded = 0;
  private taken = 0;
  private out = new Output(0);
  private outcome = Promise.withResolvers<LateReply>();

  constructor(current: ScriptRun, host?: BusyHost) {
    this.current = current;
    this.host = host;
  }

  /** Its command returns this promise; until then its locks are those of the command. */
  detach(request: Request): Promise<LateReply> {
    const x = this.current.context;
    this.request = request.copy();
    this.isDetached = true;
    this.session = x.session;
    this.now = x.now;
    this.recorded = x.effects.recorded;
    this.out = new Output(0);
    this.out.bytes = buffers.take(replyBytes);
    this.outcome = Promise.withResolvers();
    this.rest(x);
    return this.outcome.promise;
  }

  /** Before the wait for the next slice. */
  leave(): void {
    if (!this.isDetached) return;
    const x = this.current.context;
    this.rest(x);
    x.store.countsUses = true;
    x.keyspace.select(0);
    x.store.unlockShards(this.taken);
  }

  private rest(x: Context): void {
    x.session.isExecuting = false;
    x.observer.isInScript = false;
    if (this.current.hasGroup) x.effects.interrupt();
  }

  /** At the begin of a slice. */
  enter(): void {
    const { session } = this;
    if (!this.isDetached || session === null) return;
    const x = this.current.context;
    this.taken = x.store.isShared ? x.store.lockShards(x.store.allShards) : 0;
    x.session = session;
    x.now = this.now;
    x.observer.begin(session);
    x.observer.isInScript = true;
    session.isExecuting = true;
    x.keyspace.select(session.database);
    x.store.countsUses = !session.noTouch;
    if (this.current.hasGroup) x.effects.resume();
  }

  /**
   * After the last instruction of the script: `finish` writes the reply and ends the run, and then
   * the locks are free.
   */
  end(finish: (reply: Reply) => void): void {
    const { session, out, outcome, taken, host } = this;
    const x = this.current.context;
    if (session === null || host === undefined) throw new Error("no script is suspended");
    this.isDetached = false;
    this.session = null;
    this.request = null;
    const reply = host.encoder(out, x.statistics.errors);
    reply.switchProtocol(session.protocol);
    try {
      finish(reply);
    } catch (error) {
      if (!(error instanceof OutputLimitError)) throw error;
      session.closing = true;
    }
    x.store.countsUses = true;
    x.keyspace.select(0);
    x.store.unlockShards(taken);
    const { effects } = x;
    if (effects.recorded !== this.recorded) session.lastWriteOffset = effects.offset;
    const isHeard = !session.closing && session.replyMode === "on";
    if (!isHeard) buffers.give(out.bytes);
    outcome.resolve(isHeard ? out.view() : nothing);
  }

  fail(error: unknown): void {
    this.outcome.reject(error);
  }
}
