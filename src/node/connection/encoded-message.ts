// A published message, encoded in one version of RESP, once for all receivers of a thread.
// Invariant: between encode() and forget() its bytes do not change, and each sharer holds their
// chunk.

import { Output } from "../../base/output.ts";
import { type Message, messageKind } from "../../command/messages/channels.ts";
import { RespReply } from "../../protocol/resp/resp-reply.ts";
import type { Backlog } from "./backlog.ts";
import { Chunk } from "./chunk.ts";

/**
 * From this size on, all receivers of a message share its memory. Below it, each receiver copies
 * the message behind those it already has, which is cheaper than separate memory for each message.
 */
export const sharedBytesMin = 4 * 1024;
const scratchBytes = sharedBytesMin;

const messageWord = Buffer.from("message");
const patternMessageWord = Buffer.from("pmessage");
const shardMessageWord = Buffer.from("smessage");
/** The most bytes that a message has beside pattern, channel and payload. */
const framingBytesMax = 80;

/** The message that is being delivered, in one version of RESP. */
export class EncodedMessage {
  private readonly scratch = new Uint8Array(scratchBytes + framingBytesMax);
  private readonly out = new Output(0);
  private readonly reply = new RespReply(this.out);
  /** Its memory, if that is shared. */
  private chunk: Chunk | null = null;
  private readonly version: 2 | 3;

  constructor(version: 2 | 3) {
    this.version = version;
    this.reply.switchProtocol(version);
  }

  /** Does nothing if the message is already encoded. */
  encode(message: Message): void {
    const { out } = this;
    const { pattern, channel, payload, kind } = message;
    if (out.length > 0) return;
    const bytes = (pattern?.length ?? 0) + channel.length + payload.length;
    const isShared = bytes >= sharedBytesMin;
    out.bytes = isShared ? new Uint8Array(bytes + framingBytesMax) : this.scratch;
    if (kind >= messageKind.ENCODED) out.appendAll(this.version === 2 ? channel : payload);
    else this.write(message);
    if (!isShared) return;
    this.chunk = new Chunk(out.bytes, out.length);
    this.chunk.hold();
  }

  private write(message: Message): void {
    const { reply } = this;
    const { pattern, channel, payload } = message;
    reply.push(pattern === null ? 3 : 4);
    const word = wordOf(message);
    reply.bulk(word, 0, word.length);
    if (pattern !== null) reply.bulk(pattern, 0, pattern.length);
    reply.bulk(channel, 0, channel.length);
    reply.bulk(payload, 0, payload.length);
  }

  /** Whether there is nothing to send in this version of RESP. */
  get isEmpty(): boolean {
    return this.out.length === 0;
  }

  get bytes(): number {
    return this.out.length;
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

function wordOf({ pattern, kind }: Message): Uint8Array {
  if (kind === messageKind.SHARDED) return shardMessageWord;
  return pattern === null ? messageWord : patternMessageWord;
}
