// Brings published messages to the subscribers of one data thread: a message is encoded once for each
// version of RESP, and what a turn brings to a connection leaves in one write when the turn is over.
// Who has subscribed is not known here (command/pubsub/channels.ts).

import { Output } from "../../base/output.ts";
import type { Message } from "../../command/pubsub/channels.ts";
import { RespReply } from "../../protocol/resp/resp-reply.ts";
import type { Connection } from "./connection.ts";

const scratchBytes = 4096;
const out = new Output(scratchBytes);
const reply = new RespReply(out);

export class Delivery {
  private readonly connections: ReadonlyMap<number, Connection>;
  /** Connections with mail that may go out at the end of this turn. */
  private readonly ready = new Set<Connection>();

  constructor(connections: ReadonlyMap<number, Connection>) {
    this.connections = connections;
  }

  /** Receivers that are not in this thread, or gone, are passed over. */
  deliver(receivers: readonly number[], message: Message): void {
    const encoded: Partial<Record<2 | 3, Uint8Array>> = {};
    for (const id of receivers) {
      const connection = this.connections.get(id);
      if (connection === undefined) continue;
      const { protocol } = connection.session;
      encoded[protocol] ??= encode(message, protocol);
      connection.deliver(encoded[protocol]);
      this.send(connection);
    }
  }

  /** A microtask runs when the event that goes on now is done with, whichever kind of event it is. */
  private send(connection: Connection): void {
    if (this.ready.size === 0) queueMicrotask(() => this.sendAll());
    this.ready.add(connection);
  }

  private sendAll(): void {
    const ready = [...this.ready];
    this.ready.clear();
    for (const connection of ready) connection.sendMail();
  }
}

function encode({ pattern, channel, payload }: Message, protocol: 2 | 3): Uint8Array {
  reply.switchProtocol(protocol);
  reply.push(pattern === null ? 3 : 4);
  reply.text(pattern === null ? "message" : "pmessage");
  if (pattern !== null) reply.bulk(pattern, 0, pattern.length);
  reply.bulk(channel, 0, channel.length);
  reply.bulk(payload, 0, payload.length);
  const bytes = out.view().slice();
  out.clear();
  return bytes;
}
