// Hot path: one connection of the load generator. It writes a block of requests at once, buffers
// what the socket does not take, reads the replies and reports when the block is complete. It does
// not choose requests and does not know when to stop.
// Invariant: at most one block is in flight; after its last reply the connection is idle.

import type { Socket } from "bun";
import { monotonicMs } from "../base/clock.ts";
import { formatPlace, type Place } from "../base/place.ts";
import { reasonOf, refusalOf } from "../base/reason.ts";
import { type ConnectTls, handshakeFault } from "../base/tls-link.ts";
import { commandBytes } from "../protocol/resp/command-bytes.ts";
import type { Histogram } from "./histogram.ts";
import type { ReplyReader } from "./replies.ts";
import { replyReader } from "./reply-formats.ts";
import type { RequestBlock } from "./requests.ts";
import { BenchError, SET, type Workload } from "./workload.ts";

const connectTimeoutMs = 10_000;

export interface Target extends Place {
  readonly tls?: ConnectTls | undefined;
  /** Sent as AUTH before anything else, with the user if there is one; RESP only. */
  readonly password?: string;
  readonly username?: string;
  /** The database to select; RESP only. */
  readonly database?: number;
}

/** The callbacks of a connection. */
export interface Driver {
  onIdle(connection: Connection, nowMs: number): void;
  onFailure(error: Error): void;
}

export class Connection {
  readonly reader: ReplyReader;
  private readonly histogram: Histogram;
  private socket: Socket<undefined> | null = null;
  private driver: Driver;
  private outstanding = 0;
  private startedMs = 0;
  /** The bytes that the socket has not taken yet; a copy, as blocks are shared. */
  private unsent: Uint8Array | null = null;
  private closing = false;
  bytesIn = 0;
  bytesOut = 0;

  constructor(workload: Workload, histogram: Histogram, driver: Driver) {
    this.reader = replyReader(workload);
    this.histogram = histogram;
    this.driver = driver;
  }

  async open(target: Target): Promise<void> {
    const socket = {
      data: (_: unknown, chunk: Uint8Array) => this.onData(chunk),
      drain: () => this.onDrain(),
      close: () => this.onClose(),
      error: (_: unknown, error: Error) => this.driver.onFailure(error),
    };
    this.socket = await withinTime(dial(target, socket), target);
    const { username, password, database = 0 } = target;
    if (password !== undefined) {
      const login = username === undefined ? [password] : [username, password];
      await this.prepare(["AUTH", ...login], "the password was refused", password);
    }
    if (database > 0) await this.prepare(["SELECT", `${database}`], "the database was refused");
  }

  get idle(): boolean {
    return this.outstanding === 0;
  }

  /** Sends a block whose latency counts from `startedMs`, which may be in the past. */
  send(block: RequestBlock, startedMs: number): void {
    this.reader.expect(block.kinds, block.keys, block.lengths);
    this.outstanding = block.kinds.length;
    this.startedMs = startedMs;
    this.write(block.bytes, block.size);
  }

  close(): void {
    this.closing = true;
    this.socket?.end();
  }

  private write(bytes: Uint8Array, size: number): void {
    if (this.socket === null) throw new BenchError("a connection was used before it was open");
    const taken = Math.max(0, this.socket.write(bytes, 0, size));
    this.bytesOut += taken;
    this.unsent = taken < size ? bytes.slice(taken, size) : null;
  }

  private onDrain(): void {
    if (this.unsent === null || this.socket === null) return;
    const taken = Math.max(0, this.socket.write(this.unsent));
    this.bytesOut += taken;
    this.unsent = taken < this.unsent.length ? this.unsent.subarray(taken) : null;
  }

  private onData(chunk: Uint8Array): void {
    const replies = this.reader.feed(chunk);
    this.bytesIn += chunk.length;
    if (replies === 0) return;
    const nowMs = monotonicMs();
    this.histogram.record(nowMs - this.startedMs, replies);
    this.outstanding -= replies;
    if (this.outstanding < 0) {
      throw new BenchError("the server sent more replies than there were requests");
    }
    if (this.outstanding === 0) this.driver.onIdle(this, nowMs);
  }

  private onClose(): void {
    if (!this.closing) this.driver.onFailure(new BenchError("the server closed a connection"));
  }

  /** These commands have the same reply as a write, so the reader needs no third kind. */
  private async prepare(words: readonly string[], failure: string, secret = ""): Promise<void> {
    const driver = this.driver;
    const bytes = commandBytes(words);
    await new Promise<void>((resolve, reject) => {
      this.driver = { onIdle: () => resolve(), onFailure: reject };
      this.reader.expect(Uint8Array.of(SET), Int32Array.of(0), Int32Array.of(0));
      this.outstanding = 1;
      this.startedMs = monotonicMs();
      this.write(bytes, bytes.length);
    });
    this.driver = driver;
    const tally = this.reader.tally;
    if (tally.errors > 0) {
      throw new BenchError(`${failure}: ${refusalOf(tally.firstError, secret)}`);
    }
    tally.replies = 0;
  }
}

type Handlers = Bun.SocketHandler<undefined>;

/** By TLS it resolves when the handshake is done and the server is trusted. */
function dial(target: Target, socket: Handlers): Promise<Socket<undefined>> {
  const { host: hostname, port, unixPath, tls } = target;
  if (unixPath !== undefined) return Bun.connect({ unix: unixPath, socket });
  if (tls === undefined) return Bun.connect({ hostname, port, socket });
  const { promise, resolve, reject } = Promise.withResolvers<Socket<undefined>>();
  const failed = (reason: string) => reject(new BenchError(`TLS: ${reason}`));
  const handlers: Handlers = {
    ...socket,
    handshake: (opened, _, fault) => {
      const reason = handshakeFault(opened, fault, tls);
      if (reason === null) return resolve(opened);
      failed(reason);
      opened.terminate();
    },
    close: (closed, error) => {
      failed("the server closed the connection"); // does nothing if it was open
      socket.close?.(closed, error);
    },
  };
  Promise.try(() => Bun.connect({ hostname, port, tls, socket: handlers })).catch(reject);
  return promise;
}

async function withinTime(
  opened: Promise<Socket<undefined>>,
  target: Target,
): Promise<Socket<undefined>> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("timed out")), connectTimeoutMs);
  try {
    return await Promise.race([opened, late]);
  } catch (cause) {
    throw new BenchError(`no connection to ${formatPlace(target)}: ${reasonOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
