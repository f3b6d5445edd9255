// All subscriptions of one client, over one push link that is open while there are any. It asks the
// server once for a name that several subscriptions share, and asks again for all names on each new
// connection.
// Invariant: `confirmed` has names of `listeners` only, which the present connection has confirmed.

import { monotonicMs } from "../../base/clock.ts";
import { subscriptionBytesDefault, subscriptionMessagesDefault } from "../../base/limits.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import { checkBag, checkFlag, wrongKind } from "../arguments.ts";
import {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  InvalidArgumentError,
  type MSCacheError,
  ServerError,
} from "../client-errors.ts";
import type { PushLink, PushListener, Send } from "../link/push-link.ts";
import { subscribed } from "../wire/client-request.ts";
import {
  type BufferSettings,
  type SubscribeOptions,
  Subscription,
  subscribeNames,
  type Topics,
  topicsNames,
} from "./subscription.ts";

/** The letter before a name in the maps, and the commands for it. */
const kinds = {
  c: ["SUBSCRIBE", "UNSUBSCRIBE"],
  p: ["PSUBSCRIBE", "PUNSUBSCRIBE"],
  s: ["SSUBSCRIBE", "SUNSUBSCRIBE"],
} as const;
type Kind = keyof typeof kinds;
export type Topic = `${Kind}${string}`;

export type AnySubscription = Subscription<string | Uint8Array>;

interface Listener {
  readonly subscription: AnySubscription;
  readonly wantsBytes: boolean;
  readonly topics: readonly Topic[];
}

export class SubscriptionHub implements PushListener {
  private readonly openLink: (listener: PushListener) => PushLink;
  private readonly listeners = new Map<Topic, Set<Listener>>();
  private readonly confirmed = new Set<Topic>();
  /** Names of `listeners` that some connection has confirmed: those to ask for on the next one. */
  private readonly known = new Set<Topic>();
  private link: PushLink | null = null;
  /** Settles when the first attempt to open the link is over. */
  private opened: Promise<void> | null = null;

  constructor(openLink: (listener: PushListener) => PushLink) {
    this.openLink = openLink;
  }

  /** Resolves when the server has confirmed all names. */
  subscribe(
    what: string | readonly string[] | Topics,
    options: SubscribeOptions = {},
  ): Promise<AnySubscription> {
    return subscribeAt(() => [{ hub: this, topics: topicsOf(what) }], options);
  }

  /** Begins to listen. Resolves when the server has confirmed the names. */
  add(one: Listener): Promise<void> {
    for (const topic of one.topics) {
      const listeners = this.listeners.get(topic) ?? new Set();
      this.listeners.set(topic, listeners.add(one));
    }
    return this.join(one.topics);
  }

  leave(one: Listener): void {
    for (const topic of one.topics) {
      const listeners = this.listeners.get(topic);
      if (listeners?.delete(one) !== true || listeners.size > 0) continue;
      this.listeners.delete(topic);
      this.confirmed.delete(topic);
      this.known.delete(topic);
      if (this.link?.isUp !== true) continue;
      const command = [kinds[kindOf(topic)][1], nameOf(topic)];
      this.link.send(command, subscribed).catch(() => undefined); // the link is restored without it
    }
    if (this.listeners.size === 0) this.rest();
  }

  // ---- what the link reports --------------------------------------------------------------------

  async up(send: Send): Promise<void> {
    // Not those for which nobody was told yet that he listens: a refusal is for who asked.
    await Promise.all([...this.known].map((topic) => this.restore(topic, send)));
  }

  down(): void {
    this.confirmed.clear();
    // Who waits for the first confirmation misses nothing.
    for (const { subscription } of this.listenersTo(this.known)) subscription.interrupt();
  }

  ended(cause: MSCacheError): void {
    if (this.link === null) return; // nobody listens any more
    const everyone = this.listenersTo(this.listeners.keys());
    this.forget();
    for (const { subscription } of everyone) {
      subscription.abandon(cause instanceof ClosedError ? null : cause);
    }
  }

  push(items: readonly Reply[]): void {
    const [kind, ...rest] = items;
    const word = textOf(kind);
    if (word === "pmessage") {
      const [pattern, channel, message] = rest;
      this.deliver("p", textOf(pattern), textOf(channel), message);
    } else if (word === "message" || word === "smessage") {
      const [channel, message] = rest;
      this.deliver(word === "message" ? "c" : "s", null, textOf(channel), message);
    }
  }

  // --- internal ---

  private deliver(kind: Kind, pattern: string | null, channel: string, message?: Reply): void {
    const listeners = this.listeners.get(`${kind}${pattern ?? channel}`);
    if (listeners === undefined || !(message instanceof Uint8Array)) return;
    let text: string | null = null;
    for (const { subscription, wantsBytes } of listeners) {
      if (!wantsBytes) text ??= textOf(message);
      const payload = wantsBytes || text === null ? message : text;
      subscription.deliver({ channel, pattern, message: payload }, message.length);
    }
  }

  /** Asks the server for the names, on the link that is there or will be. */
  private async join(topics: readonly Topic[]): Promise<void> {
    const link = this.link ?? this.begin();
    const send: Send = (command, shape) => link.send(command, shape);
    const until = link.deadline();
    await this.opened;
    for (;;) {
      await link.ready(until);
      const missing = topics.filter((topic) => !this.confirmed.has(topic));
      try {
        await Promise.all(missing.map((topic) => this.ask(topic, send)));
        return;
      } catch (cause) {
        const isLost = cause instanceof ConnectionLostError || cause instanceof ConnectError;
        if (!isLost || monotonicMs() >= until) throw cause;
      }
    }
  }

  private async ask(topic: Topic, send: Send): Promise<void> {
    await send([kinds[kindOf(topic)][0], nameOf(topic)], subscribed);
    this.confirm(topic);
  }

  private begin(): PushLink {
    const link = this.openLink(this);
    this.link = link;
    this.opened = link.begin();
    this.opened.catch(() => {
      if (this.link === link) this.forget();
    });
    return link;
  }

  /** Asks for a name again. A refusal is the end of those who listen to it, not of the others. */
  private async restore(topic: Topic, send: Send): Promise<void> {
    try {
      await this.ask(topic, send);
    } catch (cause) {
      if (!(cause instanceof ServerError)) throw cause;
      for (const { subscription } of [...(this.listeners.get(topic) ?? [])]) {
        subscription.abandon(cause);
      }
    }
  }

  private confirm(topic: Topic): void {
    if (!this.listeners.has(topic)) return; // left meanwhile
    this.confirmed.add(topic);
    this.known.add(topic);
  }

  /** Nobody listens: the connection is closed. */
  private rest(): void {
    const { link } = this;
    this.forget();
    link?.close();
  }

  private forget(): void {
    this.link = null;
    this.opened = null;
    this.listeners.clear();
    this.confirmed.clear();
    this.known.clear();
  }

  private listenersTo(topics: Iterable<Topic>): Set<Listener> {
    return new Set([...topics].flatMap((topic) => [...(this.listeners.get(topic) ?? [])]));
  }
}

/** Names of one subscription, and the hub that listens to them. */
export interface Part {
  readonly hub: SubscriptionHub;
  readonly topics: readonly Topic[];
}

/** One subscription at one hub or several. Rejects with what the options or the parts throw. */
export async function subscribeAt(
  partsOf: () => readonly Part[],
  options: SubscribeOptions,
): Promise<AnySubscription> {
  const parts = partsOf();
  const settings = settingsOf(options);
  const leave = () => placed.map(({ hub, one }) => hub.leave(one));
  const subscription: AnySubscription = new Subscription(settings, leave);
  const wantsBytes = options.bytes === true;
  const placed = parts.map(({ hub, topics }) => ({
    hub,
    one: { subscription, wantsBytes, topics },
  }));
  try {
    await Promise.all(placed.map(({ hub, one }) => hub.add(one)));
  } catch (cause) {
    subscription.close();
    throw cause;
  }
  return subscription;
}

const decoder = new TextDecoder();

function textOf(reply: Reply | undefined): string {
  return reply instanceof Uint8Array ? decoder.decode(reply) : String(reply);
}

function kindOf(topic: Topic): Kind {
  return topic[0] as Kind;
}

function nameOf(topic: Topic): string {
  return topic.slice(1);
}

// ---- options ------------------------------------------------------------------------------------

/** What is asked for, each name once. Throws an InvalidArgumentError. */
export function topicsOf(what: string | readonly string[] | Topics): Topic[] {
  const given: Topics = typeof what === "string" ? { channels: [what] } : listed(what);
  checkBag("channels", given, topicsNames);
  const { channels = [], patterns = [], shardChannels = [] } = given;
  const topics = [
    ...named("channels", "c", channels),
    ...named("patterns", "p", patterns),
    ...named("shardChannels", "s", shardChannels),
  ];
  if (topics.length === 0) throw new InvalidArgumentError("channels has no name");
  return [...new Set(topics)];
}

function listed(what: readonly string[] | Topics): Topics {
  return Array.isArray(what) ? { channels: what } : (what as Topics);
}

function named(option: string, kind: Kind, names: unknown): Topic[] {
  if (!Array.isArray(names)) throw wrongKind(option, "an array", names);
  return names.map((name: unknown, at): Topic => {
    if (typeof name !== "string") throw wrongKind(`${option}[${at}]`, "a string", name);
    return `${kind}${name}`;
  });
}

function settingsOf(options: SubscribeOptions): BufferSettings {
  checkBag("options", options, subscribeNames);
  checkFlag("bytes", options.bytes);
  const { messagesMax = subscriptionMessagesDefault, bytesMax = subscriptionBytesDefault } =
    options;
  const { onMissed } = options;
  if (onMissed !== undefined && typeof onMissed !== "function") {
    throw wrongKind("onMissed", "a function", onMissed);
  }
  checkBound("messagesMax", messagesMax);
  checkBound("bytesMax", bytesMax);
  return { messagesMax, bytesMax, onMissed: onMissed ?? null };
}

function checkBound(name: string, value: unknown): void {
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new InvalidArgumentError(`${name} must be a whole number of 1 or more, not ${value}`);
}
