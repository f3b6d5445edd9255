// Hot path: one connection of the load generator. It writes a block of requests at once, buffers
// what the socket does not take, reads the replies and reports when the block is complete. It does
// not choose requests and does not know when to stop.
// Invariant: at most one block is in flight; after its last reply the connection is idle.

import type { Socket } from "bun";
import { formatAddress } from "../base/address.ts";
import { monotonicMs } from "../base/clock.ts";
import type { Histogram } from "./histogram.ts";
import type { ReplyReader } from "./replies.ts";
import { replyReader } from "./reply-formats.ts";
import type { RequestBlock } from "./requests.ts";
import { BenchError, SET, type Workload } from "./workload.ts";

const connectTimeoutMs = 10_000;

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Sent as AUTH before anything else; RESP only. */
  readonly password?: string;
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
    const opened = Bun.connect({
      hostname: target.host,
      port: target.port,
      socket: {
        data: (_socket, chunk) => this.onData(chunk),
        drain: () => this.onDrain(),
        close: () => this.onClose(),
        error: (_socket, error) => this.driver.onFailure(error),
      },
    });
    this.socket = await withinTime(opened, target);
    if (target.password !== undefined) await this.authenticate(target.password);
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

  /** AUTH has the same reply as a write, so the reader needs no third kind of reply. */
  private async authenticate(password: string): Promise<void> {
    const driver = this.driver;
    const line = `*2\r\n$4\r\nAUTH\r\n$${Buffer.byteLength(password)}\r\n${password}\r\n`;
    const bytes = new TextEncoder().encode(line);
    await new Promise<void>((resolve, reject) => {
      this.driver = { onIdle: () => resolve(), onFailure: reject };
      this.reader.expect(Uint8Array.of(SET), Int32Array.of(0), Int32Array.of(0));
      this.outstanding = 1;
      this.startedMs = monotonicMs();
      this.write(bytes, bytes.length);
    });
    this.driver = driver;
    const tally = this.reader.tally;
    if (tally.errors > 0) throw new BenchError(`the password was refused: ${tally.firstError}`);
    tally.replies = 0;
  }
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
    throw new BenchError(`no connection to ${formatAddress(target)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
