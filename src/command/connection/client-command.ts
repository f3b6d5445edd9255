// CLIENT and its subcommands: settings of the connection itself, and administration of other
// connections. Replies and error texts are those of redis 7.0 `networking.c` (clientCommand);
// SETINFO and NO-TOUCH are 7.2's.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { monotonicMs } from "../../base/clock.ts";
import { type ErrorReply, errorReply, syntaxError } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { userNameIn } from "../core/access-control.ts";
import type { Context, ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { readName } from "../core/names.ts";
import type { ClientFilter } from "../core/node.ts";
import { helpRow } from "../core/subcommand-help.ts";
import { flag } from "../terms/flags.ts";
import { fits } from "./client-filter.ts";
import { describe } from "./client-line.ts";
import { clientPauseCommands, clientPauseHelp } from "./client-pause.ts";
import { badName } from "./hello.ts";
import { trackingCommands, trackingHelp } from "./tracking-command.ts";

const { ADMIN, LOADING, STALE, NO_SCRIPT } = flag;
const own = NO_SCRIPT | LOADING | STALE;

const perConnection = "O(N) where N is the number of connections";

const subcommands = family({ group: "connection" }, [
  {
    name: "client|id",
    arity: 2,
    flags: own,
    since: "5.0.0",
    summary: "Returns the ID of this connection.",
    handler: (x, _request, reply) => reply.integer(x.session.id),
  },
  {
    name: "client|setname",
    arity: 3,
    syntax: "connection-name",
    flags: own,
    since: "2.6.9",
    summary: "Sets the name of this connection.",
    handler: setName,
  },
  {
    name: "client|getname",
    arity: 2,
    flags: own,
    since: "2.6.9",
    summary: "Returns the name of this connection.",
    handler: getName,
  },
  {
    name: "client|setinfo",
    arity: 4,
    syntax: "attr=(LIB-NAME libname | LIB-VER libver)",
    flags: own,
    since: "7.2.0",
    summary: "Sets the name or version of the client library.",
    differs: "Of Redis 7.2.",
    handler: setInfo,
  },
  {
    name: "client|reply",
    arity: 3,
    syntax: "on_off_skip=(ON | OFF | SKIP)",
    flags: own,
    since: "3.2.0",
    summary: "Turns the replies to this connection on or off, or skips the next one.",
    handler: replyMode,
  },
  {
    name: "client|no-evict",
    arity: 3,
    syntax: "enabled=(ON | OFF)",
    flags: own | ADMIN,
    since: "7.0.0",
    summary: "Exempts this connection from being closed when clients use too much memory.",
    handler: noEvict,
  },
  {
    name: "client|no-touch",
    arity: 3,
    syntax: "enabled=(ON | OFF)",
    flags: own,
    since: "7.2.0",
    summary: "Controls whether commands of this connection count as uses of the keys.",
    differs: "Of Redis 7.2.",
    handler: noTouch,
  },
  {
    name: "client|info",
    arity: 2,
    flags: own,
    since: "6.2.0",
    complexity: perConnection,
    summary: "Returns information about this connection.",
    control: info,
  },
  {
    name: "client|list",
    arity: -2,
    syntax:
      "[TYPE normal_master_replica_pubsub=(NORMAL | MASTER | REPLICA | PUBSUB)@5.0.0] " +
      "[ID id=(client-id:integer...)@6.2.0]",
    flags: own | ADMIN,
    since: "2.4.0",
    complexity: perConnection,
    summary: "Lists the open connections.",
    differs:
      "There is no flag d, because only EXEC finds out whether a watched key has changed. A queued" +
      " command does not become cmd.",
    control: list,
  },
  {
    name: "client|kill",
    arity: -3,
    syntax:
      "filter=(ip:port!2.8.12 | new-format=([ID client-id:integer@2.8.12] | " +
      "[TYPE normal_master_slave_pubsub=(NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB)" +
      "@2.8.12] | [USER username] | [ADDR ip:port] | [LADDR ip:port@6.2.0] | [SKIPME yes/no])...)",
    flags: own | ADMIN,
    since: "2.4.0",
    complexity: perConnection,
    summary: "Closes connections.",
    control: kill,
  },
  ...clientPauseCommands,
  ...trackingCommands,
  helpRow("client", "connection", "5.0.0", [
    ...clientPauseHelp,
    ...trackingHelp,
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
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
  ]),
]);

export const clientCommands = family({ group: "connection" }, [
  {
    name: "client",
    arity: -2,
    flags: 0,
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    summary: "A container for client connection commands.",
    categories: ["@slow"],
    handler: () => undefined,
    subcommands,
  },
]);

// ---- this connection --------------------------------------------------------------------------

function setName(x: Context, request: Request, reply: Reply): void {
  const name = readName(request, 2, badName);
  if (typeof name !== "string") return reply.error(name);
  x.session.name = name;
  reply.ok();
}

function getName(x: Context, _request: Request, reply: Reply): void {
  if (x.session.name === "") reply.nil();
  else reply.text(x.session.name);
}

function setInfo(x: Context, request: Request, reply: Reply): void {
  const field = request.text(2).toLowerCase();
  if (field !== "lib-name" && field !== "lib-ver") {
    return reply.error(errorReply(`Unrecognized option '${request.echo(2)}'`));
  }
  const unclean = `${request.echo(2)} cannot contain spaces, newlines or special characters.`;
  const value = readName(request, 3, errorReply(unclean));
  if (typeof value !== "string") return reply.error(value);
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
  x.store.countsUses = !on;
  reply.ok();
}

// ---- all connections --------------------------------------------------------------------------

async function info(x: ControlContext, _request: Request, reply: Reply): Promise<void> {
  await answerList(x, { id: x.session.id }, reply);
}

async function list(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const filter = listFilter(request);
  if ("code" in filter) return reply.error(filter);
  await answerList(x, filter, reply);
}

/** One string per line: the lines of all clients together may exceed the longest string. */
async function answerList(x: ControlContext, filter: ClientFilter, reply: Reply): Promise<void> {
  const { clients, waits, shutdown } = x.control;
  const reports = await clients.list(filter);
  const waiting = new Set([...waits.waiting, ...shutdown.waiting]);
  const now = monotonicMs();
  const { tracking } = x;
  reply.verbatim(reports.map((report) => describe(report, waiting, tracking, now)));
}

function listFilter(request: Request): ClientFilter | ErrorReply {
  if (request.argc === 2) return {};
  const option = request.text(2).toLowerCase();
  if (option === "type" && request.argc === 4) return kindFilter(request.echo(3));
  if (option !== "id" || request.argc < 4) return syntaxError;
  const ids = new Set<number>();
  for (let i = 3; i < request.argc; i++) {
    const id = readInteger(request.buf, request.start[i], request.end[i]);
    if (id === NOT_AN_INTEGER) return errorReply("Invalid client ID");
    ids.add(id);
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

/** The old form takes an address and replies OK; the new one takes filters and replies a count. */
async function kill(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  if (request.argc === 3) {
    const count = await end(x, { address: request.text(2) });
    return count === 0 ? reply.error(noSuchClient) : reply.ok();
  }
  const filter = killFilter(x, request);
  if ("code" in filter) return reply.error(filter);
  reply.integer(await end(x, filter));
}

async function end({ control, session }: ControlContext, filter: ClientFilter): Promise<number> {
  const count = await control.clients.kill(filter);
  // The session may be a copy: later commands of the transaction get no reply.
  if (fits(filter, session)) session.closing = true;
  await control.waits.releaseGone();
  return count;
}

function killFilter(x: ControlContext, request: Request): ClientFilter | ErrorReply {
  if (request.argc % 2 !== 0) return syntaxError;
  const filter: ClientFilter = { except: x.session.id };
  for (let i = 2; i < request.argc; i += 2) {
    const problem = killOption(x, filter, request, i);
    if (problem !== null) return problem;
  }
  return filter;
}

function killOption(
  x: ControlContext,
  filter: ClientFilter,
  request: Request,
  index: number,
): ErrorReply | null {
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
      filter.user = userNameIn(request, index + 1);
      if (x.control.users.get(filter.user) === undefined) return noSuchUser(value);
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

function noSuchUser(name: string): ErrorReply {
  return errorReply(`No such user '${name}'`);
}

function skipMe(filter: ClientFilter, word: string): ErrorReply | null {
  if (word !== "yes" && word !== "no") return syntaxError;
  if (word === "no") delete filter.except;
  return null;
}
