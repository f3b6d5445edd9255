// What `mscache cli` answers by itself, in the prompt and in a pipe: HELP, QUIT, CONNECT, CLEAR, a
// number before a command. Everything else goes to the server.

import { paletteOf } from "../colors.ts";
import {
  type CommandDoc,
  type CommandDocs,
  docsOfReply,
  ownDocs,
  syntaxText,
} from "./command-docs.ts";
import { kindOf } from "./command-kinds.ts";
import { repeat } from "./once.ts";
import type { PromptSession } from "./prompt-session.ts";
import { bytesText } from "./redis-line.ts";
import { WireError } from "./reply-wire.ts";

/** The commands of the server if it says them, else those of this program. */
export async function docsOf(session: PromptSession): Promise<CommandDocs> {
  if (!session.isConnected) return ownDocs();
  const reply = await session.ask(["COMMAND", "DOCS"]);
  return docsOfReply(reply) ?? ownDocs();
}

/** Runs a line of words. False: it was QUIT. Rejects with a WireError if the server is lost. */
export async function runLine(
  session: PromptSession,
  words: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const { write } = session.options;
  const [first = "", ...rest] = words;
  if (rest.length > 0 && /^[+-]?\d+$/.test(first)) {
    const times = Number(first);
    if (!(times > 0) || !Number.isSafeInteger(times)) {
      await write("Invalid repeat count.\n");
      return true;
    }
    const plan = { times, intervalMs: 0, stopsAtError: false };
    if (kindOf(rest) === "local") return runLine(session, rest, signal);
    await repeat(session, rest, plan, signal);
    return true;
  }
  if (kindOf(words) !== "local") {
    await session.run(words, signal);
    return true;
  }
  return runLocal(session, first.toLowerCase(), rest);
}

async function runLocal(
  session: PromptSession,
  name: string,
  rest: readonly string[],
): Promise<boolean> {
  const { write } = session.options;
  switch (name) {
    case "quit":
    case "exit":
      return false;
    case "clear":
      await write("\x1b[H\x1b[2J");
      return true;
    case "connect":
      await connectTo(session, rest);
      return true;
    case "help":
    case "?":
      await write(await helpOn(session, rest));
      return true;
    default:
      await write(`unknown command of the prompt: ${name}\n`);
      return true;
  }
}

async function connectTo(session: PromptSession, [host = "", port = ""]: readonly string[]) {
  const number = Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new WireError(`"${port}" is no port`);
  }
  const { tls } = session.options.target;
  await session.moveTo({ host, port: number, ...(tls && { tls }) });
}

// --- help ---

const overview = [
  "help @GROUP         the commands of a group",
  "help COMMAND        one command",
  "help <Tab>          everything that there is help on",
  "5 COMMAND           run it five times",
  "connect HOST PORT   another server",
  "clear, quit",
  "",
  "Ctrl-R searches the history, Ctrl-C ends a line or what waits for the server.",
].map((line) => `  ${line}\n`);

async function helpOn(session: PromptSession, words: readonly string[]): Promise<string> {
  if (words.length === 0) return overview.join("");
  const docs = await docsOf(session);
  const topic = words.join(" ").toUpperCase();
  const found = [...docs.values()].filter(({ name, group }) =>
    topic.startsWith("@") ? `@${group.toUpperCase()}` === topic : isAbout(name, topic),
  );
  if (found.length === 0) return `  There is no help on ${words.join(" ")}.\n`;
  const one = found.length === 1 ? found : found.filter(({ name }) => name === topic);
  if (one[0] !== undefined && found.length === one.length) return helpText(one[0]);
  return found.map(briefText).join("");
}

/** A container's help lists its subcommands. */
function isAbout(name: string, topic: string): boolean {
  return name === topic || name.startsWith(`${topic} `);
}

function briefText({ name, args, summary }: CommandDoc): string {
  const { bold, dim } = paletteOf(process.stdout);
  return `  ${bold(name)} ${dim(bytesText(syntaxText(args)))}\n    ${summary}\n`;
}

function helpText({ name, args, summary, since, group }: CommandDoc): string {
  const { bold, dim, yellow } = paletteOf(process.stdout);
  return [
    "",
    `  ${bold(name)} ${dim(bytesText(syntaxText(args)))}`,
    `  ${yellow("summary:")} ${summary}`,
    `  ${yellow("since:")} ${since}`,
    `  ${yellow("group:")} ${group}`,
    "",
    "",
  ].join("\n");
}
