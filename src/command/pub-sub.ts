// Publish and subscribe: SUBSCRIBE, UNSUBSCRIBE, PSUBSCRIBE, PUNSUBSCRIBE, PUBLISH and PUBSUB. Replies and
// error texts are those of redis 7.0 `pubsub.c`. Who has subscribed to what is kept by channels.ts.
// PUBLISH is allowed on a follower: its message then goes to the subscribers of that node only. A leader
// records it as an effect, and the subscribers of its followers get it too.

import { errorReply } from "../errors.ts";
import { subscriptionsMax } from "../limits.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Request } from "../protocol/request.ts";
import { type CommandRow, type Context, flag, type Handler } from "./command.ts";
import { matchesGlob } from "./glob.ts";
import { helpRow } from "./help.ts";
import type { Topics } from "./topics.ts";

const { PUBSUB, NO_SCRIPT, LOADING, STALE, FAST, GLOBAL, SUBSCRIBER, MAY_REPLICATE } = flag;
const subscribing = PUBSUB | NO_SCRIPT | LOADING | STALE | GLOBAL | SUBSCRIBER;
const asking = PUBSUB | LOADING | STALE | GLOBAL;

function row(
  name: string,
  arity: number,
  flags: number,
  complexity: string,
  summary: string,
  handler: Handler,
): CommandRow {
  const keys = [0, 0, 0] as const;
  const since = name.startsWith("pubsub") ? "2.8.0" : "2.0.0";
  return { name, arity, flags, keys, group: "pubsub", since, complexity, summary, handler };
}

const perName = "O(N) with N the names";

export const pubSubCommands: readonly CommandRow[] = [
  row("subscribe", -2, subscribing, perName, "Listen for messages of channels", (x, r, reply) =>
    subscribe(x, r, reply, "channels", "subscribe"),
  ),
  row("unsubscribe", -1, subscribing, perName, "Stop listening to channels", (x, r, reply) =>
    unsubscribe(x, r, reply, "channels", "unsubscribe"),
  ),
  row("psubscribe", -2, subscribing, perName, "Listen for messages by pattern", (x, r, reply) =>
    subscribe(x, r, reply, "patterns", "psubscribe"),
  ),
  row("punsubscribe", -1, subscribing, perName, "Stop listening to patterns", (x, r, reply) =>
    unsubscribe(x, r, reply, "patterns", "punsubscribe"),
  ),
  row(
    "publish",
    3,
    asking | FAST | MAY_REPLICATE,
    "O(N+M) with N the channel's subscribers and M the patterns of the node",
    "Post a message to a channel",
    publish,
  ),
  {
    ...row("pubsub", -2, 0, "Depends on subcommand.", "A container for its subcommands", () => {}),
    categories: ["@slow"],
    subcommands: [
      row("pubsub|channels", -2, asking, "O(N) with N the channels", "List channels", list),
      row("pubsub|numsub", -2, asking, perName, "Count the subscribers of channels", numSub),
      row("pubsub|numpat", 2, asking, "O(1)", "Count the different patterns", numPat),
      helpRow("pubsub", "pubsub", "6.2.0", [
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
      ]),
    ],
  },
];

// ---- subscribing --------------------------------------------------------------------------------

type Kind = "channels" | "patterns";

const tooMany = errorReply("too many subscriptions on this connection");

function subscribe(x: Context, request: Request, reply: Reply, kind: Kind, word: string): void {
  const { session, node } = x;
  const topics = node.channels[kind];
  for (let i = 1; i < request.argc; i++) {
    if (session.subscriptions >= subscriptionsMax) return reply.error(tooMany);
    const name = request.bytes(i);
    topics.add(session.id, name);
    node.channels.update(session);
    confirm(x, reply, word, name);
  }
}

/** Without names it means all; there is always at least one confirmation. */
function unsubscribe(x: Context, request: Request, reply: Reply, kind: Kind, word: string): void {
  const { session, node } = x;
  const topics = node.channels[kind];
  const names = namesIn(request, topics, session.id);
  for (const name of names) {
    topics.remove(session.id, name);
    node.channels.update(session);
    confirm(x, reply, word, name);
  }
  if (names.length === 0) confirm(x, reply, word, null);
}

function namesIn(request: Request, topics: Topics, id: number): Uint8Array[] {
  if (request.argc === 1) return topics.of(id);
  return Array.from({ length: request.argc - 1 }, (_, index) => request.bytes(index + 1));
}

function confirm({ session }: Context, reply: Reply, word: string, name: Uint8Array | null): void {
  reply.push(3);
  reply.text(word);
  if (name === null) reply.nil();
  else reply.bulk(name, 0, name.length);
  reply.integer(session.subscriptions);
}

// ---- publishing ---------------------------------------------------------------------------------

function publish(x: Context, request: Request, reply: Reply): void {
  const { buf, start, end } = request;
  const count = x.node.channels.publish(request.bytes(1), request.bytes(2));
  x.effects.publish(buf, start[1], end[1], buf, start[2], end[2]);
  reply.integer(count);
}

// ---- PUBSUB -------------------------------------------------------------------------------------

function list(x: Context, request: Request, reply: Reply): void {
  if (request.argc > 3) return reply.error(wrongArguments(request));
  const { buf, start, end, argc } = request;
  const names = [...x.node.channels.channels.all()].map(({ bytes }) => bytes);
  const found = names.filter((name) => {
    return argc === 2 || matchesGlob(buf, start[2], end[2], name, 0, name.length);
  });
  reply.array(found.length);
  for (const name of found) reply.bulk(name, 0, name.length);
}

function wrongArguments(request: Request) {
  const name = request.echo(1);
  return errorReply(
    `unknown subcommand or wrong number of arguments for '${name}'. Try PUBSUB HELP.`,
  );
}

/** A flat list of names and numbers, in RESP3 too. */
function numSub(x: Context, request: Request, reply: Reply): void {
  reply.array((request.argc - 2) * 2);
  for (let i = 2; i < request.argc; i++) {
    const name = request.bytes(i);
    reply.bulk(name, 0, name.length);
    reply.integer(x.node.channels.channels.get(name)?.subscribers.size ?? 0);
  }
}

function numPat(x: Context, _request: Request, reply: Reply): void {
  reply.integer(x.node.channels.patterns.size);
}
