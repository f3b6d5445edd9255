// Publish and subscribe: SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE, their opposites, PUBLISH, SPUBLISH and
// PUBSUB.
// Replies and error texts are those of redis 7.0 `pubsub.c`. channels.ts keeps the subscriptions. A
// leader records PUBLISH as an effect, so that subscribers of its followers get the message too. On
// a follower PUBLISH is allowed, and its message goes only to the subscribers of that node.

import { errorReply, patternTooComplex } from "../../base/errors.ts";
import { compileGlob } from "../../base/glob.ts";
import { subscriptionBytesMax, subscriptionsMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ChannelContext, Context } from "../core/context.ts";
import { family } from "../core/family.ts";
import { helpRow, wrongSubcommand } from "../core/subcommand-help.ts";
import type { Topics } from "../messages/topics.ts";
import { flag } from "../terms/flags.ts";
import { notAKey } from "../terms/key-use.ts";

const { PUBSUB, NO_SCRIPT, LOADING, STALE, FAST, SUBSCRIBER, PUSHES, MAY_REPLICATE } = flag;
const subscribing = PUBSUB | NO_SCRIPT | LOADING | STALE | SUBSCRIBER | PUSHES;
const asking = PUBSUB | LOADING | STALE;

const perName = "O(N) where N is the number of names";

const subcommands = family({ group: "pubsub", since: "2.8.0", flags: asking }, [
  {
    name: "pubsub|channels",
    arity: -2,
    syntax: "[pattern]",
    complexity: "O(N) where N is the number of channels",
    summary: "Lists the channels that have subscribers.",
    global: (x, request, reply) => list(x, request, reply, "channels"),
  },
  {
    name: "pubsub|numsub",
    arity: -2,
    syntax: "[channel...]",
    complexity: perName,
    summary: "Returns the number of subscribers of each given channel.",
    global: (x, request, reply) => numSub(x, request, reply, "channels"),
  },
  {
    name: "pubsub|numpat",
    arity: 2,
    summary: "Returns the number of distinct patterns with subscribers.",
    global: numPat,
  },
  {
    name: "pubsub|shardchannels",
    arity: -2,
    syntax: "[pattern]",
    since: "7.0.0",
    complexity: "O(N) where N is the number of shard channels",
    summary: "Lists the shard channels that have subscribers.",
    global: (x, request, reply) => list(x, request, reply, "shardChannels"),
  },
  {
    name: "pubsub|shardnumsub",
    arity: -2,
    syntax: "[shardchannel...]",
    since: "7.0.0",
    complexity: perName,
    summary: "Returns the number of subscribers of each given shard channel.",
    global: (x, request, reply) => numSub(x, request, reply, "shardChannels"),
  },
  helpRow("pubsub", "pubsub", "6.2.0", [
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
  ]),
]);

export const pubSubCommands = family({ group: "pubsub", since: "2.0.0", complexity: perName }, [
  {
    name: "subscribe",
    arity: -2,
    syntax: "channel...",
    flags: subscribing,
    channels: { last: -1 },
    summary: "Subscribes to channels.",
    global: (x, request, reply) => subscribe(x, request, reply, "channels", "subscribe"),
  },
  {
    name: "unsubscribe",
    arity: -1,
    syntax: "[channel...]",
    flags: subscribing,
    summary: "Unsubscribes from channels.",
    global: (x, request, reply) => unsubscribe(x, request, reply, "channels", "unsubscribe"),
  },
  {
    name: "psubscribe",
    arity: -2,
    syntax: "pattern=(pattern)...",
    flags: subscribing,
    channels: { last: -1, arePatterns: true },
    summary: "Subscribes to all channels that match a pattern.",
    global: (x, request, reply) => subscribe(x, request, reply, "patterns", "psubscribe"),
  },
  {
    name: "punsubscribe",
    arity: -1,
    syntax: "[pattern...]",
    flags: subscribing,
    summary: "Unsubscribes from patterns.",
    global: (x, request, reply) => unsubscribe(x, request, reply, "patterns", "punsubscribe"),
  },
  {
    name: "publish",
    arity: 3,
    syntax: "channel message",
    flags: asking | FAST | MAY_REPLICATE,
    everyDatabase: true,
    complexity:
      "O(N+M) where N is the number of subscribers of the channel and M the number of patterns",
    channels: { last: 1 },
    summary: "Publishes a message to a channel.",
    global: publish,
  },
  {
    name: "ssubscribe",
    arity: -2,
    syntax: "shardchannel...",
    flags: subscribing,
    keys: [1, -1, 1],
    keyUse: notAKey,
    since: "7.0.0",
    channels: { last: -1 },
    summary: "Subscribes to shard channels.",
    global: subscribeToShards,
  },
  {
    name: "sunsubscribe",
    arity: -1,
    syntax: "[shardchannel...]",
    flags: subscribing,
    keys: [1, -1, 1],
    keyUse: notAKey,
    since: "7.0.0",
    summary: "Unsubscribes from shard channels.",
    global: (x, request, reply) => unsubscribe(x, request, reply, "shardChannels", "sunsubscribe"),
  },
  {
    name: "spublish",
    arity: 3,
    syntax: "shardchannel message",
    flags: asking | FAST | MAY_REPLICATE,
    keys: [1, 1, 1],
    keyUse: notAKey,
    since: "7.0.0",
    everyDatabase: true,
    complexity: "O(N) where N is the number of subscribers of the shard channel",
    channels: { last: 1 },
    summary: "Publishes a message to a shard channel.",
    global: publishToShard,
  },
  {
    name: "pubsub",
    arity: -2,
    flags: 0,
    since: "2.8.0",
    complexity: "Depends on subcommand.",
    summary: "A container for publish and subscribe commands.",
    categories: ["@slow"],
    handler: () => undefined,
    subcommands,
  },
]);

// ---- subscribing --------------------------------------------------------------------------------

type Kind = "channels" | "patterns" | "shardChannels";

const notInTransaction = errorReply("SSUBSCRIBE isn't allowed for a DENY BLOCKING client");

/** Redis refuses it in a transaction, and only this one. */
function subscribeToShards(x: ChannelContext, request: Request, reply: Reply): void {
  if (x.session.isExecuting) reply.error(notInTransaction);
  else subscribe(x, request, reply, "shardChannels", "ssubscribe");
}

const tooMany = errorReply("too many subscriptions on this connection, or too long names");

function subscribe(
  x: ChannelContext,
  request: Request,
  reply: Reply,
  kind: Kind,
  word: string,
): void {
  const { session, channels } = x;
  const topics = channels[kind];
  channels.catchUp();
  for (let i = 1; i < request.argc; i++) {
    if (request.length(i) > subscriptionBytesMax) return reply.error(tooMany);
    const name = request.bytes(i);
    if (kind === "patterns" && compileGlob(name, 0, name.length) === null) {
      return reply.error(patternTooComplex);
    }
    const isNew = topics.get(name)?.subscribers.has(session.id) !== true;
    if (isNew && !hasRoom(x, name.length)) return reply.error(tooMany);
    topics.add(session.id, name);
    channels.update(session);
    confirm(x, reply, kind, word, name);
  }
}

function hasRoom({ session, channels }: ChannelContext, bytes: number): boolean {
  const held = channels.bytesOf(session.id);
  return session.subscriptions < subscriptionsMax && held + bytes <= subscriptionBytesMax;
}

/** Without names it applies to all subscriptions. It always sends at least one confirmation. */
function unsubscribe(
  x: ChannelContext,
  request: Request,
  reply: Reply,
  kind: Kind,
  word: string,
): void {
  const { session, channels } = x;
  const topics = channels[kind];
  const names = namesIn(request, topics, session.id);
  for (const name of names) {
    topics.remove(session.id, name);
    channels.update(session);
    confirm(x, reply, kind, word, name);
  }
  if (names.length === 0) confirm(x, reply, kind, word, null);
}

function namesIn(request: Request, topics: Topics, id: number): Uint8Array[] {
  if (request.argc === 1) return topics.of(id);
  return Array.from({ length: request.argc - 1 }, (_, index) => request.bytes(index + 1));
}

/** Shard channels are counted apart from the others. */
function confirm(
  { session }: Context,
  reply: Reply,
  kind: Kind,
  word: string,
  name: Uint8Array | null,
): void {
  const { shardChannels, subscriptions } = session;
  reply.push(3);
  reply.text(word);
  if (name === null) reply.nil();
  else reply.bulk(name, 0, name.length);
  reply.integer(kind === "shardChannels" ? shardChannels : subscriptions - shardChannels);
}

// ---- publishing ---------------------------------------------------------------------------------

function publish(x: ChannelContext, request: Request, reply: Reply): void {
  const { buf, start, end } = request;
  const channel = buf.subarray(start[1], end[1]);
  const count = x.channels.publishInOrder(channel, buf.subarray(start[2], end[2]));
  x.effects.publish(buf, start[1], end[1], buf, start[2], end[2]);
  reply.integer(count);
}

function publishToShard(x: ChannelContext, request: Request, reply: Reply): void {
  const { buf, start, end } = request;
  const channel = buf.subarray(start[1], end[1]);
  const count = x.channels.publishToShard(channel, buf.subarray(start[2], end[2]));
  x.effects.publishToShard(buf, start[1], end[1], buf, start[2], end[2]);
  reply.integer(count);
}

// ---- PUBSUB -------------------------------------------------------------------------------------

type Named = "channels" | "shardChannels";

function list(x: ChannelContext, request: Request, reply: Reply, kind: Named): void {
  if (request.argc > 3) return reply.error(wrongSubcommand("PUBSUB", request));
  const { buf, start, end, argc } = request;
  const pattern = argc === 2 ? undefined : compileGlob(buf, start[2], end[2]);
  if (pattern === null) return reply.error(patternTooComplex);
  const names = [...x.channels[kind].all()].map(({ bytes }) => bytes);
  const found = names.filter((name) => pattern?.matches(name, 0, name.length) ?? true);
  reply.array(found.length);
  for (const name of found) reply.bulk(name, 0, name.length);
}

/** A flat array of names and numbers, in RESP3 as well. */
function numSub(x: ChannelContext, request: Request, reply: Reply, kind: Named): void {
  reply.array((request.argc - 2) * 2);
  for (let i = 2; i < request.argc; i++) {
    const name = request.bytes(i);
    reply.bulk(name, 0, name.length);
    reply.integer(x.channels[kind].get(name)?.subscribers.size ?? 0);
  }
}

function numPat(x: ChannelContext, _request: Request, reply: Reply): void {
  reply.integer(x.channels.patterns.size);
}
