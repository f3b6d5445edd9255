// Delivers published messages to the subscribers of one data thread. A message is encoded once for
// each version of RESP, and all messages of a round of the event loop for one connection leave in
// one write. It does not know who has subscribed: see command/messages/channels.ts.
// Invariant: what it has given to connections and not sent, so that it does not count in their
// memory, is bounded (deliveredBytesMax).

import { monotonicMs } from "../../base/clock.ts";
import {
  deliveredBytesMax,
  deliveredPerRoundBytesMax,
  messagesWaitMsMax,
} from "../../base/limits.ts";
import type { Output } from "../../base/output.ts";
import { type Message, messageKind } from "../../command/messages/channels.ts";
import type { Session } from "../../command/terms/session.ts";
import { EncodedMessage, sharedBytesMin } from "./encoded-message.ts";

/** The work of a delivery beside the copy of its bytes, as so many bytes. */
const deliveryBytes = 256;

/** The work of a message for one receiver, in bytes; long ones are shared instead of copied. */
export function workOf(messageBytes: number): number {
  return Math.min(messageBytes, sharedBytesMin) + deliveryBytes;
}

/** A connection, reduced to what messages need. */
interface Subscriber {
  readonly session: Session;
  /** Keeps a message until sendMessages(). */
  deliver(message: EncodedMessage): void;
  sendMessages(): void;
}

/** The message that is being delivered, by version of RESP. */
type Encodings = Readonly<Record<2 | 3, EncodedMessage>>;

function encodings(): Encodings {
  return { 2: new EncodedMessage(2), 3: new EncodedMessage(3) };
}

export class Delivery {
  private readonly connections: ReadonlyMap<number, Subscriber>;
  /** Null while they are in use. */
  private encoded: Encodings | null = encodings();
  /** Connections with messages that may go out at the end of this round. */
  private ready = new Set<Subscriber>();
  private sending = new Set<Subscriber>();
  /** The work of the messages of those that are ready, and how much of it was seen last. */
  private waitingWork = 0;
  private seenWork = 0;
  /** The work since the clock was read. */
  private turnWork = 0;
  /** Since when the oldest message waits. */
  private sinceMs = 0;
  private isScheduled = false;
  private readonly out: Pick<Output, "flushAt">;
  private readonly nowMs: () => number;

  /** `out` is that of the thread. */
  constructor(
    connections: ReadonlyMap<number, Subscriber>,
    out: Pick<Output, "flushAt">,
    nowMs = monotonicMs,
  ) {
    this.connections = connections;
    this.out = out;
    this.nowMs = nowMs;
  }

  /**
   * Ignores receivers that are not in this thread or have closed. One that is too slow ends at
   * once, which may deliver other messages meanwhile.
   */
  deliver(receivers: Iterable<number>, message: Message): void {
    const encoded = this.encoded ?? encodings();
    this.encoded = null;
    for (const id of receivers) {
      const connection = this.connections.get(id);
      if (connection === undefined) continue;
      const { protocol, subscriptions } = connection.session;
      if (message.kind === messageKind.INVALIDATION && protocol + subscriptions === 2) continue;
      encoded[protocol].encode(message);
      if (encoded[protocol].isEmpty) continue;
      connection.deliver(encoded[protocol]);
      this.send(connection);
      this.work(encoded[protocol].bytes);
    }
    encoded[2].forget();
    encoded[3].forget();
    this.encoded = encoded;
  }

  /** Has the publisher's batch look at the clock now and then. */
  private work(messageBytes: number): void {
    const work = workOf(messageBytes);
    this.waitingWork += work;
    this.turnWork += work;
    if (this.turnWork > deliveredPerRoundBytesMax) {
      this.turnWork = 0;
      this.out.flushAt = 0;
    }
    if (this.waitingWork > deliveredBytesMax) this.sendAll();
  }

  /**
   * A write for each message of each of many publishers would take most of the time: while more
   * comes in each round of the event loop, messages wait for each other, but not for long.
   */
  private send(subscriber: Subscriber): void {
    if (this.ready.size === 0) {
      this.sinceMs = this.nowMs();
      this.seenWork = 0;
      this.lookLater();
    }
    this.ready.add(subscriber);
  }

  private lookLater(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      if (this.ready.size > 0) this.look();
    });
  }

  private look(): void {
    const isQuiet = this.waitingWork === this.seenWork;
    this.seenWork = this.waitingWork;
    if (isQuiet || this.nowMs() - this.sinceMs > messagesWaitMsMax) this.sendAll();
    else this.lookLater();
  }

  private sendAll(): void {
    const { ready, sending } = this;
    this.waitingWork = 0;
    this.ready = sending;
    this.sending = ready;
    for (const connection of ready) connection.sendMessages();
    ready.clear();
  }
}
