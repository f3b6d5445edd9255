// The mailbox of a data thread in a Worker. A command goes to the control thread as a message with
// a copy of its session; the bytes of the reply come back in another message, with the changes to
// the session. The connection is suspended meanwhile, so commands of one session keep their order.
// Invariant: each submission is answered once, except by a node that ends.

import type { Command } from "../../command/core/command.ts";
import type { Session } from "../../command/core/session.ts";
import type { Protocol } from "../../protocol/protocol.ts";
import type { Request } from "../../protocol/request.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Answer, Submission } from "./messages.ts";

interface Waiting {
  readonly session: Session;
  readonly resolve: (bytes: Uint8Array) => void;
}

export class WorkerMailbox implements Mailbox {
  private readonly post: (submission: Submission) => void;
  private readonly waiting = new Map<number, Waiting>();
  private lastTicket = 0;

  constructor(post: (submission: Submission) => void) {
    this.post = post;
  }

  submit(
    session: Session,
    _command: Command,
    request: Request,
    protocol: Protocol,
  ): Promise<Uint8Array> {
    const ticket = ++this.lastTicket;
    this.post({ kind: "command", ticket, session, request, protocol: protocol.name });
    return new Promise((resolve) => this.waiting.set(ticket, { session, resolve }));
  }

  answer({ ticket, bytes, changes }: Answer): void {
    const waiting = this.waiting.get(ticket);
    if (waiting === undefined) throw new Error(`an answer to no command: ${ticket}`);
    this.waiting.delete(ticket);
    Object.assign(waiting.session, changes);
    waiting.resolve(bytes);
  }
}
