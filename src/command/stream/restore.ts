// RESTORE of a string as a Redis leader sends it. generic/dump.ts executes it; payloads of other
// types are not run (rules.ts).

import type { Request } from "../../protocol/request.ts";
import { payloadType } from "../../rdb/dump-payload.ts";
import type { Command } from "../core/command.ts";
import { restore } from "../generic/dump.ts";
import { streamCommand } from "./stream-row.ts";

function valueType({ buf, start, end }: Request): string {
  return payloadType(buf, start[3], end[3]);
}

const facts = { keyUse: "OW update", valueType };

export const restoreCommands: readonly Command[] = [
  streamCommand("restore", -4, [1, 1, 1], restore, facts),
  streamCommand("restore-asking", -4, [1, 1, 1], restore, facts),
];
