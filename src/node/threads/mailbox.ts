// The way from a data thread to the control thread: a command that acts on the whole node goes in, the
// bytes of its reply come out. Its connection is suspended meanwhile. With one data thread both are the
// same thread, and only the turn is another one.

import { wallClockMs } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { Output, OutputLimitError } from "../../base/output.ts";
import type { Command, Context, ControlContext, Idle } from "../../command/core/command.ts";
import { execute } from "../../command/core/execute.ts";
import type { Session } from "../../command/core/session.ts";
import { MscacheReply } from "../../protocol/mscache/mscache.ts";
import { MutedReply } from "../../protocol/muted-reply.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { RespReply } from "../../protocol/resp/resp-reply.ts";

export interface Mailbox {
  /** `request` is a copy that the mailbox may keep. Commands of one session never overtake each other. */
  submit(
    session: Session,
    command: Command,
    request: Request,
    isResp: boolean,
  ): Promise<Uint8Array>;
}

const replyBytes = 4096;
const nothing = new Uint8Array(0);

/** The mailbox of a node whose control thread serves the connections, too. */
export class LocalMailbox implements Mailbox {
  private readonly log: Log;
  private readonly unpaused: () => Promise<void>;
  private readonly opened = Promise.withResolvers<Idle<ControlContext>>();

  /** `unpaused` resolves when commands may run that were held. */
  constructor(log: Log, unpaused: () => Promise<void>) {
    this.log = log;
    this.unpaused = unpaused;
  }

  /** What is in it, and what will come, runs on this context. */
  open(context: Idle<ControlContext>): void {
    this.opened.resolve(context);
  }

  async submit(
    session: Session,
    command: Command,
    request: Request,
    isResp: boolean,
  ): Promise<Uint8Array> {
    const out = new Output(replyBytes);
    const encoder = isResp ? new RespReply(out) : new MscacheReply(out);
    if (encoder instanceof RespReply) encoder.resp3 = session.protocol === 3;
    const isHeard = session.replyMode === "on";
    const reply = isHeard ? encoder : new MutedReply(encoder, () => session.replyMode !== "on");
    const context = { ...(await this.opened.promise), session, now: wallClockMs() };
    const { store, effects } = context;
    const before = effects.recorded;
    try {
      await this.run(context, command, request, reply);
    } catch (error) {
      if (!(error instanceof OutputLimitError)) throw error;
      this.log.warn(`client ${session.address} asked for ${error.message}: closed`);
      store.unlockAll();
      session.closing = true;
      return nothing;
    }
    if (effects.recorded !== before) session.lastWriteOffset = effects.offset;
    return isHeard && session.replyMode === "off" ? nothing : out.view();
  }

  /** Runs the command, and again after each pause that held it. */
  private async run(context: Context, command: Command, request: Request, reply: Reply) {
    const { session } = context;
    await execute(context, command, request, reply);
    while (session.held) {
      session.held = false;
      await this.unpaused();
      context.now = wallClockMs();
      await execute(context, command, request, reply);
    }
  }
}
