// CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO. Replies and error texts are those of redis
// 7.0 `networking.c` and `tracking.c`. tracking.ts does the work, in the control thread; the
// session keeps what the thread of the connection must know.

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { latin1, latin1Bytes } from "../../base/bytes.ts";
import { ErrorReply, errorReply, notAnInteger, syntaxError } from "../../base/errors.ts";
import { prefixBytesMax, prefixesMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ChannelContext, Context, ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { flag } from "../terms/flags.ts";
import { type Session, tracks } from "../terms/session.ts";

const { ON, BCAST, OPTIN, OPTOUT, NOLOOP, CACHING } = tracks;

// ---- CLIENT TRACKING ----------------------------------------------------------------------------

interface Options {
  bits: number;
  redirect: number;
  readonly prefixes: string[];
  isNumbered: boolean;
  /** Where to go on from: what an earlier connection was told last. */
  from: { readonly runId: string; readonly sequence: number } | null;
}

const oneRedirect = errorReply("A client can only redirect to a single other client");
const noSuchTarget = errorReply("The client ID you want redirect to does not exist");
const prefixNeedsBcast = errorReply("PREFIX option requires BCAST mode to be enabled");
const bcastSwitched = errorReply(
  "You can't switch BCAST mode on/off before disabling tracking for this client, and then " +
    "re-enabling it with a different mode.",
);
const notWithBcast = errorReply("OPTIN and OPTOUT are not compatible with BCAST");
const bothOptions = errorReply("You can't specify both OPTIN mode and OPTOUT mode");
const optionSwitched = errorReply(
  "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then " +
    "re-enabling it with a different mode.",
);
const tooManyPrefixes = errorReply("too many prefixes on this connection, or too long ones");

async function tracking(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  x.tracking.expectRedirect(1);
  try {
    await choose(x, request, reply);
  } finally {
    x.tracking.expectRedirect(-1);
  }
}

async function choose(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  const options = await readOptions(x, request);
  if (options instanceof ErrorReply) return reply.error(options);
  if (argumentIs(request, 2, "ON")) {
    const problem = await turnOn(x, options, reply);
    if (problem !== null) return reply.error(problem);
    if (options.isNumbered) return;
  } else if (argumentIs(request, 2, "OFF")) turnOff(x);
  else return reply.error(syntaxError);
  reply.ok();
}

async function readOptions(x: ControlContext, request: Request): Promise<Options | ErrorReply> {
  const options: Options = { bits: 0, redirect: 0, prefixes: [], isNumbered: false, from: null };
  for (let i = 3; i < request.argc; i++) {
    const hasMore = i + 1 < request.argc;
    const bit = bitOf(request, i);
    if (bit !== 0) options.bits |= bit;
    else if (hasMore && argumentIs(request, i, "REDIRECT")) {
      const problem = await readRedirect(x, request, ++i, options);
      if (problem !== null) return problem;
    } else if (hasMore && argumentIs(request, i, "PREFIX")) {
      i++;
      if (request.length(i) > prefixBytesMax) return tooManyPrefixes;
      options.prefixes.push(latin1(request.buf, request.start[i], request.end[i]));
    } else if (argumentIs(request, i, "NUMBERED")) options.isNumbered = true;
    else if (i + 2 < request.argc && argumentIs(request, i, "FROM")) {
      const sequence = readInteger(request.buf, request.start[i + 2], request.end[i + 2]);
      if (sequence === NOT_AN_INTEGER) return notAnInteger;
      options.from = { runId: request.text(i + 1), sequence };
      i += 2;
    } else return syntaxError;
  }
  return options;
}

function bitOf(request: Request, index: number): number {
  if (argumentIs(request, index, "BCAST")) return BCAST;
  if (argumentIs(request, index, "OPTIN")) return OPTIN;
  if (argumentIs(request, index, "OPTOUT")) return OPTOUT;
  return argumentIs(request, index, "NOLOOP") ? NOLOOP : 0;
}

async function readRedirect(
  x: ControlContext,
  request: Request,
  index: number,
  options: Options,
): Promise<ErrorReply | null> {
  if (options.redirect !== 0) return oneRedirect;
  const id = readInteger(request.buf, request.start[index], request.end[index]);
  if (id === NOT_AN_INTEGER) return notAnInteger;
  const found = await x.control.clients.list({ id });
  if (found.length === 0) return noSuchTarget;
  options.redirect = id;
  return null;
}

async function turnOn(
  x: ControlContext,
  options: Options,
  reply: Reply,
): Promise<ErrorReply | null> {
  const { session, tracking } = x;
  const { bits, redirect, prefixes, isNumbered } = options;
  const problem =
    optionError(session.tracking, options) ??
    numberError(session, options) ??
    prefixError(x, options);
  if (problem !== null) return problem;
  tracking.catchUp(); // it is not told of what changed before
  const isBroadcast = (bits & BCAST) !== 0;
  const isNoLoop = (bits & NOLOOP) !== 0;
  const enable = () => {
    session.tracking = ON | bits;
    session.redirect = redirect;
    tracking.enable(session.id, { isBroadcast, isNoLoop, redirect, isNumbered }, prefixes);
  };
  const isResumed = await resume(x, options, enable);
  if (!isResumed) enable();
  if (isNumbered) answerNumbered(tracking, options, isResumed, reply);
  return null;
}

const numberedNeedsBcast = errorReply("NUMBERED requires BCAST mode, RESP3 and no REDIRECT");
const fromNeedsNumbered = errorReply("FROM requires NUMBERED, on a connection that does not track");

function numberError(session: Session, options: Options): ErrorReply | null {
  const { bits, redirect, isNumbered, from } = options;
  const isPossible = (bits & BCAST) !== 0 && session.protocol === 3 && redirect === 0;
  if (isNumbered && !isPossible) return numberedNeedsBcast;
  return from !== null && (!isNumbered || session.tracking !== 0) ? fromNeedsNumbered : null;
}

/**
 * Goes on from what an earlier connection was told last: the messages about what it has missed
 * follow the reply. False, and nothing is enabled, if that is not known.
 */
async function resume(
  { session, tracking }: ControlContext,
  { from, prefixes }: Options,
  enable: () => void,
): Promise<boolean> {
  const { past } = tracking;
  if (from === null || from.runId !== past.runId) return false;
  const keys = new Set<string>();
  const visit = (key: string) => {
    if (prefixes.length === 0 || prefixes.some((prefix) => key.startsWith(prefix))) keys.add(key);
  };
  return await past.since(from.sequence, visit, () => {
    enable();
    tracking.resume(session.id, [...keys].sort(), from.sequence);
  });
}

function answerNumbered(
  { past }: ControlContext["tracking"],
  { from }: Options,
  isResumed: boolean,
  reply: Reply,
): void {
  reply.array(3);
  reply.text(past.runId);
  reply.integer(isResumed ? (from?.sequence ?? 0) : past.sequence);
  reply.integer(isResumed ? 1 : 0);
}

function optionError(before: number, { bits, prefixes }: Options): ErrorReply | null {
  if ((bits & BCAST) === 0 && prefixes.length > 0) return prefixNeedsBcast;
  if ((before & ON) !== 0 && ((before ^ bits) & BCAST) !== 0) return bcastSwitched;
  if ((bits & BCAST) !== 0 && (bits & (OPTIN | OPTOUT)) !== 0) return notWithBcast;
  if ((bits & OPTIN) !== 0 && (bits & OPTOUT) !== 0) return bothOptions;
  const isSwitched =
    ((bits & OPTIN) !== 0 && (before & OPTOUT) !== 0) ||
    ((bits & OPTOUT) !== 0 && (before & OPTIN) !== 0);
  return isSwitched ? optionSwitched : null;
}

/** Prefixes of a client must not overlap, or it would be told twice. */
function prefixError(x: ControlContext, { bits, prefixes }: Options): ErrorReply | null {
  if ((bits & BCAST) === 0) return null;
  const known = x.tracking.prefixesOf(x.session.id);
  const all = [...known, ...prefixes];
  const bytes = all.reduce((sum, prefix) => sum + prefix.length, 0);
  if (all.length > prefixesMax || bytes > prefixBytesMax) return tooManyPrefixes;
  for (const [i, prefix] of prefixes.entries()) {
    const old = known.find((other) => overlap(prefix, other));
    if (old !== undefined) return overlapping(prefix, "an existing prefix", old);
    const other = prefixes.slice(i + 1).find((later) => overlap(prefix, later));
    if (other !== undefined) return overlapping(prefix, "another provided prefix", other);
  }
  return null;
}

function overlap(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one);
}

function overlapping(prefix: string, what: string, other: string): ErrorReply {
  const [one, two] = [prefix, other].map((text) => text.replace(/[\r\n]/g, " "));
  return errorReply(
    `Prefix '${one}' overlaps with ${what} '${two}'. Prefixes for a single client must not overlap.`,
  );
}

function turnOff(x: ChannelContext): void {
  x.session.tracking = 0;
  x.session.redirect = 0;
  x.tracking.disable(x.session.id);
}

/** For RESET as well. */
export function stopTracking(x: ChannelContext): void {
  if (x.session.tracking !== 0) turnOff(x);
}

// ---- the others ---------------------------------------------------------------------------------

const notTracking = errorReply(
  "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT " +
    "mode enabled",
);
const notOptin = errorReply(
  "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
);
const notOptout = errorReply(
  "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
);

function caching({ session }: Context, request: Request, reply: Reply): void {
  if (session.tracking === 0) return reply.error(notTracking);
  if (argumentIs(request, 2, "YES")) {
    if ((session.tracking & OPTIN) === 0) return reply.error(notOptin);
  } else if (argumentIs(request, 2, "NO")) {
    if ((session.tracking & OPTOUT) === 0) return reply.error(notOptout);
  } else return reply.error(syntaxError);
  session.tracking |= CACHING;
  reply.ok();
}

/** -1: it does not track keys; 0: its invalidations come to itself. */
export function redirectOf({ tracking, redirect }: Session): number {
  return tracking === 0 ? -1 : redirect;
}

/**
 * The reply comes behind all that this connection is told of earlier changes, as in Redis; a near
 * cache takes it for the proof that it knows of them.
 */
async function trackingInfo(x: ControlContext, _request: Request, reply: Reply): Promise<void> {
  const { session, tracking } = x;
  await tracking.caughtUp();
  const words = wordsOf(session.tracking);
  if (tracking.isBroken(session.id)) words.push("broken_redirect");
  reply.map(3);
  reply.text("flags");
  reply.set(words.length);
  for (const word of words) reply.text(word);
  reply.text("redirect");
  reply.integer(redirectOf(session));
  reply.text("prefixes");
  const prefixes = tracking.prefixesOf(session.id).map(latin1Bytes);
  reply.array(prefixes.length);
  for (const prefix of prefixes) reply.bulk(prefix, 0, prefix.length);
}

function wordsOf(bits: number): string[] {
  const isCaching = (bits & CACHING) !== 0;
  const words = [bits === 0 ? "off" : "on"];
  if ((bits & BCAST) !== 0) words.push("bcast");
  if ((bits & OPTIN) !== 0) words.push("optin", ...(isCaching ? ["caching-yes"] : []));
  if ((bits & OPTOUT) !== 0) words.push("optout", ...(isCaching ? ["caching-no"] : []));
  if ((bits & NOLOOP) !== 0) words.push("noloop");
  return words;
}

// ---- rows ---------------------------------------------------------------------------------------

const flags = flag.NO_SCRIPT | flag.LOADING | flag.STALE;

export const trackingCommands = family({ group: "connection", since: "6.0.0", flags }, [
  {
    name: "client|tracking",
    arity: -3,
    syntax:
      "status=(ON | OFF) [REDIRECT client-id:integer] [PREFIX prefix+...] [BCAST] [OPTIN] " +
      "[OPTOUT] [NOLOOP]",
    differs: "`NUMBERED` and `FROM` are MSCache's own (src/protocol/README.md).",
    complexity: "O(N) where N is the number of prefixes",
    summary: "Controls whether the server tells this connection which keys it must not keep.",
    control: tracking,
  },
  {
    name: "client|caching",
    arity: 3,
    syntax: "mode=(YES | NO)",
    summary: "Says whether the keys of the next command are tracked.",
    handler: caching,
  },
  {
    name: "client|getredir",
    arity: 2,
    summary: "Returns the ID of the client that gets the invalidations of this connection.",
    handler: (x, _request, reply) => reply.integer(redirectOf(x.session)),
  },
  {
    name: "client|trackinginfo",
    arity: 2,
    since: "6.2.0",
    summary: "Returns how this connection tracks keys.",
    control: trackingInfo,
  },
]);

export const trackingHelp: readonly string[] = [
  "CACHING (YES|NO)",
  "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
  "GETREDIR",
  "    Return the client ID we are redirecting to when tracking is enabled.",
  "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
  "         [OPTIN] [OPTOUT] [NOLOOP]",
  "    Control server assisted client side caching.",
  "TRACKINGINFO",
  "    Report tracking status for the current connection.",
];
