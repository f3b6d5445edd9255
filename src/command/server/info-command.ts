// INFO and TIME: parses the sections of INFO and formats the time. node/info/node-info.ts builds
// the text of INFO, because it has the data.

import { wallClockMs } from "../../base/clock.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context, ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { flag } from "../terms/flags.ts";

const encoder = new TextEncoder();

export const serverCommands = family({ group: "server" }, [
  {
    name: "info",
    arity: -1,
    syntax: "[section...]",
    flags: flag.LOADING | flag.STALE,
    categories: ["@slow", "@dangerous"],
    since: "1.0.0",
    summary: "Returns information and statistics about the node.",
    differs:
      "Leaves out what describes how Redis was built or what is not measured. keyspace_hits and" +
      " keyspace_misses count commands that read a value, APPEND, SETRANGE, SETBIT, BITFIELD and" +
      " PFADD too, but not EXISTS, TYPE, TTL and its like, COPY and OBJECT. A script whose pcall got" +
      " an error has not failed. With several data threads, a script's INFO counts what the others" +
      " did up to a second ago, and has no latencystats.",
    control: info,
    inScript: infoNow,
  },
  {
    name: "time",
    arity: 1,
    flags: flag.LOADING | flag.STALE | flag.FAST,
    since: "2.6.0",
    summary: "Returns the server time.",
    handler: time,
  },
]);

async function info(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  reply.verbatim(await x.control.information.text(sectionsOf(request)));
}

function infoNow(x: ControlContext, request: Request, reply: Reply): void {
  reply.verbatim(x.control.information.textNow(sectionsOf(request)));
}

function sectionsOf(request: Request): string[] {
  const sections: string[] = [];
  for (let i = 1; i < request.argc; i++) sections.push(request.text(i).toLowerCase());
  return sections;
}

/**
 * Seconds and microseconds. The clock has a resolution of milliseconds. It is read now: a script
 * may wait for it, and `now` stands still while one runs.
 */
function time(_x: Context, _request: Request, reply: Reply): void {
  reply.array(2);
  const now = wallClockMs();
  const seconds = encoder.encode(String(Math.floor(now / 1000)));
  const microseconds = encoder.encode(String((now % 1000) * 1000));
  reply.bulk(seconds, 0, seconds.length);
  reply.bulk(microseconds, 0, microseconds.length);
}
