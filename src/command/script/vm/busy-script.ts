// A script that goes on after its command has returned, in slices between which the event loop
// serves others, who get -BUSY (run/gate.ts). In between it holds no lock, and the thread has
// forgotten it: leave() and enter() are around each slice. Its reply is encoded apart, as the bytes
// that the promise of its command resolves to. Within EXEC it has no command of its own: its reply,
// and those of the commands behind it, which run before the locks are free, are the rest of EXEC's.
// Invariant: nobody but the script, or its EXEC, sees the data from its first command to its last;
// its effects are one group of the journal, whose lock is free between slices.

import { OutputLimitError } from "../../../base/output.ts";
import { NullReply } from "../../../protocol/null-reply.ts";
import type { ErrorSink, Reply } from "../../../protocol/reply.ts";
import type { Request } from "../../../protocol/request.ts";
import type { Context } from "../../core/context.ts";
import type { LateAnswer, LateReply } from "../../terms/late-reply.ts";
import type { Session } from "../../terms/session.ts";
import type { ScriptRun } from "./script-run.ts";

export interface BusyHost {
  /** Whether others get -BUSY. */
  setBusy(isBusy: boolean): void;
  /** A reply to a client whose script was suspended. */
  answer(session: Session, errors: ErrorSink): LateAnswer;
}

type Finish = (reply: Reply) => void;

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
  /** The group of effects is open: its own, or that of EXEC. */
  private hasGroup = false;
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
    this.hasGroup = x.effects.isOpen;
    if (!this.hasGroup) return;
    x.effects.interrupt();
    x.standing.script.beginHalfDone();
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
    if (this.hasGroup) x.effects.resume();
  }

  /**
   * After the last instruction of the script: `finish` writes the reply and ends the run, and then
   * the locks are free.
   */
  end(finish: Finish): void {
    const { session, taken, host } = this;
    const x = this.current.context;
    const isWithin = this.current.wasExecuting;
    if (session === null || host === undefined) throw new Error("no script is suspended");
    this.isDetached = false;
    this.session = null;
    this.request = null;
    x.standing.script.endHalfDone();
    const answer = host.answer(session, x.statistics.errors);
    if (isWithin) this.endWithin(x, session, answer, finish);
    else this.endAlone(x, session, answer, finish);
    // After the rest of EXEC, in which the next script may have been suspended.
    x.store.countsUses = true;
    x.keyspace.select(0);
    x.store.unlockShards(taken);
  }

  private endAlone(x: Context, session: Session, answer: LateAnswer, finish: Finish): void {
    finishInto(answer.reply, session, finish);
    const { effects } = x;
    if (effects.recorded !== this.recorded) session.lastWriteOffset = effects.offset;
    this.outcome.resolve(answer.take());
  }

  private endWithin(x: Context, session: Session, answer: LateAnswer, finish: Finish): void {
    const { outcome, hasGroup } = this;
    const { errors } = x.statistics;
    const before = errors.total;
    finishInto(session.closing ? new NullReply() : answer.reply, session, finish);
    outcome.resolve(nothing);
    const { script } = x.standing;
    const goOn = script.continuation;
    script.continuation = null;
    goOn?.(answer, errors.total !== before);
    if (hasGroup) session.lastWriteOffset = x.effects.offset;
  }

  fail(error: unknown): void {
    this.outcome.reject(error);
  }
}

function finishInto(reply: Reply, session: Session, finish: Finish): void {
  try {
    finish(reply);
  } catch (error) {
    if (!(error instanceof OutputLimitError)) throw error;
    session.closing = true;
  }
}
