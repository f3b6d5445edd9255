// A command whose reply comes later, as its script was suspended (script/vm/busy-script.ts): counts
// its time, with that of the others who were served meanwhile, and its failure. An EXEC does not
// fail with its script.

import { monotonicMs } from "../../base/clock.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { CommandStatistics } from "../core/command-statistics.ts";
import { flag } from "../terms/flags.ts";
import type { LateReply } from "../terms/late-reply.ts";
import type { Run } from "../timing/command-times.ts";

const DASH = 0x2d;

/** It began at `beganMs`, monotonic. */
export function noteLate(
  statistics: CommandStatistics,
  run: Run,
  command: Command,
  request: Request,
  reply: LateReply,
  beganMs: number,
): void {
  statistics.times.note(run, command, request, monotonicMs() - beganMs);
  const isOne = (command.flags & flag.TRANSACTION) === 0;
  if (isOne && reply[0] === DASH) statistics.noteFailure(command);
}
