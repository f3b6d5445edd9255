// Published messages on their way to another thread: those of a turn travel together, each message
// once for all its receivers there. The bytes are one buffer, which is transferred and not copied,
// and the numbers are an array beside it: an object for each message would be cloned with all its
// parts.
// Invariant: messages are unpacked in the order in which they were added.

import { freeBytes } from "../../base/buffer-pool.ts";
import { Output } from "../../base/output.ts";
import { type Message, messageKind } from "../../command/messages/channels.ts";
import { workOf } from "../connection/delivery.ts";
import { debtUnitBytes } from "../shared/delivery-debt.ts";
import type { DeliverOrder } from "./thread-messages.ts";

const ordinaryBytes = 4 * 1024;
/** In place of the length of a pattern, if there is none: this less the kind of the message. */
const noPattern = -1;
/** Numbers of a message before the ids of its receivers. */
const headNumbers = 6;

/**
 * The work of a message for all its receivers in a thread, in units of the debt, and its bytes,
 * which wait there once.
 */
export function workForAll(messageBytes: number, receivers: number): number {
  return Math.ceil((messageBytes + workOf(messageBytes) * receivers) / debtUnitBytes);
}

export class Parcel {
  private readonly out = new Output(ordinaryBytes);
  private numbers: number[] = [];
  /** The work of delivering it, for delivery-debt.ts. */
  private work = 0;
  /** The last message: one payload may go to the subscribers of several patterns. */
  private last: Message | null = null;
  private channelStart = 0;
  private payloadStart = 0;

  /** Bytes of all messages in the parcel. */
  get bytes(): number {
    return this.out.length;
  }

  get isEmpty(): boolean {
    return this.numbers.length === 0;
  }

  /** Returns the work of delivering the message. */
  add(receivers: readonly number[], message: Message): number {
    const { out, numbers } = this;
    const { pattern, channel, payload, kind } = message;
    if (this.last?.payload !== payload || this.last.channel !== channel) {
      this.channelStart = out.length;
      out.appendAll(channel);
      this.payloadStart = out.length;
      out.appendAll(payload);
      this.last = message;
    }
    numbers.push(this.channelStart, this.payloadStart, this.payloadStart + payload.length);
    const length = pattern?.length ?? noPattern - kind;
    numbers.push(out.length, length, receivers.length);
    for (const id of receivers) numbers.push(id);
    if (pattern !== null) out.appendAll(pattern);
    const work = workForAll(channel.length + payload.length, receivers.length);
    this.work += work;
    return work;
  }

  /** Returns everything for postMessage() and empties the parcel. */
  take(): DeliverOrder {
    const order = {
      kind: "deliver",
      bytes: this.out.view().slice(),
      numbers: this.numbers,
      work: this.work,
    } as const;
    this.out.clear();
    this.numbers = [];
    this.work = 0;
    this.last = null;
    return order;
  }
}

/** Delivers the messages of a parcel that has arrived, and frees it. */
export function unpack(
  { bytes, numbers }: DeliverOrder,
  deliver: (receivers: readonly number[], message: Message) => void,
): void {
  let at = 0;
  while (at < numbers.length) {
    const [channelStart, payloadStart, payloadEnd, patternStart, patternLength, count] =
      numbers.slice(at, at + headNumbers);
    at += headNumbers;
    deliver(numbers.slice(at, at + count), {
      pattern:
        patternLength < 0 ? null : bytes.subarray(patternStart, patternStart + patternLength),
      channel: bytes.subarray(channelStart, payloadStart),
      payload: bytes.subarray(payloadStart, payloadEnd),
      kind: patternLength < 0 ? noPattern - patternLength : messageKind.PUBLISHED,
    });
    at += count;
  }
  freeBytes(bytes);
}
