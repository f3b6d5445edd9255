// Brings published messages to the subscribers of one data thread: a message is encoded once for each
// version of RESP, and what a turn brings to a connection leaves in one write when the turn is over.
// Who has subscribed is not known here (command/pubsub/channels.ts).

import { Output } from "../../base/output.ts";
import type { Message } from "../../command/pubsub/channels.ts";
import { RespReply } from "../../protocol/resp/resp-reply.ts";
import type { Backlog } from "./backlog.ts";
import { Chunk } from "./chunk.ts";
import type { Connection } from "./connection.ts";

/**
 * From this size on all receivers of a message keep the same memory; below it each copies the message
 * behind those that it has, which is cheaper than memory of its own for each message.
 */
const sharedBytesMin = 4 * 1024;
const scratchBytes = sharedBytesMin;

export class Delivery {
  private readonly connections: ReadonlyMap<number, Connection>;
  private readonly encoded = { 2: new EncodedMessage(2), 3: new EncodedMessage(3) };
  /** Connections with mail that may go out at the end of this turn. */
  private ready = new Set<Connection>();
  private sending = new Set<Connection>();

  constructor(connections: ReadonlyMap<number, Connection>) {
    this.connections = connections;
  }

  /** Receivers that are not in this thread, or gone, are passed over. */
  deliver(receivers: Iterable<number>, message: Message): void {
    const { encoded } = this;
    for (const id of receivers) {
      const connection = this.connections.get(id);
      if (connection === undefined) continue;
      const { protocol } = connection.session;
      encoded[protocol].encode(message);
      connection.deliver(encoded[protocol]);
      this.send(connection);
    }
    encoded[2].forget();
    encoded[3].forget();
  }

  /** A microtask runs when the event that goes on now is done with, whichever kind of event it is. */
  private send(connection: Connection): void {
    if (this.ready.size === 0) queueMicrotask(() => this.sendAll());
    this.ready.add(connection);
  }

  private sendAll(): void {
    const { ready, sending } = this;
    this.ready = sending;
    this.sending = ready;
    for (const connection of ready) connection.sendMail();
    ready.clear();
  }
}

const messageWord = Buffer.from("message");
const patternMessageWord = Buffer.from("pmessage");
/** What a message has beside pattern, channel and payload, at most. */
const framingBytesMax = 80;

/** The message that is delivered now, as one version of RESP has it. */
export class EncodedMessage {
  private readonly scratch = new Uint8Array(scratchBytes + framingBytesMax);
  private readonly out = new Output(0);
  private readonly reply = new RespReply(this.out);
  /** Its memory, when that is shared. */
  private chunk: Chunk | null = null;

  constructor(version: 2 | 3) {
    this.reply.switchProtocol(version);
  }

  /** Does nothing when it has been done. */
  encode({ pattern, channel, payload }: Message): void {
    const { out, reply } = this;
    if (out.length > 0) return;
    const bytes = (pattern?.length ?? 0) + channel.length + payload.length;
    const isShared = bytes >= sharedBytesMin;
    out.bytes = isShared ? new Uint8Array(bytes + framingBytesMax) : this.scratch;
    reply.push(pattern === null ? 3 : 4);
    const word = pattern === null ? messageWord : patternMessageWord;
    reply.bulk(word, 0, word.length);
    if (pattern !== null) reply.bulk(pattern, 0, pattern.length);
    reply.bulk(channel, 0, channel.length);
    reply.bulk(payload, 0, payload.length);
    if (!isShared) return;
    this.chunk = new Chunk(out.bytes, out.length);
    this.chunk.hold();
  }

  addTo(messages: Backlog): void {
    if (this.chunk === null) messages.append(this.out.bytes, 0, this.out.length);
    else messages.share(this.chunk, 0, this.out.length);
  }

  appendTo(out: Output): void {
    out.append(this.out.bytes, 0, this.out.length);
  }

  forget(): void {
    this.out.length = 0;
    this.out.bytes = this.scratch;
    this.chunk?.release();
    this.chunk = null;
  }
}
