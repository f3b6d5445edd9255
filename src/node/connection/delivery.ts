// Delivers published messages to the subscribers of one data thread. A message is encoded once for
// each version of RESP, and all messages of a round of the event loop for one connection leave in
// one write. It does not know who has subscribed: see command/pubsub/channels.ts.
// Invariant: what it has given to connections and not sent, so that it does not count in their
// memory, is bounded (deliveredBytesMax).

import { deliveredBytesMax } from "../../base/limits.ts";
import type { Session } from "../../command/core/session.ts";
import { type Message, messageKind } from "../../command/pubsub/channels.ts";
import { EncodedMessage } from "./encoded-message.ts";

/** A connection, reduced to what messages need. */
interface Subscriber {
  readonly session: Session;
  /** Keeps a message until sendMessages(). */
  deliver(message: EncodedMessage): void;
  sendMessages(): void;
}

export class Delivery {
  private readonly connections: ReadonlyMap<number, Subscriber>;
  private readonly encoded = { 2: new EncodedMessage(2), 3: new EncodedMessage(3) };
  /** Connections with messages that may go out at the end of this round. */
  private ready = new Set<Subscriber>();
  private sending = new Set<Subscriber>();
  /** Bytes of the messages of those that are ready. */
  private waitingBytes = 0;

  constructor(connections: ReadonlyMap<number, Subscriber>) {
    this.connections = connections;
  }

  /** Ignores receivers that are not in this thread or have closed. */
  deliver(receivers: Iterable<number>, message: Message): void {
    const { encoded } = this;
    for (const id of receivers) {
      const connection = this.connections.get(id);
      if (connection === undefined) continue;
      const { protocol, subscriptions } = connection.session;
      if (message.kind === messageKind.INVALIDATION && protocol + subscriptions === 2) continue;
      encoded[protocol].encode(message);
      if (encoded[protocol].isEmpty) continue;
      connection.deliver(encoded[protocol]);
      this.send(connection);
      this.waitingBytes += encoded[protocol].bytes;
      if (this.waitingBytes > deliveredBytesMax) this.sendAll();
    }
    encoded[2].forget();
    encoded[3].forget();
  }

  /**
   * When all sockets of this round have had their turn: a write for each message of each of many
   * publishers would take most of the time.
   */
  private send(subscriber: Subscriber): void {
    if (this.ready.size === 0) setImmediate(() => this.sendAll());
    this.ready.add(subscriber);
  }

  private sendAll(): void {
    const { ready, sending } = this;
    this.waitingBytes = 0;
    this.ready = sending;
    this.sending = ready;
    for (const connection of ready) connection.sendMessages();
    ready.clear();
  }
}
