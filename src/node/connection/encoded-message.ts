// A published message as one version of RESP has it, encoded once for all receivers of a thread.
// Invariant: between encode() and forget() its bytes do not change, and whoever shares them holds them.

import { Output } from "../../base/output.ts";
import type { Message } from "../../command/pubsub/channels.ts";
import { RespReply } from "../../protocol/resp/resp-reply.ts";
import type { Backlog } from "./backlog.ts";
import { Chunk } from "./chunk.ts";

/**
 * From this size on all receivers of a message keep the same memory; below it each copies the message
 * behind those that it has, which is cheaper than memory of its own for each message.
 */
const sharedBytesMin = 4 * 1024;
const scratchBytes = sharedBytesMin;

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
