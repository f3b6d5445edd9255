// Commands of the connection itself: PING ECHO HELLO AUTH SELECT QUIT RESET.
// Replies and error texts are those of redis 7.0 `networking.c` and `acl.c`.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { ErrorReply, errorReply, noProto, syntaxError, wrongPass } from "../../base/errors.ts";
import { redisVersion } from "../../base/version.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { userNameIn } from "../core/access-control.ts";
import type { ChannelContext, Context } from "../core/context.ts";
import { readDatabase } from "../core/database-number.ts";
import { family } from "../core/family.ts";
import { readName } from "../core/names.ts";
import { argumentIs } from "../core/words.ts";
import { end } from "../run/transaction-queue.ts";
import { stopMonitoring } from "../server/monitor-command.ts";
import { flag } from "../terms/flags.ts";
import type { Session } from "../terms/session.ts";
import { stopTracking } from "./tracking-command.ts";

const { FAST, LOADING, STALE, NO_AUTH, NO_SCRIPT, ALLOW_BUSY } = flag;
const { SUBSCRIBER, UNQUEUED, OTHER_DATABASE } = flag;

export const connectionCommands = family({ group: "connection" }, [
  {
    name: "ping",
    arity: -1,
    syntax: "[message]",
    flags: FAST | SUBSCRIBER,
    since: "1.0.0",
    summary: "Checks that the server responds.",
    handler: ping,
  },
  {
    name: "echo",
    arity: 2,
    syntax: "message",
    flags: LOADING | STALE | FAST,
    since: "1.0.0",
    summary: "Returns its argument.",
    handler: (_x, request, reply) => reply.bulk(request.buf, request.start[1], request.end[1]),
  },
  {
    name: "hello",
    arity: -1,
    syntax:
      "[arguments=(protover:integer [AUTH username_password=(username password)] " +
      "[SETNAME clientname])]",
    flags: NO_SCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY,
    since: "6.0.0",
    summary: "Negotiates the protocol version and optionally logs in.",
    hides: hidesLogin,
    handler: hello,
  },
  {
    name: "auth",
    arity: -2,
    syntax: "[username@6.0.0] password",
    flags: NO_SCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY,
    since: "1.0.0",
    summary: "Logs in with a password.",
    differs: "A thousand wrong passwords in a row end the connection.",
    hides: (_request, index, name) => index > name,
    handler: auth,
  },
  {
    name: "select",
    arity: 2,
    syntax: "index:integer",
    flags: LOADING | STALE | FAST | OTHER_DATABASE,
    since: "1.0.0",
    summary: "Selects a database by its number, for the commands that follow.",
    handler: select,
  },
  {
    name: "quit",
    arity: -1,
    flags: NO_SCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY | SUBSCRIBER | UNQUEUED,
    since: "1.0.0",
    summary: "Closes the connection.",
    handler: (x, _request, reply) => {
      reply.ok();
      x.session.closing = true;
    },
  },
  {
    name: "reset",
    arity: 1,
    flags: NO_SCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY | SUBSCRIBER | UNQUEUED,
    since: "6.2.0",
    summary: "Resets the state of the connection.",
    global: reset,
  },
]);

const pingArity = errorReply("wrong number of arguments for 'ping' command");

function ping({ session }: Context, request: Request, reply: Reply): void {
  if (request.argc > 2) reply.error(pingArity);
  else if (session.protocol === 2 && session.subscriptions > 0) pong(request, reply);
  else if (request.argc === 2) reply.bulk(request.buf, request.start[1], request.end[1]);
  else reply.simple("PONG");
}

/**
 * A RESP2 subscriber gets the reply in the shape of a message, as it may arrive between messages.
 */
function pong(request: Request, reply: Reply): void {
  reply.array(2);
  reply.text("pong");
  if (request.argc === 1) reply.text("");
  else reply.bulk(request.buf, request.start[1], request.end[1]);
}

function select(x: Context, request: Request, reply: Reply): void {
  const database = readDatabase(x, request, 1);
  if (database instanceof ErrorReply) return reply.error(database);
  x.session.database = database;
  x.keyspace.select(database);
  reply.ok();
}

function reset(x: ChannelContext, _request: Request, reply: Reply): void {
  const { session, channels, store, keyspace } = x;
  session.name = "";
  session.protocol = 2;
  session.database = 0;
  keyspace.select(0);
  // A SKIP just before takes the reply to RESET as well; OFF does not.
  if (session.replyMode !== "skip-this") session.replyMode = "on";
  session.noEvict = false;
  session.noTouch = false;
  store.countsUses = true;
  x.standing.access.reset(session);
  end(session);
  stopTracking(x);
  stopMonitoring(x);
  if (session.subscriptions > 0) channels.forget(session.id);
  session.channels = 0;
  session.patterns = 0;
  session.shardChannels = 0;
  session.subscriptionBytes = 0;
  reply.switchProtocol(2);
  reply.simple("RESET");
}

// ---- login ------------------------------------------------------------------------------------

const noPasswordSet = errorReply(
  "AUTH <password> called without any password configured for the default user. " +
    "Are you sure your configuration is correct?",
);

function auth(x: Context, request: Request, reply: Reply): void {
  if (request.argc > 3) return reply.error(syntaxError);
  const { isDefaultOpen } = x.standing.access;
  if (request.argc === 2 && isDefaultOpen) return reply.error(noPasswordSet);
  const user = request.argc === 3 ? userNameIn(request, 1) : "default";
  if (!login(x, user, request, request.argc - 1)) return reply.error(wrongPass);
  reply.ok();
}

function login(x: Context, user: string, request: Request, password: number): boolean {
  return x.standing.access.login(x.session, user, request, password, x.now);
}

// ---- HELLO ------------------------------------------------------------------------------------

const notANumber = errorReply("Protocol version is not an integer or out of range");
const helloNoAuth = new ErrorReply(
  "NOAUTH",
  "HELLO must be called with the client already authenticated, otherwise the HELLO AUTH " +
    "<user> <pass> option can be used to authenticate the client and select the RESP protocol " +
    "version at the same time",
);
export const badName = errorReply(
  "Client names cannot contain spaces, newlines or special characters.",
);

function hello(x: Context, request: Request, reply: Reply): void {
  const { session } = x;
  let version: number = session.protocol;
  if (request.argc > 1) {
    version = readInteger(request.buf, request.start[1], request.end[1]);
    if (version === NOT_AN_INTEGER) return reply.error(notANumber);
    if (version !== 2 && version !== 3) return reply.error(noProto);
  }
  const problem = helloOptions(x, request);
  if (problem !== null) return reply.error(problem);
  if (!session.authenticated) return reply.error(helloNoAuth);
  if (request.argc > 1) changeProtocol(session, version === 3 ? 3 : 2, reply);
  helloReply(x, reply);
}

/**
 * The user and the password after AUTH, wherever it stands: one that is a name or stands in the
 * place of the version may have been meant so.
 */
function hidesLogin(request: Request, index: number, name: number): boolean {
  if (index - 1 > name && argumentIs(request, index - 1, "AUTH")) return true;
  return index - 2 > name && argumentIs(request, index - 2, "AUTH");
}

/** Applies AUTH and SETNAME of HELLO in order. Those before a mistake remain in effect. */
function helloOptions(x: Context, request: Request): ErrorReply | null {
  for (let i = 2; i < request.argc; i++) {
    const option = request.text(i).toLowerCase();
    const left = request.argc - 1 - i;
    if (option === "auth" && left >= 2) {
      if (!login(x, userNameIn(request, i + 1), request, i + 2)) return wrongPass;
      i += 2;
    } else if (option === "setname" && left >= 1) {
      const name = readName(request, ++i, badName);
      if (typeof name !== "string") return name;
      x.session.name = name;
    } else {
      return errorReply(`Syntax error in HELLO option '${request.echo(i)}'`);
    }
  }
  return null;
}

/** The reply to HELLO is already in the new protocol. */
function changeProtocol(session: Session, protocol: 2 | 3, reply: Reply): void {
  session.protocol = protocol;
  reply.switchProtocol(protocol);
}

function helloReply(x: Context, reply: Reply): void {
  reply.map(7);
  reply.text("server");
  reply.text("redis");
  reply.text("version");
  reply.text(redisVersion);
  reply.text("proto");
  reply.integer(x.session.protocol);
  reply.text("id");
  reply.integer(x.session.id);
  reply.text("mode");
  reply.text("standalone");
  reply.text("role");
  reply.text(x.standing.isFollower ? "replica" : "master");
  reply.text("modules");
  reply.array(0);
}
