// The way from a data thread to the control thread: a command that acts on the whole node goes in,
// the bytes of its reply come out. Its connection is suspended meanwhile. Who carries it is in
// threads/: local-mailbox.ts where both are the same thread, else worker-mailbox.ts.

import type { Command } from "../../command/core/command.ts";
import type { Session } from "../../command/terms/session.ts";
import type { Protocol } from "../../protocol/protocol.ts";
import type { Request } from "../../protocol/request.ts";

export interface Mailbox {
  /**
   * `request` is a copy that the mailbox may keep. Commands of one session never overtake each
   * other. The caller owns the memory of the reply and returns it to the pool. `more`: requests for
   * the same command, which run after it, and whose replies follow its reply.
   */
  submit(
    session: Session,
    command: Command,
    request: Request,
    protocol: Protocol,
    more?: readonly Request[],
  ): Promise<Uint8Array>;
  /**
   * The connection ends. If a pause holds its command, the command never runs, and nothing of it
   * stays: the reply is empty.
   */
  withdraw(sessionId: number): void;
}
