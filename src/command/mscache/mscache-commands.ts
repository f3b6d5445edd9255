// The rows of the four opcodes of the binary protocol: its SET, GET, DEL and JOIN.
// protocol/mscache/ has the frames and status bytes; here they are an error, nil or ok. Arguments:
// the opcode byte, the key, and for SET the value and the TTL in seconds as four little-endian
// bytes.
// Invariant: row i handles opcode i + 1.

import { errorReply } from "../../base/errors.ts";
import { EXPIRES, event } from "../../journal/event-kinds.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context, ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { erase, put } from "../core/write.ts";
import { get } from "../string/string-read.ts";
import { flag } from "../terms/flags.ts";

const emptyKey = errorReply("the key is empty");
const emptyValue = errorReply("the value is empty");
const noTimeToLive = errorReply("the time to live is not positive");

function setFrame(x: Context, request: Request, reply: Reply): void {
  const seconds = readInt32(request.buf, request.start[3]);
  if (request.length(1) === 0) reply.error(emptyKey);
  else if (request.length(2) === 0) reply.error(emptyValue);
  else if (seconds <= 0) reply.error(noTimeToLive);
  else {
    const kind = event.SET | EXPIRES;
    if (put(x, request, 1, 2, x.now + seconds * 1000, reply, kind)) reply.ok();
  }
}

function readInt32(buf: Uint8Array, at: number): number {
  return buf[at] | (buf[at + 1] << 8) | (buf[at + 2] << 16) | (buf[at + 3] << 24);
}

function getFrame(x: Context, request: Request, reply: Reply): void {
  if (request.length(1) === 0) reply.error(emptyKey);
  else get(x, request, reply);
}

/** The original program replies OK for a missing key, but KEY NOT FOUND for an empty one. */
function delFrame(x: Context, request: Request, reply: Reply): void {
  if (request.length(1) === 0) {
    reply.nil();
    return;
  }
  erase(x, request, 1);
  reply.ok();
}

/** There is no reply: from now on the connection is the link of a follower. */
function joinFrame({ session, control }: ControlContext): void {
  session.kind = "join";
  control.clients.takeOver(session, (socket) => control.followers.join(socket));
}

export const mscacheCommands = family({ group: "string", since: "0.1.0" }, [
  {
    name: "mscache|set",
    judgedAs: "set",
    arity: 4,
    flags: flag.INTERNAL | flag.WRITE | flag.DENY_OOM,
    keys: [1, 1, 1],
    summary: "Sets the value of a key with a time to live in seconds.",
    handler: setFrame,
  },
  {
    name: "mscache|get",
    judgedAs: "get",
    arity: 2,
    flags: flag.INTERNAL | flag.READONLY | flag.FAST,
    keys: [1, 1, 1],
    summary: "Returns the value of a key.",
    handler: getFrame,
  },
  {
    name: "mscache|del",
    judgedAs: "del",
    arity: 2,
    flags: flag.INTERNAL | flag.WRITE,
    keys: [1, 1, 1],
    group: "generic",
    summary: "Deletes a key.",
    handler: delFrame,
  },
  {
    name: "mscache|join",
    judgedAs: "psync",
    arity: 1,
    flags: flag.INTERNAL | flag.ADMIN | flag.NO_SCRIPT,
    group: "server",
    complexity: "O(N) where N is the number of keys in the store",
    summary: "Turns the connection into the link of a follower.",
    control: joinFrame,
  },
]);
