// A command whose reply comes later, as its script was suspended (script/busy-script.ts): counts
// its time, with that of the others who were served meanwhile, and its failure.

import { monotonicMs } from "../../base/clock.ts";
import type { Request } from "../../protocol/request.ts";
import type { Command } from "../core/command.ts";
import type { CommandStatistics } from "../core/command-statistics.ts";
import type { LateReply } from "../core/late-reply.ts";
import type { Run } from "./command-times.ts";

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
  if (reply[0] === DASH) statistics.noteFailure(command);
}
