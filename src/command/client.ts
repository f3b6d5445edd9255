// CLIENT and its subcommands: what a connection says of itself, and what an operator asks about others.
// Replies and error texts are those of redis 7.0 `networking.c` (clientCommand); SETINFO and NO-TOUCH
// are 7.2's.

import { type ErrorReply, errorReply, syntaxError } from "../errors.ts";
import { NOT_AN_INTEGER, readInteger } from "../protocol/ascii.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Request } from "../protocol/request.ts";
import { clientPauseCommands, clientPauseHelp } from "./client-pause.ts";
import { type CommandRow, type Context, flag, type Handler } from "./command.ts";
import { badName, isCleanName } from "./connection.ts";
import { helpRow } from "./help.ts";
import type { ClientFilter, ClientReport } from "./node.ts";
import type { Session } from "./session.ts";

const { ADMIN, LOADING, STALE, NO_SCRIPT, CONTROL } = flag;
const own = NO_SCRIPT | LOADING | STALE;

function row(
  name: string,
  arity: number,
  flags: number,
  since: string,
  summary: string,
  handler: Handler,
): CommandRow {
  const complexity = (flags & CONTROL) !== 0 ? "O(N) with N the number of connections" : "O(1)";
  const keys = [0, 0, 0] as const;
  return { name, arity, flags, keys, group: "connection", since, complexity, summary, handler };
}

const subcommands: readonly CommandRow[] = [
  row("client|id", 2, own, "5.0.0", "Return the ID of this connection", (x, _request, reply) =>
    reply.integer(x.session.id),
  ),
  row("client|setname", 3, own, "2.6.9", "Set the name of this connection", setName),
  row("client|getname", 2, own, "2.6.9", "Return the name of this connection", getName),
  row("client|setinfo", 4, own, "7.2.0", "Set the library's name or version", setInfo),
  row("client|reply", 3, own, "3.2.0", "Turn replies on or off, or skip the next", replyMode),
  row("client|no-evict", 3, own | ADMIN, "7.0.0", "Accepted; clients are never evicted", noEvict),
  row("client|no-touch", 3, own, "7.2.0", "Accepted; see the server's README", noTouch),
  row("client|info", 2, own | CONTROL, "6.2.0", "Return facts about this connection", info),
  row("client|list", -2, own | ADMIN | CONTROL, "2.4.0", "List the open connections", list),
  row("client|kill", -3, own | ADMIN | CONTROL, "2.4.0", "End connections", kill),
  ...clientPauseCommands,
  helpRow("client", "connection", "5.0.0", [
    ...clientPauseHelp,
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections by ID, ADDR, LADDR, TYPE, USER; SKIPME (YES|NO).",
    "LIST [TYPE <type> | ID <id> [<id> ...]]",
    "    Return information about client connections.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETINFO <LIB-NAME|LIB-VER> <value>",
    "    Set the name or version of the client library.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "NO-EVICT (ON|OFF), NO-TOUCH (ON|OFF)",
    "    Accepted.",
  ]),
];

export const clientCommands: readonly CommandRow[] = [
  {
    ...row("client", -2, 0, "2.4.0", "A container for client connection commands", () => undefined),
    complexity: "Depends on subcommand.",
    categories: ["@slow"],
    subcommands,
  },
];

// ---- this connection --------------------------------------------------------------------------

function setName(x: Context, request: Request, reply: Reply): void {
  const name = request.text(2);
  if (!isCleanName(name)) return reply.error(badName);
  x.session.name = name;
  reply.ok();
}

function getName(x: Context, _request: Request, reply: Reply): void {
  if (x.session.name === "") reply.nil();
  else reply.text(x.session.name);
}

function setInfo(x: Context, request: Request, reply: Reply): void {
  const field = request.text(2).toLowerCase();
  const value = request.text(3);
  if (field !== "lib-name" && field !== "lib-ver") {
    return reply.error(errorReply(`Unrecognized option '${request.echo(2)}'`));
  }
  if (!isCleanName(value)) {
    const text = `${field} cannot contain spaces, newlines or special characters.`;
    return reply.error(errorReply(text));
  }
  if (field === "lib-name") x.session.libraryName = value;
  else x.session.libraryVersion = value;
  reply.ok();
}

function replyMode(x: Context, request: Request, reply: Reply): void {
  const { session } = x;
  const mode = request.text(2).toLowerCase();
  if (mode === "on") {
    session.replyMode = "on";
    reply.ok();
  } else if (mode === "off") session.replyMode = "off";
  else if (mode === "skip") {
    if (session.replyMode !== "off") session.replyMode = "skip-next";
  } else reply.error(syntaxError);
}

/** ON or OFF at `index`, or null. */
function readSwitch(request: Request, index: number): boolean | null {
  const word = request.text(index).toLowerCase();
  return word === "on" ? true : word === "off" ? false : null;
}

function noEvict(x: Context, request: Request, reply: Reply): void {
  const on = readSwitch(request, 2);
  if (on === null) return reply.error(syntaxError);
  x.session.noEvict = on;
  reply.ok();
}

function noTouch(x: Context, request: Request, reply: Reply): void {
  const on = readSwitch(request, 2);
  if (on === null) return reply.error(syntaxError);
  x.session.noTouch = on;
  reply.ok();
}

// ---- all connections --------------------------------------------------------------------------

async function info(x: Context, _request: Request, reply: Reply): Promise<void> {
  const reports = await x.node.clients({ id: x.session.id });
  reply.verbatim(reports.map((report) => describe(report, x.now)).join(""));
}

async function list(x: Context, request: Request, reply: Reply): Promise<void> {
  const filter = listFilter(request);
  if ("code" in filter) return reply.error(filter);
  const reports = await x.node.clients(filter);
  reply.verbatim(reports.map((report) => describe(report, x.now)).join(""));
}

function listFilter(request: Request): ClientFilter | ErrorReply {
  if (request.argc === 2) return {};
  const option = request.text(2).toLowerCase();
  if (option === "type" && request.argc === 4) return kindFilter(request.echo(3));
  if (option !== "id" || request.argc < 4) return syntaxError;
  const ids: number[] = [];
  for (let i = 3; i < request.argc; i++) {
    const id = readInteger(request.buf, request.start[i], request.end[i]);
    if (id === NOT_AN_INTEGER) return errorReply("Invalid client ID");
    ids.push(id);
  }
  return { ids };
}

function kindFilter(word: string): ClientFilter | ErrorReply {
  const kind = word.toLowerCase();
  switch (kind) {
    case "normal":
    case "pubsub":
    case "replica":
    case "master":
      return { kind };
    case "slave":
      return { kind: "replica" };
    default:
      return errorReply(`Unknown client type '${word}'`);
  }
}

const noSuchClient = errorReply("No such client");

/** The old form names an address and answers OK; the new one takes filters and answers a number. */
async function kill(x: Context, request: Request, reply: Reply): Promise<void> {
  if (request.argc === 3) {
    const count = await x.node.killClients({ address: request.text(2) });
    return count === 0 ? reply.error(noSuchClient) : reply.ok();
  }
  const filter = killFilter(x, request);
  if ("code" in filter) return reply.error(filter);
  reply.integer(await x.node.killClients(filter));
}

function killFilter(x: Context, request: Request): ClientFilter | ErrorReply {
  if (request.argc % 2 !== 0) return syntaxError;
  const filter: ClientFilter = { except: x.session.id };
  for (let i = 2; i < request.argc; i += 2) {
    const problem = killOption(filter, request, i);
    if (problem !== null) return problem;
  }
  return filter;
}

function killOption(filter: ClientFilter, request: Request, index: number): ErrorReply | null {
  const value = request.echo(index + 1);
  switch (request.text(index).toLowerCase()) {
    case "id": {
      const id = readInteger(request.buf, request.start[index + 1], request.end[index + 1]);
      if (id === NOT_AN_INTEGER || id < 1) return errorReply("client-id should be greater than 0");
      filter.id = id;
      return null;
    }
    case "addr":
      filter.address = value;
      return null;
    case "laddr":
      filter.localAddress = value;
      return null;
    case "user":
      if (value !== "default") return errorReply(`No such user '${value}'`);
      filter.user = value;
      return null;
    case "type": {
      const kind = kindFilter(value);
      if ("code" in kind) return kind;
      Object.assign(filter, kind);
      return null;
    }
    case "skipme":
      return skipMe(filter, value.toLowerCase());
    default:
      return syntaxError;
  }
}

function skipMe(filter: ClientFilter, word: string): ErrorReply | null {
  if (word !== "yes" && word !== "no") return syntaxError;
  if (word === "no") delete filter.except;
  return null;
}

const kindLetters = { normal: "", follower: "S", join: "S", leader: "M" } as const;

function lettersOf({ kind, channels, patterns, transaction }: Session): string {
  const subscriber = channels + patterns > 0 ? "P" : "";
  return `${kindLetters[kind]}${subscriber}${transaction === null ? "" : "x"}` || "N";
}

/** One line of CLIENT LIST, in Redis's format. */
function describe(report: ClientReport, now: number): string {
  const { session, pendingInputBytes, pendingOutputBytes } = report;
  const seconds = (since: number) => Math.max(0, Math.floor((now - since) / 1000));
  const fields: [string, string | number][] = [
    ["id", session.id],
    ["addr", session.address],
    ["laddr", session.localAddress],
    ["fd", -1],
    ["name", session.name],
    ["age", seconds(session.createdAtMs)],
    ["idle", seconds(session.lastActiveMs)],
    ["flags", lettersOf(session)],
    ["db", 0],
    ["sub", session.channels],
    ["psub", session.patterns],
    ["ssub", 0],
    ["multi", session.transaction?.requests.length ?? -1],
    ["qbuf", pendingInputBytes],
    ["qbuf-free", 0],
    ["argv-mem", 0],
    ["multi-mem", session.transaction?.bytes ?? 0],
    ["obl", 0],
    ["oll", 0],
    ["omem", pendingOutputBytes],
    ["tot-mem", pendingInputBytes + pendingOutputBytes],
    ["events", "r"],
    ["cmd", session.lastCommand],
    ["user", session.user],
    ["redir", -1],
    ["resp", session.protocol],
    ["lib-name", session.libraryName],
    ["lib-ver", session.libraryVersion],
  ];
  return `${fields.map(([name, value]) => `${name}=${value}`).join(" ")}\n`;
}
