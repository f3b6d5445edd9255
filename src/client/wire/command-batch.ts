// Several commands that are one request: MULTI, the commands, EXEC. None of them is ever sent, sent
// again or given up without the others, as a command without its MULTI would be executed at once.
// When MULTI goes ahead of the rest is in link/client-connection.ts.
// Invariant: there are no more replies than commands.

import { type Reply, ReplyError } from "../../protocol/resp/reply-parser.ts";
import type { Command } from "./command-writer.ts";

const begin: Command = ["MULTI"];
const commit: Command = ["EXEC"];

export class Batch {
  readonly commands: readonly Command[];
  private replies: Reply[] = [];

  /** A transaction of these commands. */
  constructor(commands: readonly Command[]) {
    this.commands = [begin, ...commands, commit];
  }

  /** Forgets the replies of an earlier attempt. */
  restart(): void {
    this.replies = [];
  }

  /** Adds a reply. Whether it is the last. */
  completes(reply: Reply): boolean {
    this.replies.push(reply);
    return this.replies.length === this.commands.length;
  }

  /** Whether MULTI was accepted. */
  get isBegun(): boolean {
    return this.replies.length > 0 && !(this.replies[0] instanceof ReplyError);
  }

  /**
   * What became of it: the reply to EXEC, or why nothing was executed. A follower refuses each
   * write, and EXEC then says only that there were errors; so does a demoted leader.
   */
  get outcome(): Reply {
    const last = this.replies.at(-1) ?? null;
    if (!(last instanceof ReplyError)) return last;
    const refusal = this.replies.find((reply) => reply instanceof ReplyError) ?? last;
    if (!this.isBegun && this.replies.some((reply) => !(reply instanceof ReplyError))) {
      return new ReplyError(`${refusal.text} (the commands were executed without it)`);
    }
    const isReadOnly = last.code === "EXECABORT" && last.text.includes("READONLY");
    return isReadOnly ? new ReplyError(`READONLY ${last.text}`) : refusal;
  }
}
