// One subscription of a client: an iterator over the messages of its channels, with a bounded
// buffer. What was missed, and where, stands at the message that follows the gap. How messages get
// here is in subscription-hub.ts.
// Invariant: messages leave in the order of their arrival; the buffer is within its bounds, except
// that it may hold one message of any size.

import type { Names } from "../arguments.ts";
import type { MSCacheError } from "../client-errors.ts";
import { Queue } from "../link/queue.ts";

/** Messages that may be missing before one. */
export interface Missed {
  /** Whether the connection was lost: nobody knows how many messages were published meanwhile. */
  readonly linkLost: boolean;
  /** How many were dropped as the buffer was full. */
  readonly dropped: number;
}

/** A message of a channel. */
export interface Message<V extends string | Uint8Array = string> {
  readonly channel: string;
  /** The pattern that the channel matches, if it was asked for by a pattern; or null. */
  readonly pattern: string | null;
  readonly message: V;
  /** What may be missing right before this message; null: nothing. */
  readonly missed: Missed | null;
}

/** A message as it arrives. @internal */
export type Arrival<V extends string | Uint8Array> = Omit<Message<V>, "missed">;

/** What a subscription is about. At least one name. */
export interface Topics {
  /** Channels by name. */
  channels?: readonly string[] | undefined;
  /** Patterns of channels, as in "news.*". */
  patterns?: readonly string[] | undefined;
  /** Shard channels (SSUBSCRIBE). */
  shardChannels?: readonly string[] | undefined;
}

/** @internal */
export const topicsNames: Names<Topics> = { channels: true, patterns: true, shardChannels: true };

/** Options of subscribe(). */
export interface SubscribeOptions<Bytes extends boolean = boolean> {
  /** Whether messages are bytes. Default false: strings. */
  bytes?: Bytes | undefined;
  /** How many messages wait for the reader. More: the oldest are dropped. Default 10,000. */
  messagesMax?: number | undefined;
  /** Bytes that wait for the reader. More: the oldest are dropped. Default 16,777,216. */
  bytesMax?: number | undefined;
  /** Called as soon as messages may be missing, even if no message follows. Default: nobody is. */
  onMissed?: ((missed: Missed) => void) | undefined;
}

/** @internal */
export const subscribeNames: Names<SubscribeOptions> = {
  ...{ bytes: true, messagesMax: true, bytesMax: true, onMissed: true },
};

/** The options of a subscription with every default filled in. @internal */
export interface BufferSettings {
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly onMissed: ((missed: Missed) => void) | null;
}

/**
 * The messages of some channels. Iterate over it once; leaving the loop, or `await using`, ends it.
 * When the connection is lost, it subscribes again by itself, and the next message tells of the gap
 * in `missed`. When messages come faster than they are read, the oldest are dropped, which the next
 * one tells as well. It ends when the client is closed, and throws if the client gives up
 * reconnecting or may not listen any more.
 *
 * @example
 * const news = await client.subscribe("news", { bytes: true });
 * for await (const { message } of news) {
 *   if (message.length === 0) break;
 * }
 */
export class Subscription<V extends string | Uint8Array = string>
  implements AsyncIterableIterator<Message<V>>, AsyncDisposable
{
  private readonly settings: BufferSettings;
  private readonly leave: () => void;
  private readonly buffer = new Queue<Buffered<V>>();
  private readonly readers = new Queue<Reader<V>>();
  private bytes = 0;
  /** What was dropped before the first message of the buffer. */
  private dropped: Missed | null = null;
  /** What was missed after the last one. */
  private lost: Missed | null = null;
  private isEnded = false;
  private endedBy: MSCacheError | null = null;

  /** @internal Use client.subscribe(). */
  constructor(settings: BufferSettings, leave: () => void) {
    this.settings = settings;
    this.leave = leave;
  }

  /**
   * The next message; waits until there is one.
   *
   * @example const { value } = await news.next();
   */
  next(): Promise<IteratorResult<Message<V>, undefined>> {
    const first = this.buffer.shift();
    if (first !== undefined) {
      this.bytes -= first.bytes;
      const missed = merged(this.dropped, first.missed);
      this.dropped = null;
      return Promise.resolve({ value: { ...first.arrival, missed }, done: false });
    }
    if (!this.isEnded)
      return new Promise((resolve, reject) => this.readers.push({ resolve, reject }));
    const cause = this.endedBy;
    this.endedBy = null;
    return cause === null ? Promise.resolve(end) : Promise.reject(cause);
  }

  /**
   * Ends it: the buffer is dropped, and the channels are left that nobody else listens to.
   *
   * @example news.close();
   */
  close(): void {
    this.buffer.removeIf(() => true);
    this.finish(null);
    this.leave();
  }

  /** close(), when a loop is left. */
  return(): Promise<IteratorResult<Message<V>, undefined>> {
    this.close();
    return Promise.resolve(end);
  }

  /** close(), for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // ---- what the hub reports ---------------------------------------------------------------------

  /** @internal */
  deliver(arrival: Arrival<V>, bytes: number): void {
    if (this.isEnded) return;
    const missed = this.lost;
    this.lost = null;
    const reader = this.readers.shift();
    if (reader !== undefined) {
      reader.resolve({ value: { ...arrival, missed }, done: false });
      return;
    }
    this.buffer.push({ arrival, bytes, missed });
    this.bytes += bytes;
    this.shrink();
  }

  /** @internal The connection was lost. */
  interrupt(): void {
    if (this.lost !== null) return;
    this.lost = { linkLost: true, dropped: 0 };
    this.tell(this.lost);
  }

  /** @internal Nothing more comes. The reader gets what is there, and then the cause, if any. */
  finish(cause: MSCacheError | null): void {
    if (this.isEnded) return;
    this.isEnded = true;
    const reader = this.readers.shift();
    if (reader === undefined) this.endedBy = cause;
    else if (cause === null) reader.resolve(end);
    else reader.reject(cause);
    for (let one = this.readers.shift(); one !== undefined; one = this.readers.shift()) {
      one.resolve(end);
    }
  }

  /** @internal Nothing more comes from one of its channels, so from none. */
  abandon(cause: MSCacheError | null): void {
    this.finish(cause);
    this.leave();
  }

  // --- internal ---

  private shrink(): void {
    const { messagesMax, bytesMax } = this.settings;
    const isFirst = this.dropped === null;
    while (this.buffer.length > messagesMax || (this.bytes > bytesMax && this.buffer.length > 1)) {
      const oldest = this.buffer.shift() as Buffered<V>;
      this.bytes -= oldest.bytes;
      this.dropped = merged(merged(this.dropped, oldest.missed), { linkLost: false, dropped: 1 });
    }
    if (isFirst && this.dropped !== null) this.tell(this.dropped);
  }

  /** In a turn of its own, as what the callback throws is not the connection's fault. */
  private tell(missed: Missed): void {
    const { onMissed } = this.settings;
    if (onMissed !== null) queueMicrotask(() => onMissed(missed));
  }
}

// --- internal ---

interface Buffered<V extends string | Uint8Array> {
  readonly arrival: Arrival<V>;
  readonly bytes: number;
  readonly missed: Missed | null;
}

interface Reader<V extends string | Uint8Array> {
  resolve(result: IteratorResult<Message<V>, undefined>): void;
  reject(cause: MSCacheError): void;
}

const end: IteratorReturnResult<undefined> = { value: undefined, done: true };

function merged(one: Missed | null, other: Missed | null): Missed | null {
  if (one === null || other === null) return one ?? other;
  return { linkLost: one.linkLost || other.linkLost, dropped: one.dropped + other.dropped };
}
