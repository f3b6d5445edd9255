// `mscache cli`: sends commands to a server and shows the replies as redis-cli does. With words it
// runs them as one command; without, it reads lines, from a terminal with a prompt
// (prompt/terminal-prompt.ts) or from a pipe (prompt/piped-commands.ts). This file reads the
// options.

import { type ArgsDef, defineCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { Failure } from "./failure.ts";
import { nodeArguments } from "./node-client.ts";
import { runOnce } from "./prompt/once.ts";
import { PromptSession, type SessionOptions } from "./prompt/prompt-session.ts";
import { bytesOf, bytesText } from "./prompt/redis-line.ts";
import type { Format } from "./prompt/reply-format.ts";
import { serverTarget } from "./server-target.ts";
import { shownLines } from "./shown-text.ts";
import { Output, untilAborted, untilInterrupted } from "./terminal.ts";

const args = {
  "command...": {
    type: "positional",
    description: "A command and its arguments; without it, a prompt, or the lines of a pipe",
    required: false,
  },
  ...nodeArguments,
  db: { type: "string", alias: "n", description: "Database to select", valueHint: "number" },
  resp2: { type: "boolean", alias: "2", description: "Speak RESP2 (the default but for --json)" },
  resp3: { type: "boolean", alias: "3", description: "Speak RESP3" },
  raw: { type: "boolean", description: "Show bytes as they are (the default outside terminals)" },
  "no-raw": { type: "boolean", description: "Show types and quoted values outside terminals too" },
  json: { type: "boolean", description: "Show replies as JSON" },
  stdin: { type: "boolean", alias: "x", description: "Read the last argument from standard input" },
  repeat: {
    type: "string",
    alias: "r",
    description: "Run the command this many times; -1 for ever",
    valueHint: "times",
  },
  interval: {
    type: "string",
    alias: "i",
    description: "Wait between the repetitions",
    valueHint: "seconds",
  },
  fail: { type: "boolean", alias: "e", description: "Exit with 1 at the first error reply" },
} satisfies ArgsDef;

type RawArgs = Readonly<Record<string, unknown>> & { readonly _: readonly string[] };

export default defineCommand({
  meta: { name: "cli", description: "Send commands to a server, or open a prompt" },
  args,
  async run({ args: given }) {
    const raw = given as unknown as RawArgs;
    const words = raw._.map(bytesText);
    const output = new Output();
    const session = new PromptSession(sessionOptions(raw, output));
    if (words.length === 0 && (raw.stdin === true || raw.repeat !== undefined)) {
      throw new ConfigError(`--${raw.stdin === true ? "stdin" : "repeat"} needs a command`);
    }
    try {
      if (words.length > 0) await runWords(raw, session, words);
      else if (process.stdin.isTTY) await runPrompt(session);
      else await runPipe(raw, session);
    } finally {
      session.disconnect();
    }
  },
});

function sessionOptions(raw: RawArgs, output: Output): SessionOptions {
  return {
    ...serverTarget(raw),
    protocol: raw.resp3 === true || (raw.json === true && raw.resp2 !== true) ? 3 : 2,
    format: formatOf(raw),
    showsPushes: process.stdout.isTTY === true,
    closed: output.closed,
    write: (text) => output.write(bytesOf(text)),
    complain: (sentence) => process.stderr.write(`${shownLines(sentence)}\n`),
  };
}

function formatOf(raw: RawArgs): Format {
  if (raw.json === true) return "json";
  return (raw.raw ?? !process.stdout.isTTY) === true ? "raw" : "standard";
}

async function runWords(raw: RawArgs, session: PromptSession, words: string[]): Promise<void> {
  if (raw.stdin === true) words.push(Buffer.from(await Bun.stdin.bytes()).toString("latin1"));
  const times = raw.repeat === undefined ? 1 : numberOf(raw, "repeat");
  const intervalMs = raw.interval === undefined ? 0 : numberOf(raw, "interval") * 1000;
  if (!Number.isInteger(times)) throw new ConfigError("--repeat must be a whole number");
  if (intervalMs < 0) throw new ConfigError("--interval must not be negative");
  const plan = { times: times < 0 ? Number.POSITIVE_INFINITY : times, intervalMs };
  await runOnce(session, words, { ...plan, stopsAtError: raw.fail === true });
}

async function runPrompt(session: PromptSession): Promise<void> {
  // Imported only here, as a single command needs none of it.
  const { TerminalPrompt } = await import("./prompt/terminal-prompt.ts");
  await new TerminalPrompt(session).run();
}

async function runPipe(raw: RawArgs, session: PromptSession): Promise<void> {
  const { runLine } = await import("./prompt/local-commands.ts");
  const { PipedCommands } = await import("./prompt/piped-commands.ts");
  const stopsAtError = raw.fail === true;
  await untilInterrupted(async (end) => {
    const signal = AbortSignal.any([end, session.options.closed]);
    const runAlone = (words: readonly string[]) => runLine(session, words, signal);
    const piped = new PipedCommands({ session, stopsAtError, runAlone });
    await Promise.race([piped.run(Bun.stdin.stream()), untilAborted(signal)]);
    if (end.aborted) throw new Failure("interrupted");
  });
}

function numberOf(raw: RawArgs, name: string): number {
  const value = Number(raw[name]);
  if (String(raw[name]).trim() !== "" && Number.isFinite(value)) return value;
  throw new ConfigError(`--${name} must be a number, not "${raw[name]}"`);
}
