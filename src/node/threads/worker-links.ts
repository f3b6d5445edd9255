// Both ends of a link whose connection belongs to a data thread, while the link itself
// (replication/) is in the control thread. There, a LinkSocket posts what is written; in the data
// thread, a Link hands it to the connection and reports back.
// Invariant: at most `inFlightBytesMax` bytes are in flight or wait in the data thread for the
// socket, so that a slow follower looks like a full socket to its link, exactly as in one thread.

import type { Link, LinkSocket } from "../../base/link.ts";
import { ByteQueue } from "../../replication/byte-queue.ts";
import type { Connection } from "../connection/connection.ts";
import type { LinkEvent, LinkOrder } from "./thread-messages.ts";

/** A few of the links' 64 KiB chunks: enough to keep a fast follower busy during the round trip. */
const inFlightBytesMax = 1024 * 1024;

export type PostOrder = (order: LinkOrder, transfer?: ArrayBuffer[]) => void;
export type PostEvent = (event: LinkEvent, transfer?: ArrayBuffer[]) => void;

/** The control thread's end. */
export class RemoteLinkSocket implements LinkSocket {
  readonly remoteAddress: string;
  private readonly id: number;
  private readonly post: PostOrder;
  private inFlight = 0;
  private wasFull = false;
  /** Bytes written while the link was being made: they must not overtake the takeOver. */
  private early: Uint8Array<ArrayBuffer>[] | null = [];

  constructor(id: number, address: string, post: PostOrder) {
    this.id = id;
    this.remoteAddress = hostOf(address);
    this.post = post;
  }

  /** The link is made and owns the connection from here on. */
  begin(wantsData: boolean): void {
    if (this.early === null) return; // it has ended already
    this.post({ kind: "takeOver", id: this.id, wantsData });
    const early = this.early;
    this.early = null;
    for (const bytes of early) this.send(bytes);
  }

  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, inFlightBytesMax - this.inFlight);
    if (count < bytes.length) this.wasFull = true;
    if (count === 0) return 0;
    this.inFlight += count;
    const copy = new Uint8Array(bytes.subarray(0, count));
    if (this.early === null) this.send(copy);
    else this.early.push(copy);
    return count;
  }

  end(): void {
    this.begin(false);
    this.post({ kind: "linkEnd", id: this.id });
  }

  /** The connection's socket took this many bytes. True if a link that found it full may resume. */
  taken(bytes: number): boolean {
    this.inFlight -= bytes;
    if (!this.wasFull || this.inFlight > inFlightBytesMax / 2) return false;
    this.wasFull = false;
    return true;
  }

  private send(bytes: Uint8Array<ArrayBuffer>): void {
    this.post({ kind: "linkWrite", id: this.id, bytes }, [bytes.buffer]);
  }
}

/** The data thread's end. */
export class RemoteLink implements Link {
  readonly onData?: (chunk: Uint8Array) => void;
  private readonly connection: Connection;
  private readonly post: PostEvent;
  private readonly queue = new ByteQueue();
  private reportedActiveMs: number;

  constructor(connection: Connection, wantsData: boolean, post: PostEvent) {
    this.connection = connection;
    this.post = post;
    this.reportedActiveMs = connection.session.lastActiveMs;
    if (wantsData) this.onData = (chunk) => post({ kind: "linkData", id: this.id, chunk });
  }

  private get id(): number {
    return this.connection.session.id;
  }

  write(bytes: Uint8Array): void {
    this.queue.push(bytes);
    this.onDrain();
  }

  onDrain(): void {
    const before = this.queue.bytes;
    this.queue.writeTo(this.connection);
    const bytes = before - this.queue.bytes;
    if (bytes > 0) this.post({ kind: "linkTaken", id: this.id, bytes });
  }

  /** Only what waits in this thread: the link itself tells the rest. */
  get waitingBytes(): number {
    return this.queue.bytes;
  }

  /** Ends the connection. Bytes that the socket does not take now are lost, as in one thread. */
  end(): void {
    this.queue.clear();
    this.connection.end();
  }

  acknowledge(offset: number): void {
    this.post({ kind: "linkAcknowledged", id: this.id, offset });
  }

  tellTree(text: string): void {
    this.post({ kind: "linkTold", id: this.id, text });
  }

  onClose(): void {
    this.queue.clear();
    this.post({ kind: "linkClosed", id: this.id });
  }

  /** Reports whether bytes came since the last call, for the bound on silence. */
  reportActivity(): void {
    const { lastActiveMs } = this.connection.session;
    if (lastActiveMs === this.reportedActiveMs) return;
    this.reportedActiveMs = lastActiveMs;
    this.post({ kind: "linkActive", id: this.id, atMs: lastActiveMs });
  }
}

/** `127.0.0.1:5000` -> `127.0.0.1`, `[::1]:5000` -> `::1`. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
