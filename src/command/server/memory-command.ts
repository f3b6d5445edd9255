// MEMORY: what a key costs, and where the memory of the node goes. USAGE looks at the key itself;
// node/info/memory-report.ts makes the reports about the whole node. Fields of STATS are those of
// redis 7.0 (`object.c`, memoryCommand), with the store in the place of its allocator.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { notAnInteger, syntaxError } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context, ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import type { MemoryField } from "../core/node.ts";
import { helpRow } from "../core/subcommand-help.ts";
import { argumentIs } from "../core/words.ts";
import { flag } from "../terms/flags.ts";

const subcommands = family({ group: "server", since: "4.0.0", flags: 0, arity: 2 }, [
  {
    name: "memory|usage",
    arity: -3,
    syntax: "key [SAMPLES count:integer]",
    flags: flag.READONLY,
    keys: [2, 2, 1],
    keyUse: "RO",
    categories: ["@read", "@slow"],
    summary: "Returns the bytes that a key takes, with its value and its entry in the index.",
    differs: "Counts item, chain and index entry. SAMPLES changes nothing: values are not nested.",
    handler: usage,
  },
  {
    name: "memory|stats",
    summary: "Returns where the memory of the node goes.",
    differs: "Fields that describe Redis's allocator describe the store.",
    control: stats,
    inScript: stats,
  },
  {
    name: "memory|doctor",
    summary: "Returns sentences about what is unusual in the use of memory.",
    differs: "Sentences of our own: Redis's advice is about its allocator.",
    control: doctor,
    inScript: doctor,
  },
  {
    name: "memory|malloc-stats",
    complexity: "Depends on how much memory is allocated, could be slow",
    summary: "Returns the statistics of the store, which takes the place of an allocator.",
    control: allocator,
    inScript: allocator,
  },
  {
    name: "memory|purge",
    complexity: "Depends on how much memory is allocated, could be slow",
    summary: "Returns unused memory to the system.",
    control: purge,
    inScript: purge,
  },
  helpRow("memory", "server", "4.0.0", [
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Values are not nested,",
    "    so <count> changes nothing.",
  ]),
]);

export const memoryCommands = family({ group: "server", since: "4.0.0" }, [
  {
    name: "memory",
    arity: -2,
    flags: 0,
    complexity: "Depends on subcommand.",
    summary: "A container for memory diagnostics commands.",
    handler: () => undefined,
    subcommands,
  },
]);

function usage(x: Context, request: Request, reply: Reply): void {
  const { buf, start, end, argc } = request;
  for (let i = 3; i < argc; i += 2) {
    if (!argumentIs(request, i, "SAMPLES") || i + 1 >= argc) return reply.error(syntaxError);
    const count = readInteger(buf, start[i + 1], end[i + 1]);
    if (count === NOT_AN_INTEGER) return reply.error(notAnInteger);
    if (count < 0) return reply.error(syntaxError);
  }
  const facts = x.store.facts(buf, start[2], end[2], x.now);
  if (facts === null) reply.nil();
  else reply.integer(facts.bytes);
}

function stats(x: ControlContext, _request: Request, reply: Reply): void {
  fields(x.control.memory.fields(), reply);
}

function fields(list: readonly MemoryField[], reply: Reply): void {
  reply.map(list.length);
  for (const [name, value] of list) {
    reply.text(name);
    if (typeof value === "object") fields(value, reply);
    else if (isShare(name)) reply.double(value);
    else reply.integer(value);
  }
}

/** Ratios and percentages are doubles, all else is bytes or a count. */
function isShare(name: string): boolean {
  return /(ratio|percentage|^fragmentation)$/.test(name);
}

function doctor(x: ControlContext, _request: Request, reply: Reply): void {
  reply.verbatim(x.control.memory.doctor());
}

function allocator(x: ControlContext, _request: Request, reply: Reply): void {
  reply.verbatim(x.control.memory.allocator());
}

function purge(x: ControlContext, _request: Request, reply: Reply): void {
  x.control.memory.purge();
  reply.ok();
}
