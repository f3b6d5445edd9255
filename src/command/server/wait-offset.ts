// WRITEOFFSET and WAITOFFSET, MSCache's own: a writer learns the place of its last write in the
// history of its leader, and whoever reads at a follower waits until the follower has it. Pipelined
// behind the writes, the first costs no round trip. src/protocol/README.md has the bytes.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { errorReply, notAnInteger } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { readTimeout } from "../core/timeout.ts";
import { flag } from "../terms/flags.ts";

const replidCharacters = 40;
const notAReplid = errorReply("a replid has forty hexadecimal digits");

function writeOffset(x: ControlContext, _request: Request, reply: Reply): void {
  const { replid, offset } = x.control.waits.placeOf(x.session);
  reply.array(2);
  reply.text(replid);
  reply.integer(offset);
}

async function waitOffset(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const replid = request.text(1);
  const isReplid = request.length(1) === replidCharacters && /^[0-9a-f]+$/i.test(replid);
  if (!isReplid) return reply.error(notAReplid);
  const offset = readInteger(request.buf, request.start[2], request.end[2]);
  if (offset === NOT_AN_INTEGER || offset < 0) return reply.error(notAnInteger);
  const timeoutMs = readTimeout(request, 3);
  if (typeof timeoutMs !== "number") return reply.error(timeoutMs);
  const outcome = await x.control.waits.waitForOffset(x.session, replid, offset, timeoutMs);
  if (typeof outcome === "boolean") reply.integer(outcome ? 1 : 0);
  else if (outcome !== null) reply.error(outcome);
}

const flags = flag.NO_SCRIPT | flag.LOADING | flag.STALE;
const differs = "MSCache's own.";

export const waitOffsetCommands = family({ group: "generic", since: "0.1.0", flags, differs }, [
  {
    name: "writeoffset",
    arity: 1,
    summary: "Returns the replid and the offset of the last write of this connection.",
    control: writeOffset,
  },
  {
    name: "waitoffset",
    arity: 4,
    syntax: "replid offset:integer timeout:integer",
    flags: flags | flag.WAITS,
    summary: "Waits until this node has applied everything up to an offset of a history.",
    control: waitOffset,
  },
]);
