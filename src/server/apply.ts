// Applies a leader's stream: each command runs through the command table like any other, in a session
// that may write on a follower and with a reply that nobody reads. Effects are muted while a node follows
// (replication/replication.ts), as the leader's bytes go into the journal unchanged.

import { wallClockMs } from "../clock.ts";
import { type Context, flag } from "../command/command.ts";
import { execute } from "../command/execute.ts";
import { Session } from "../command/session.ts";
import { find } from "../command/table.ts";
import { log } from "../log.ts";
import { NullReply } from "../protocol/null-reply.ts";
import type { Request } from "../protocol/request.ts";
import type { Apply } from "../replication/ports.ts";

const streamed = flag.WRITE | flag.MAY_REPLICATE;
/** A leader with other types sends many commands of few names; damaged bytes have any name. */
const namesToldMax = 100;
const nameCharsMax = 64;

export function applier(parts: Omit<Context, "now" | "session">): Apply {
  const session = new Session(0, "", "", 0, true);
  session.kind = "leader";
  const context: Context = { ...parts, session, now: 0 };
  const reply = new NullReply();
  const tell = teller();
  const apply = (request: Request): void => {
    const command = find(request);
    if (command === undefined || (command.flags & streamed) === 0) {
      tell(request.text(0).slice(0, nameCharsMax).toUpperCase());
      return;
    }
    context.now = wallClockMs();
    execute(context, command, request, reply);
  };
  const { store } = parts;
  const atOnce = (work: () => void): void => {
    const taken = store.lockShards(store.allShards);
    work();
    store.unlockShards(taken);
  };
  return Object.assign(apply, { atOnce });
}

function teller(): (name: string) => void {
  const told = new Set<string>();
  return (name) => {
    if (told.has(name) || told.size >= namesToldMax) return;
    told.add(name);
    log.warn(`the leader sent a command that is not applied here: ${JSON.stringify(name)}`);
  };
}
