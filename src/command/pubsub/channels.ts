// The channels and patterns of the whole node, and the way of a message to their subscribers. There
// is one of these, in the control thread: with several data threads SUBSCRIBE and PUBLISH come to
// it, so that a publisher learns at once how many there were.
// Invariant: a session's `channels` and `patterns` say how many it has here.

import { compileGlob } from "../../base/glob.ts";
import type { Session } from "../core/session.ts";
import { Topics } from "./topics.ts";

/** A published message, as one kind of subscriber gets it; its bytes are the publisher's. */
export interface Message {
  /** The pattern that fitted; null for the subscribers of the channel itself. */
  readonly pattern: Uint8Array | null;
  readonly channel: Uint8Array;
  readonly payload: Uint8Array;
}

/**
 * Brings a message to the connections with these ids, as far as they are still there. It keeps
 * neither the set nor the bytes of the message.
 */
export type Deliver = (receivers: ReadonlySet<number>, message: Message) => void;

export class Channels {
  readonly channels = new Topics();
  readonly patterns = new Topics();
  private readonly outlets: Deliver[] = [];

  /**
   * From now on messages leave this way too; without any there is nobody who could have subscribed.
   */
  deliverBy(outlet: Deliver): void {
    this.outlets.push(outlet);
  }

  /** Returns how many deliveries there are: one connection may get a message more than once. */
  publish(channel: Uint8Array, payload: Uint8Array): number {
    let count = 0;
    const topic = this.channels.get(channel);
    if (topic !== undefined) count += this.send(topic.subscribers, null, channel, payload);
    for (const pattern of this.patterns.all()) {
      pattern.glob ??= compileGlob(pattern.bytes, 0, pattern.bytes.length);
      if (!pattern.glob?.matches(channel, 0, channel.length)) continue;
      count += this.send(pattern.subscribers, pattern.bytes, channel, payload);
    }
    return count;
  }

  private send(
    subscribers: ReadonlySet<number>,
    pattern: Uint8Array | null,
    channel: Uint8Array,
    payload: Uint8Array,
  ): number {
    const message = { pattern, channel, payload };
    for (const deliver of this.outlets) deliver(subscribers, message);
    return subscribers.size;
  }

  /** The bytes of the names that a connection has subscribed to. */
  bytesOf(id: number): number {
    return this.channels.bytesOf(id) + this.patterns.bytesOf(id);
  }

  /** To be called after a change of what a session has subscribed to. */
  update(session: Session): void {
    session.channels = this.channels.count(session.id);
    session.patterns = this.patterns.count(session.id);
    session.subscriptionBytes = this.bytesOf(session.id);
  }

  /** Ends all subscriptions of a connection; it may be gone already. */
  forget(id: number): void {
    this.channels.removeAll(id);
    this.patterns.removeAll(id);
  }
}
