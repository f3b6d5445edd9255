// The mailbox of a data thread in a Worker. A command goes to the control thread as a message with
// a copy of its session; the bytes of the reply come back in another message, with the changes to
// the session. The connection is suspended meanwhile, so commands of one session keep their order.
// Invariant: each submission is answered once, except by a node that ends.

import type { Command } from "../../command/core/command.ts";
import { flag } from "../../command/terms/flags.ts";
import type { Session } from "../../command/terms/session.ts";
import type { Protocol } from "../../protocol/protocol.ts";
import type { Request } from "../../protocol/request.ts";
import type { Mailbox } from "../connection/mailbox.ts";
import { buffersOf, pack } from "./packed-requests.ts";
import { type Answer, type Submission, summaryOf, type Withdrawal } from "./thread-messages.ts";

type Post = (message: Submission | Withdrawal, transfer?: ArrayBuffer[]) => void;

interface Waiting {
  readonly session: Session;
  readonly resolve: (bytes: Uint8Array) => void;
}

export class WorkerMailbox implements Mailbox {
  private readonly post: Post;
  private readonly judge: (session: Session) => void;
  private readonly waiting = new Map<number, Waiting>();
  private lastTicket = 0;

  /** `judge` says whether a session is trusted, as this thread knows its user. */
  constructor(post: Post, judge: (session: Session) => void) {
    this.post = post;
    this.judge = judge;
  }

  submit(
    session: Session,
    command: Command,
    request: Request,
    protocol: Protocol,
    more: readonly Request[],
  ): Promise<Uint8Array> {
    const ticket = ++this.lastTicket;
    this.post(...submissionOf(ticket, session, command, request, protocol, more));
    return new Promise((resolve) => this.waiting.set(ticket, { session, resolve }));
  }

  withdraw(sessionId: number): void {
    this.post({ kind: "withdrawn", id: sessionId });
  }

  answer({ ticket, bytes, changes }: Answer): void {
    const waiting = this.waiting.get(ticket);
    if (waiting === undefined) throw new Error(`an answer to no command: ${ticket}`);
    this.waiting.delete(ticket);
    Object.assign(waiting.session, changes);
    this.judge(waiting.session); // the users may have changed after the command ran
    waiting.resolve(bytes);
  }
}

/** The message for a command, and its buffers. Only an EXEC looks at queued and watched. */
function submissionOf(
  ticket: number,
  session: Session,
  command: Command,
  request: Request,
  { name }: Protocol,
  more: readonly Request[],
): [Submission, ArrayBuffer[]] {
  const isExec = (command.flags & flag.TRANSACTION) !== 0;
  const queued = isExec ? (session.transaction?.requests ?? []) : more;
  const queue = isExec || more.length > 0 ? pack(queued) : null;
  const summary = summaryOf(session);
  const submission: Submission = {
    ...{ kind: "command", ticket, request, protocol: name, queue },
    session: isExec ? Object.assign(summary, { watched: session.watched }) : summary,
  };
  const transfer = queue === null ? [] : buffersOf(queue);
  if (request.buf.buffer instanceof ArrayBuffer) transfer.push(request.buf.buffer);
  return [submission, transfer];
}
