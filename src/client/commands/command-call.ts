// Turns the arguments of client.command() into the words of a command, and says where it goes:
// commands that only read to a node that reads, all others to the leader. It refuses what would
// change the state of a connection that all calls of a client share, or hold it up without an end,
// and what is for one node and must not go to another.
// Invariant: what passes can be encoded (see arguments.ts).

import { argumentsMax } from "../../base/limits.ts";
import { type Reply, ReplyError } from "../../protocol/resp/reply-parser.ts";
import { argumentFault, isArgument, wrongKind } from "../arguments.ts";
import { InvalidArgumentError, ServerError } from "../client-errors.ts";
import type { Shape } from "../wire/client-request.ts";
import type { Argument, Command } from "../wire/command-writer.ts";
import { containerNames, readNames } from "./command-table.ts";
import type { CommandReply } from "./command-values.ts";

/** A command that can be sent, and whether a node that only reads will do. */
export interface Call {
  readonly words: Command;
  readonly isRead: boolean;
}

/** The words of the command and its place, or what is wrong. */
export function callOf(name: unknown, args: readonly unknown[]): Call | InvalidArgumentError {
  if (typeof name !== "string" || name === "") return wrongKind("name", "a command's name", name);
  if (args.length >= argumentsMax - 1) {
    return new InvalidArgumentError(`a command has at most ${argumentsMax} arguments`);
  }
  const found = names.get(name) ?? names.get(name.toUpperCase()) ?? parseName(name);
  const words: Argument[] = [...found.words];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (typeof arg === "number" || isArgument(arg)) words.push(arg);
    else if (typeof arg === "bigint") words.push(String(arg));
    else return argumentFault(`argument ${i + 1} of ${found.words.join(" ")}`, arg);
  }
  const whole = found.isContainer ? (names.get(wholeName(words)) ?? found) : found;
  const refusal = whole.refusal ?? (whole.waits === null ? null : endless(words, whole.waits));
  if (refusal === null) return { words, isRead: whole.isRead };
  return new InvalidArgumentError(`${whole.words.join(" ")} ${refusal}`);
}

/** Any reply, with values as strings. */
export const anyReply: Shape<CommandReply> = {
  expected: "a reply",
  asBytes: false,
  read: replyOf,
};

/** Any reply, with values as bytes. */
export const anyBytes: Shape<CommandReply> = { ...anyReply, asBytes: true };

/** The reply without the classes of the parser. */
export function replyOf(reply: Reply): CommandReply {
  if (typeof reply !== "object" || reply === null || reply instanceof Uint8Array) return reply;
  if (Array.isArray(reply)) return reply.map(replyOf);
  if (reply instanceof Map) {
    return new Map([...reply].map(([key, value]) => [replyOf(key), replyOf(value)]));
  }
  if (reply instanceof Set) return new Set([...reply].map(replyOf));
  return reply instanceof ReplyError ? new ServerError(reply.code, reply.text) : null;
}

// --- internal ---

interface Name {
  readonly words: readonly string[];
  readonly isRead: boolean;
  readonly isContainer: boolean;
  /** Why it is not sent, and what to do instead; null: it can be sent. */
  readonly refusal: string | null;
  /** Where it says how long it waits; null: it does not wait. */
  readonly waits: LimitPlace | null;
}

/** The argument that limits a wait: the first, the last, or the one behind BLOCK. */
type LimitPlace = "first" | "last" | "BLOCK";

/** What the shared connection must not be told, and what to do instead. */
const remedies: Readonly<Record<string, string>> = {
  "MULTI EXEC DISCARD WATCH UNWATCH": "use transaction() or watch()",
  "SELECT HELLO AUTH": "give connect() the option",
  "QUIT RESET": "use close()",
  "SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE SSUBSCRIBE SUNSUBSCRIBE": "use subscribe()",
  "MONITOR SYNC PSYNC REPLCONF": "connect to it without this client",
};
const subcommandRemedies: Readonly<Record<string, string>> = {
  "CLIENT REPLY": "every call waits for its reply",
  "CLIENT TRACKING": "what it pushes would reach nobody",
  "CLIENT CACHING": "the connection does not track keys",
};

/** A client of a follower would send them to the leader: nothing may be guessed here. */
const ofOneNode = "REPLICAOF SLAVEOF FAILOVER SHUTDOWN DEBUG";
const ofOneNodeRefusal =
  "is for one node, and this client chooses the node: use redis-cli or another connection to it";

const waiting: Readonly<Record<LimitPlace, string>> = {
  last: "WAIT WAITOFFSET WAITAOF BLPOP BRPOP BRPOPLPUSH BLMOVE BZPOPMIN BZPOPMAX",
  first: "BLMPOP BZMPOP",
  BLOCK: "XREAD XREADGROUP",
};

/** Those of the client's own methods that say something of the node that serves reads. */
const ofTheReader = ["INFO", "PING"];

const names = new Map<string, Name>([
  ...[...readNames, ...ofTheReader].map((name) => entry(name, true, null)),
  ...Object.entries(remedies).flatMap(([list, remedy]) =>
    list.split(" ").map((name) => entry(name, false, changes(remedy))),
  ),
  ...Object.entries(subcommandRemedies).map(([name, remedy]) =>
    entry(name, false, changes(remedy)),
  ),
  ...ofOneNode.split(" ").map((name) => entry(name, false, ofOneNodeRefusal)),
  ...Object.entries(waiting).flatMap(([place, list]) =>
    list.split(" ").map((name) => entry(name, false, null, place as LimitPlace)),
  ),
  ...containerNames.map((name) => entry(name, false, null)),
]);

function entry(
  name: string,
  isRead: boolean,
  refusal: string | null,
  waits: LimitPlace | null = null,
): [string, Name] {
  const isContainer = containerNames.includes(name);
  return [name, { words: name.split(" "), isRead, isContainer, refusal, waits }];
}

function changes(remedy: string): string {
  return `would change a connection that all calls share: ${remedy}`;
}

/** Why a command that waits is not sent; null: it says for how long, or does not wait. */
function endless(words: Command, place: LimitPlace): string | null {
  let at = place === "first" ? 1 : words.length - 1;
  if (place === "BLOCK") {
    const options = words.map((word) => textOf(word).toUpperCase());
    at = options.indexOf("BLOCK") + 1;
    const keysAt = options.indexOf("STREAMS");
    if (at === 0 || (keysAt !== -1 && keysAt < at)) return null;
  }
  const limit = textOf(words[at] ?? "").trim();
  if (limit === "" || Number(limit) !== 0) return null;
  return "without a time limit could hold up all later calls of the client: give it a limit";
}

function textOf(word: Argument): string {
  return word instanceof Uint8Array ? Buffer.from(word).toString("latin1") : String(word);
}

/** A name that is not among the names. Its first word may be: of a container, or with arguments. */
function parseName(name: string): Name {
  const words = name.split(" ").filter((word) => word !== "");
  const known = names.get(words[0]?.toUpperCase() ?? "");
  return { isRead: false, isContainer: false, refusal: null, waits: null, ...known, words };
}

function wholeName([first, second]: Command): string {
  return `${first} ${second instanceof Uint8Array ? "" : second}`.toUpperCase();
}
