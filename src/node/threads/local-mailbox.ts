// The mailbox of a node whose control thread serves the connections, too: a command runs in a later
// turn of the same thread, and again after each pause that held it. What a mailbox promises is in
// connection/mailbox.ts.

import { buffers, freeBytes, giveBack } from "../../base/buffer-pool.ts";
import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import type { ErrorReply } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { Output, OutputLimitError } from "../../base/output.ts";
import type { Command } from "../../command/core/command.ts";
import type { Context, ControlContext, Idle } from "../../command/core/context.ts";
import { execute } from "../../command/run/execute.ts";
import { heldBack, protection } from "../../command/run/gate.ts";
import { noteLate } from "../../command/run/late-command.ts";
import { refuse } from "../../command/run/run-handler.ts";
import { flag } from "../../command/terms/flags.ts";
import type { LateReply } from "../../command/terms/late-reply.ts";
import type { Session } from "../../command/terms/session.ts";
import { timesItself } from "../../command/timing/command-times.ts";
import { MutedReply } from "../../protocol/muted-reply.ts";
import type { Protocol } from "../../protocol/protocol.ts";
import type { ErrorSink, Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { HeldCommands } from "../connection/held-commands.ts";
import type { Mailbox } from "../connection/mailbox.ts";
import type { ClientMemory } from "../shared/client-memory.ts";
import { ReplyBound } from "./reply-bound.ts";

const replyBytes = 4096;
const nothing = new Uint8Array(0);

export class LocalMailbox implements Mailbox {
  private readonly log: Log;
  private readonly clientMemory: ClientMemory;
  private readonly held: HeldCommands;
  private readonly opened = Promise.withResolvers<Idle<ControlContext>>();

  constructor(log: Log, clientMemory: ClientMemory, held: HeldCommands) {
    this.log = log;
    this.clientMemory = clientMemory;
    this.held = held;
  }

  /** Commands wait until this is called; they run on this context. */
  open(context: Idle<ControlContext>): void {
    this.opened.resolve(context);
  }

  async submit(
    session: Session,
    command: Command,
    request: Request,
    protocol: Protocol,
  ): Promise<Uint8Array> {
    const out = new Output(0);
    const bound = new ReplyBound(this.clientMemory, session);
    out.spillTo = bound;
    out.bytes = buffers.take(replyBytes);
    const context = { ...(await this.opened.promise), session, now: wallClockMs() };
    const { store, effects, statistics } = context;
    const errors = new Errors(statistics.errors);
    const encoder = protocol.reply(out, errors);
    const isHeard = session.replyMode === "on";
    const reply = isHeard ? encoder : new MutedReply(encoder, () => session.replyMode !== "on");
    reply.begin(request);
    reply.switchProtocol(session.protocol);
    const before = effects.recorded;
    try {
      const late = await this.run(context, command, request, reply, errors);
      if (late !== undefined) {
        out.appendAll(late);
        giveBack(late);
      }
      bound.check(out);
    } catch (error) {
      if (!(error instanceof OutputLimitError)) throw error;
      store.unlockAll();
      bound.exceed(out);
    } finally {
      bound.release(this.log);
      freeBytes(request.buf);
    }
    if (effects.recorded !== before) session.lastWriteOffset = effects.offset;
    if (bound.isExceeded) return nothing;
    return isHeard && session.replyMode === "off" ? nothing : out.view();
  }

  withdraw(sessionId: number): void {
    this.held.withdraw(sessionId);
  }

  /**
   * Runs the command, again after each pause that held it. Time in which it waits is not counted.
   */
  private async run(
    context: Context,
    command: Command,
    request: Request,
    reply: Reply,
    errors: Errors,
  ): Promise<LateReply | undefined> {
    while (!context.session.closing) {
      const beganMs = monotonicMs();
      context.store.countsUses = !context.session.noTouch;
      // The session may be a copy that another thread made under older rules.
      context.standing.access.refresh(context.session);
      context.observer.begin(context.session);
      context.keyspace.select(context.session.database);
      const refusal = command.accepts(request.argc) ? protection(context, command) : null;
      const outcome =
        refusal === null
          ? execute(context, command, request, reply)
          : refuse(context, command, refusal, reply);
      context.keyspace.select(0);
      context.store.countsUses = true;
      if (outcome !== heldBack) {
        const ms = monotonicMs() - beganMs;
        const { statistics } = context;
        const { times } = statistics;
        const mayBeLate = (command.flags & (flag.SCRIPT | flag.TRANSACTION)) !== 0;
        const isLate = outcome !== undefined && mayBeLate;
        if (!isLate && !timesItself(command, request)) times.note(context, command, request, ms);
        const answered = errors.count;
        const late = (await outcome) ?? undefined;
        if (late !== undefined) noteLate(statistics, context, command, request, late, beganMs);
        else {
          if (isLate) times.note(context, command, request, ms);
          if (errors.count > answered) statistics.noteFailure(command);
        }
        return late;
      }
      const { session } = context;
      const hasLeft = session.inputEnded || !(await this.held.wait(session.id));
      if (hasLeft) session.closing = true;
      context.now = wallClockMs();
    }
    return undefined;
  }
}

/** Counts the errors of one reply, and passes them on to the counters of the thread. */
class Errors implements ErrorSink {
  count = 0;
  private readonly all: ErrorSink;

  constructor(all: ErrorSink) {
    this.all = all;
  }

  note(error: ErrorReply): void {
    this.count++;
    this.all.note(error);
  }
}
