// The commands of replication: REPLICAOF and its old name SLAVEOF, ROLE, and the commands that a
// follower sends on its link, REPLCONF, PSYNC and SYNC. The state machines are in src/replication/.
// Texts are those of redis 7.0 `replication.c`.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { type ErrorReply, errorReply, notAnInteger, syntaxError } from "../../base/errors.ts";
import { treeReportBytesMax } from "../../base/limits.ts";
import { seekersCapability, treeCapability } from "../../base/link.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { Context, ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { readHost } from "../core/names.ts";
import { argumentIs } from "../core/words.ts";
import { flag } from "../terms/flags.ts";
import type { FollowerTraits } from "../terms/session.ts";

const { ADMIN, LOADING, STALE, NO_SCRIPT, FAST, ALLOW_BUSY, NO_MULTI } = flag;
const NO_ASYNC_LOADING = flag.NO_ASYNC_LOADING;

export const replicationCommands = family({ group: "server" }, [
  {
    name: "replicaof",
    arity: 3,
    syntax: "args=(host-port=(host port:integer) | no-one=(NO ONE))",
    flags: ADMIN | NO_SCRIPT | STALE | NO_ASYNC_LOADING,
    since: "5.0.0",
    summary: "Makes the node a follower of another one, or with NO ONE a leader.",
    control: replicaOf,
  },
  {
    name: "slaveof",
    arity: 3,
    syntax: "args=(host-port=(host port:integer) | no-one=(NO ONE))",
    flags: ADMIN | NO_SCRIPT | STALE | NO_ASYNC_LOADING,
    since: "1.0.0",
    summary: "The old name of REPLICAOF.",
    control: replicaOf,
  },
  {
    name: "role",
    arity: 1,
    flags: NO_SCRIPT | LOADING | STALE | FAST,
    categories: ["@admin", "@fast", "@dangerous"],
    since: "2.8.12",
    summary: "Returns the replication role of the node.",
    control: role,
  },
  {
    name: "replconf",
    arity: -1,
    flags: ADMIN | NO_SCRIPT | LOADING | STALE | ALLOW_BUSY,
    since: "3.0.0",
    summary: "Sent by a follower to configure its link; for internal use.",
    handler: replConf,
  },
  {
    name: "psync",
    arity: -3,
    syntax: "replicationid offset:integer",
    flags: ADMIN | NO_SCRIPT | NO_ASYNC_LOADING | NO_MULTI,
    since: "2.8.0",
    summary: "Starts the replication stream; for internal use.",
    control: psync,
  },
  {
    name: "sync",
    arity: 1,
    flags: ADMIN | NO_SCRIPT | NO_ASYNC_LOADING | NO_MULTI,
    since: "1.0.0",
    summary: "Starts the replication stream; for internal use.",
    control: sync,
  },
]);

// ---- roles ------------------------------------------------------------------------------------

const invalidPort = errorReply("Invalid master port");
const failingOver = errorReply("REPLICAOF not allowed while failing over.");
const portMax = 65_535;

function replicaOf(x: ControlContext, request: Request, reply: Reply): void {
  const { roles } = x.control;
  if (roles.isFailingOver) return reply.error(failingOver);
  if (argumentIs(request, 1, "NO") && argumentIs(request, 2, "ONE")) {
    roles.unfollow();
    return reply.ok();
  }
  const port = readInteger(request.buf, request.start[2], request.end[2]);
  if (port === NOT_AN_INTEGER || port < 0 || port > portMax) return reply.error(invalidPort);
  const host = readHost(request, 1);
  if (typeof host !== "string") return reply.error(host);
  if (roles.follow(host, port, x.session.id)) reply.ok();
  else reply.simple("OK Already connected to specified master");
}

function role(x: ControlContext, _request: Request, reply: Reply): void {
  const report = x.control.roles.report();
  if (report.role === "leader") {
    reply.array(3);
    reply.text("master");
    reply.integer(report.offset);
    reply.array(report.followers.length);
    for (const { ip, port, offset } of report.followers) {
      reply.array(3);
      reply.text(ip);
      reply.text(String(port));
      reply.text(String(offset));
    }
    return;
  }
  reply.array(5);
  reply.text("slave");
  reply.text(report.host);
  reply.integer(report.port);
  reply.text(report.state);
  reply.integer(report.offset);
}

// ---- a follower's link ------------------------------------------------------------------------

/**
 * What comes on a link has no reply, because that carries the stream in that direction: ACK, and
 * what a follower of ours tells of its own followers.
 */
function replConf(x: Context, request: Request, reply: Reply): void {
  if (request.argc % 2 === 0) return reply.error(syntaxError);
  const { link, replconf } = x.session;
  if (link !== null && argumentIs(request, 1, treeCapability)) {
    if (request.length(2) <= treeReportBytesMax) link.tellTree?.(request.text(2));
    return;
  }
  let answer = "OK";
  for (let i = 1; i < request.argc; i += 2) {
    const option = request.text(i).toLowerCase();
    if (option === "ack" || option === "fack") {
      const offset = readInteger(request.buf, request.start[i + 1], request.end[i + 1]);
      if (option === "ack" && offset !== NOT_AN_INTEGER) x.session.link?.acknowledge?.(offset);
      if (option === "ack") return;
      continue;
    }
    if (option === "getack") return; // a leader sends it, and only on our own link to it
    const problem = replConfOption(x, option, request, i);
    if (problem !== null) return reply.error(problem);
    if (option === "capa" && replconf.tellsTree) answer = `OK ${treeCapability}`;
  }
  reply.simple(answer);
}

/**
 * Reads what a follower announces before PSYNC. Ignores unknown capabilities, not unknown options.
 */
function replConfOption(
  x: Context,
  option: string,
  request: Request,
  index: number,
): ErrorReply | null {
  const traits = x.session.replconf;
  const value = request.text(index + 1);
  switch (option) {
    case "listening-port": {
      const port = readInteger(request.buf, request.start[index + 1], request.end[index + 1]);
      if (port === NOT_AN_INTEGER) return notAnInteger;
      traits.listeningPort = port;
      return null;
    }
    case "ip-address": {
      const host = value === "" ? "" : readHost(request, index + 1);
      if (typeof host !== "string") return host;
      traits.ipAddress = host;
      return null;
    }
    case "capa":
      if (value.toLowerCase() === "eof") traits.eof = true;
      if (value.toLowerCase() === "psync2") traits.psync2 = true;
      if (value.toLowerCase() === "copy") traits.isCopy = true;
      if (value.toLowerCase() === treeCapability) traits.tellsTree = true;
      if (value.startsWith(seekersCapability)) {
        traits.seekers = value.slice(seekersCapability.length);
      }
      return null;
    case "version":
    case "rdb-only":
      return null;
    case "rdb-filter-only":
      return filterSnapshot(traits, value);
    default:
      return errorReply(`Unrecognized REPLCONF option: ${request.echo(index)}`);
  }
}

/** The list names what it wants; there is one name. */
function filterSnapshot(traits: FollowerTraits, list: string): ErrorReply | null {
  const names = list.split(" ").filter((name) => name !== "");
  const unknown = names.find((name) => name.toLowerCase() !== "functions");
  if (unknown !== undefined) return errorReply(`Unsupported rdb-filter-only option: ${unknown}`);
  traits.contents = names.length === 0 ? "nothing" : "libraries";
  return null;
}

/** SYNC, with which redis-cli requests a snapshot (--rdb) and the stream (--replica). */
function sync(x: ControlContext, _request: Request, _reply: Reply): void {
  const { session, control } = x;
  session.kind = "follower";
  control.clients.takeOver(session, (socket) => control.followers.sync(socket, session));
}

/** The fourth argument is FAILOVER if our leader sends it to hand over to us. */
function psync(x: ControlContext, request: Request, reply: Reply): void {
  const offset = readInteger(request.buf, request.start[2], request.end[2]);
  if (offset === NOT_AN_INTEGER) return reply.error(notAnInteger);
  const replid = request.text(1);
  if (request.argc > 3 && argumentIs(request, 3, "FAILOVER")) {
    const problem = x.control.roles.takeOverFrom(replid);
    if (problem !== null) return reply.error(problem);
  }
  const { session, control } = x;
  session.kind = "follower";
  control.clients.takeOver(session, (socket) =>
    control.followers.psync(socket, session, replid, offset),
  );
}
