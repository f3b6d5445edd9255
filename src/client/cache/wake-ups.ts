// Waits for the end of factories that other processes run: a subscription for each entry that
// somebody here waits for, on one connection for pushes, which is opened when it is first needed.
// It keeps no time; without a connection, whoever waits has its own limit.
// Invariant: nothing is missed without notice: a lost connection wakes all who wait, and those who
// start to wait look again after waiter() has resolved.

import type { PushLink, Send } from "../link/push-link.ts";
import { subscribed } from "../wire/client-request.ts";
import type { CacheClient } from "./cache-server.ts";

/** What a channel says: the end of a factory, or "f" and the message of its failure. */
type Listener = (message: string) => void;

export class WakeUps {
  private readonly client: CacheClient;
  private readonly channels = new Map<string, Set<Listener>>();
  private link: PushLink | null = null;
  private connecting: Promise<void> | null = null;

  constructor(client: CacheClient) {
    this.client = client;
  }

  /** Begins to listen. False: it could not, so that only the time can wake. */
  async listen(channel: string, listener: Listener): Promise<boolean> {
    const listeners = this.channels.get(channel);
    if (listeners !== undefined) listeners.add(listener);
    else this.channels.set(channel, new Set([listener]));
    try {
      await this.connect();
      await this.link?.send(["SUBSCRIBE", channel], subscribed);
      return true;
    } catch {
      return false; // the caller falls back to its timer
    }
  }

  stop(channel: string, listener: Listener): void {
    const listeners = this.channels.get(channel);
    listeners?.delete(listener);
    if (listeners === undefined || listeners.size > 0) return;
    this.channels.delete(channel);
    if (this.link?.isUp !== true) return;
    // What comes on a channel that nobody listens to is dropped.
    this.link.send(["UNSUBSCRIBE", channel], subscribed).catch(() => undefined);
  }

  // --- internal ---

  private connect(): Promise<void> {
    if (this.link !== null && this.connecting === null) return Promise.resolve();
    this.connecting ??= this.open();
    return this.connecting;
  }

  private async open(): Promise<void> {
    const link = this.client.pushLink({
      up: (send) => this.subscribeAgain(send),
      down: () => this.wakeAll(),
      ended: () => {
        this.link = null;
        this.wakeAll();
      },
      push: (items) => this.take(items),
    });
    try {
      await link.connectOnce();
      this.link = link;
    } finally {
      this.connecting = null;
    }
  }

  private async subscribeAgain(send: Send): Promise<void> {
    for (const channel of this.channels.keys()) await send(["SUBSCRIBE", channel], subscribed);
  }

  private take([kind, channel, message]: readonly unknown[]): void {
    if (textOf(kind) !== "message") return;
    const text = textOf(message);
    for (const listener of this.channels.get(textOf(channel)) ?? []) listener(text);
  }

  private wakeAll(): void {
    for (const listeners of this.channels.values()) for (const wake of listeners) wake("");
  }
}

function textOf(item: unknown): string {
  return item instanceof Uint8Array ? Buffer.from(item).toString("utf8") : String(item);
}
