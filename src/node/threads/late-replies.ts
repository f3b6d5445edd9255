// Replies that are encoded apart from those of their thread: of scripts that were suspended, and of
// the transactions that such scripts are in. Each is bounded as replies of the control thread are.

import { buffers, giveBack } from "../../base/buffer-pool.ts";
import type { Logger } from "../../base/log.ts";
import { Output } from "../../base/output.ts";
import type { LateAnswer, LateReply } from "../../command/terms/late-reply.ts";
import type { Session } from "../../command/terms/session.ts";
import { MutedReply } from "../../protocol/muted-reply.ts";
import type { ErrorSink, Reply } from "../../protocol/reply.ts";
import { resp } from "../../protocol/resp/protocol.ts";
import type { ClientMemory } from "../shared/client-memory.ts";
import { ReplyBound } from "./reply-bound.ts";

const replyBytes = 4096;
const nothing = new Uint8Array(0);

export class LateReplies {
  private readonly memory: ClientMemory;
  private readonly log: Logger;

  constructor(memory: ClientMemory, log: Logger) {
    this.memory = memory;
    this.log = log;
  }

  answer(session: Session, errors: ErrorSink): LateAnswer {
    return new Answer(this.memory, this.log, session, errors);
  }
}

class Answer implements LateAnswer {
  readonly reply: Reply;
  private readonly out: Output;
  private readonly bound: ReplyBound;
  private readonly session: Session;
  private readonly log: Logger;

  constructor(memory: ClientMemory, log: Logger, session: Session, errors: ErrorSink) {
    this.out = new Output(0);
    this.out.bytes = buffers.take(replyBytes);
    this.bound = new ReplyBound(memory, session);
    this.out.spillTo = this.bound;
    const encoder = resp.reply(this.out, errors);
    encoder.switchProtocol(session.protocol);
    const isHeard = session.replyMode === "on";
    this.reply = isHeard ? encoder : new MutedReply(encoder, () => session.replyMode !== "on");
    this.session = session;
    this.log = log;
  }

  take(more?: LateReply): LateReply {
    const { out, bound, session } = this;
    if (more !== undefined) {
      out.appendAll(more);
      giveBack(more);
    }
    bound.check(out);
    bound.release(this.log);
    if (!session.closing && out.length > 0) return out.view();
    buffers.give(out.bytes);
    return nothing;
  }
}
