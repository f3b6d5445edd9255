// `mscache monitor`: shows the commands that nodes run, as they run them, one a line. With several
// nodes each line begins with its node. A node that is lost is tried again, and standard error says
// so. It exits with 0 on Ctrl-C or when its reader leaves, and with 1 when no node can be reached
// at first, or none allows it. Filters are applied here: a node sends everything.

import { type ArgsDef, defineCommand } from "citty";
import { parseDatabase } from "../base/place.ts";
import { anyNumber } from "./argument-check.ts";
import { paletteOf } from "./colors.ts";
import { Failure } from "./failure.ts";
import {
  coloredLine,
  globOf,
  isWanted,
  jsonLine,
  type MonitorFilter,
  monitorLineOf,
} from "./monitor/monitor-filter.ts";
import { nodeArguments } from "./node-client.ts";
import { PromptSession } from "./prompt/prompt-session.ts";
import { bytesOf } from "./prompt/redis-line.ts";
import type { Tree } from "./prompt/reply-tree.ts";
import { WireError } from "./prompt/reply-wire.ts";
import { serverTarget } from "./server-target.ts";
import { shownLines } from "./shown-text.ts";
import { Output, untilInterrupted } from "./terminal.ts";

const args = {
  addresses: {
    type: "positional",
    description: "Nodes to listen to; without any, that of --addr",
    valueHint: anyNumber,
    required: false,
  },
  command: {
    type: "string",
    description: "Only these commands",
    valueHint: "name,name",
  },
  match: {
    type: "string",
    description: "Only commands with an argument that matches, such as user:*",
    valueHint: "glob",
  },
  client: {
    type: "string",
    description: "Only those of clients whose address matches, such as 10.0.0.1:*",
    valueHint: "glob",
  },
  db: { type: "string", description: "Only those for this database", valueHint: "number" },
  json: { type: "boolean", description: "Print one JSON object per line", default: false },
  ...nodeArguments,
} satisfies ArgsDef;

export default defineCommand({
  meta: { name: "monitor", description: "Show the commands that nodes run" },
  args,
  async run({ args }) {
    const addresses = args._.length > 0 ? args._ : [args.addr];
    const { db: _, ...login } = args;
    const filter = filterOf(args);
    const output = new Output();
    let written = Promise.resolve();
    const write = (text: string) => {
      written = written.then(() => output.write(bytesOf(text)));
      return written;
    };
    const sessions = addresses.map((addr) => sessionOf({ ...login, addr }, write, output.closed));
    const show = (session: PromptSession) =>
      lineWriter(session.place, filter, args.json, addresses.length > 1);
    await untilInterrupted(async (end) => {
      const signal = AbortSignal.any([end, output.closed]);
      await followAll(sessions, show, signal);
    });
  },
});

interface FilterArguments {
  readonly command?: string | undefined;
  readonly match?: string | undefined;
  readonly client?: string | undefined;
  readonly db?: string | undefined;
}

function filterOf({ command, match, client, db }: FilterArguments): MonitorFilter {
  const names = command?.toLowerCase().split(",");
  return {
    commands: names === undefined ? null : new Set(names.map((name) => name.trim())),
    argument: match === undefined ? null : globOf("match", match),
    client: client === undefined ? null : globOf("client", client),
    database: db === undefined ? null : parseDatabase(db),
  };
}

function sessionOf(
  args: Readonly<Record<string, unknown>>,
  write: (text: string) => Promise<void>,
  closed: AbortSignal,
): PromptSession {
  return new PromptSession({
    ...serverTarget(args),
    protocol: 2,
    format: "raw",
    showsPushes: false,
    closed,
    write,
    complain: (sentence) => process.stderr.write(`mscache: ${shownLines(sentence)}\n`),
  });
}

type LineWriter = (line: string) => string;

/** What is shown for a line; an empty text if it is not wanted. */
function lineWriter(
  node: string,
  filter: MonitorFilter,
  asJson: boolean,
  hasOthers: boolean,
): LineWriter {
  const colors = paletteOf(process.stdout);
  const prefix = hasOthers ? `${colors.cyan(node)} ` : "";
  return (sent) => {
    const text = shownLines(sent);
    const line = monitorLineOf(text);
    if (line === null) return asJson ? "" : `${prefix}${text}\n`;
    if (!isWanted(line, filter)) return "";
    return asJson ? `${jsonLine(line, node)}\n` : `${prefix}${coloredLine(line, colors)}\n`;
  };
}

/** Until the signal; without it, until no node is left, which is a Failure. */
async function followAll(
  sessions: readonly PromptSession[],
  writerOf: (session: PromptSession) => LineWriter,
  signal: AbortSignal,
): Promise<void> {
  const ends = sessions.map(async (session) => {
    const reason = await follow(session, writerOf(session), signal);
    if (!signal.aborted && sessions.length > 1) session.options.complain(reason);
    return reason;
  });
  const reasons = await Promise.all(ends);
  if (signal.aborted) return;
  throw new Failure(sessions.length > 1 ? "no node is left" : (reasons[0] ?? ""));
}

/** Between two tries to reach a node that was lost. */
const retryMs = 1_000;

/** Follows it again after each loss. Resolves to the reason why it ended. */
async function follow(
  session: PromptSession,
  show: LineWriter,
  signal: AbortSignal,
): Promise<string> {
  const { place, options } = session;
  let isLost = false;
  const begun = () => {
    if (isLost) options.complain(`${place} is there again`);
    isLost = false;
  };
  for (let isFirst = true; ; isFirst = false) {
    const end = await followOnce(session, show, signal, begun);
    if (signal.aborted || end.isFinal || (isFirst && !end.hasBegun)) return end.reason;
    if (!isLost) options.complain(`${place} is lost: ${end.reason}; trying again`);
    isLost = true;
    await pause(signal);
    if (signal.aborted) return end.reason;
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, retryMs);
    signal.addEventListener("abort", over);
  });
}

interface End {
  readonly reason: string;
  readonly hasBegun: boolean;
  /** The node does not allow it. */
  readonly isFinal: boolean;
}

/** Over one connection, until that is lost. */
async function followOnce(
  session: PromptSession,
  show: LineWriter,
  signal: AbortSignal,
  begun: () => void,
): Promise<End> {
  let hasBegun = false;
  const take = async (replies: readonly Tree[]) => {
    const lines = replies.filter(({ type }) => type === "status").map(({ text }) => text);
    // The first status says that MONITOR has begun.
    const shown = hasBegun ? lines : lines.slice(1);
    if (!hasBegun && lines.length > 0) {
      hasBegun = true;
      begun();
    }
    const text = shown.map(show).join("");
    if (text !== "") await session.options.write(text);
  };
  try {
    const refusal = await session.follow(["MONITOR"], take, signal);
    return { reason: `${session.place}: ${refusal.text}`, hasBegun, isFinal: true };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { reason: error.message, hasBegun, isFinal: false };
  }
}
