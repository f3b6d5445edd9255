// The channels, patterns and shard channels of the whole node, and the delivery of messages to
// their subscribers. Without a cluster, shard channels are just a third kind, with names of their
// own. A node has one Channels, in the control thread: with several data threads SUBSCRIBE and
// PUBLISH run there, so that PUBLISH can reply at once with the number of receivers.
// Invariant: a session's `channels`, `patterns` and `shardChannels` are the numbers of its
// subscriptions here.

import { compileGlob } from "../../base/glob.ts";
import type { Session } from "../terms/session.ts";
import { type Topic, Topics } from "./topics.ts";

/** What a message is. */
export const messageKind = {
  /** Published by PUBLISH, for subscribers of its channel or of a pattern. */
  PUBLISHED: 0,
  /** Published by SPUBLISH. */
  SHARDED: 1,
  /** Encoded already: `channel` has the bytes for RESP2, `payload` those for RESP3. */
  ENCODED: 2,
  /** The same, but a RESP2 client gets it only while it has subscriptions. */
  INVALIDATION: 3,
} as const;

/** A published message for one kind of subscriber. Its bytes belong to the publisher. */
export interface Message {
  /** The pattern that matched; null for subscribers of the channel itself. */
  readonly pattern: Uint8Array | null;
  readonly channel: Uint8Array;
  readonly payload: Uint8Array;
  /** One of `messageKind`. */
  readonly kind: number;
}

/**
 * Delivers a message to those connections with these ids that are still open. It retains neither
 * the set nor the bytes of the message.
 */
export type Deliver = (receivers: ReadonlySet<number>, message: Message) => void;

export class Channels {
  readonly channels = new Topics();
  readonly patterns = new Topics();
  readonly shardChannels = new Topics();
  /**
   * Publishes what commands have caused that ran before this one, so that neither a message nor a
   * subscription overtakes it. False: there is too much of it for now.
   */
  catchUp: () => boolean = () => true;
  /** Calls back when that has been published; it is told how many bytes wait with the call. */
  whenCaughtUp: (bytes: number, run: () => void) => void = (_bytes, run) => run();
  private readonly outlets: Deliver[] = [];

  /** Adds an outlet for messages. Before the first one, no connection can have subscribed. */
  deliverBy(outlet: Deliver): void {
    this.outlets.push(outlet);
  }

  /** Returns the number of deliveries. One connection may get a message more than once. */
  publish(channel: Uint8Array, payload: Uint8Array): number {
    const message = { kind: messageKind.PUBLISHED, channel, payload };
    let count = 0;
    const topic = this.channels.get(channel);
    if (topic !== undefined) count += this.send(topic.subscribers, { ...message, pattern: null });
    for (const pattern of this.patternsOf(channel)) {
      count += this.send(pattern.subscribers, { ...message, pattern: pattern.bytes });
    }
    return count;
  }

  /** Publishes behind what happened before, and returns the number of deliveries already. */
  publishInOrder(channel: Uint8Array, payload: Uint8Array): number {
    if (this.catchUp()) return this.publish(channel, payload);
    const count = this.receiversOf(channel);
    if (count === 0) return 0;
    const [heldChannel, heldPayload] = [channel.slice(), payload.slice()];
    this.whenCaughtUp(heldChannel.length + heldPayload.length, () => {
      this.publish(heldChannel, heldPayload);
    });
    return count;
  }

  private receiversOf(channel: Uint8Array): number {
    let count = this.channels.get(channel)?.subscribers.size ?? 0;
    for (const pattern of this.patternsOf(channel)) count += pattern.subscribers.size;
    return count;
  }

  private *patternsOf(channel: Uint8Array): Generator<Topic> {
    for (const pattern of this.patterns.all()) {
      pattern.glob ??= compileGlob(pattern.bytes, 0, pattern.bytes.length);
      if (pattern.glob?.matches(channel, 0, channel.length)) yield pattern;
    }
  }

  /** Publishes to the subscribers of a shard channel; returns their number. */
  publishToShard(channel: Uint8Array, payload: Uint8Array): number {
    const topic = this.shardChannels.get(channel);
    if (topic === undefined) return 0;
    const message = { kind: messageKind.SHARDED, pattern: null, channel, payload };
    return this.send(topic.subscribers, message);
  }

  /** Sends a message to connections, whatever they have subscribed to. */
  send(subscribers: ReadonlySet<number>, message: Message): number {
    for (const deliver of this.outlets) deliver(subscribers, message);
    return subscribers.size;
  }

  /** Total size in bytes of the names to which a connection has subscribed. */
  bytesOf(id: number): number {
    return this.channels.bytesOf(id) + this.patterns.bytesOf(id) + this.shardChannels.bytesOf(id);
  }

  /** Call this after the subscriptions of a session have changed. */
  update(session: Session): void {
    session.channels = this.channels.count(session.id);
    session.patterns = this.patterns.count(session.id);
    session.shardChannels = this.shardChannels.count(session.id);
    session.subscriptionBytes = this.bytesOf(session.id);
  }

  /** Ends all subscriptions of a connection, which may have closed already. */
  forget(id: number): void {
    this.channels.removeAll(id);
    this.patterns.removeAll(id);
    this.shardChannels.removeAll(id);
  }
}
