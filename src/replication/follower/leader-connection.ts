// A connection to a leader, by TCP or TLS: opens, writes everything it is given, passes on received
// bytes, and reports once why it ended. It speaks no protocol beyond writing a command, and never
// reconnects. By TLS the leader must have a certificate of a trusted authority; it may be another
// host's, as in Redis, because Sentinel knows leaders by addresses that certificates seldom name.
// Invariant: after close() it makes no callbacks; `closed` is called at most once.

import { isIpAddress } from "../../base/address.ts";
import { type Lookup, lookUp } from "../../base/host-lookup.ts";
import { addressMsMax, dialsMax, linkSilenceMsMax } from "../../base/limits.ts";
import { doneWithin } from "../../base/patience.ts";
import { reasonOf } from "../../base/reason.ts";
import { distrust, type TlsLink, tlsReason } from "../../base/tls-link.ts";
import { commandBytes } from "../../protocol/resp/command-bytes.ts";
import { ByteQueue } from "../byte-queue.ts";
import type { Garbage } from "../collection.ts";

const closedIt = "it closed the connection";
const encoder = new TextEncoder();

export interface ConnectionEvents {
  opened(): void;
  /** Whoever receives a chunk may free it. */
  received(chunk: Uint8Array): void;
  closed(reason: string): void;
}

/** How to get to a leader. */
interface Way {
  readonly lookup?: Lookup;
  /** Null: without TLS. */
  readonly tls?: TlsLink | null;
}

/**
 * The attempts of one node to connect to leaders, as long as they are under way. None can be taken
 * back (Bun 1.4.5), and one to an address that says nothing lasts two minutes.
 */
export class Dials {
  underWay = 0;

  get hasRoom(): boolean {
    return this.underWay < dialsMax;
  }

  connect<Result>(dial: () => Promise<Result>): Promise<Result> {
    this.underWay++;
    return Promise.try(dial).finally(() => void this.underWay--);
  }
}

export class LeaderConnection {
  private readonly events: ConnectionEvents;
  private readonly dials: Dials;
  private readonly garbage: Garbage;
  private readonly out = new ByteQueue();
  private socket: Bun.Socket | null = null;
  private ended = false;
  private paused = false;

  constructor(events: ConnectionEvents, dials: Dials, garbage: Garbage) {
    this.events = events;
    this.dials = dials;
    this.garbage = garbage;
  }

  /**
   * Asks for the host's addresses anew: Bun.connect() goes by an answer of half a minute ago
   * (1.4.5).
   */
  open(host: string, port: number, { lookup = lookUp, tls = null }: Way = {}): void {
    // For some hosts, an empty one or one with a zero byte, these throw instead of rejecting.
    this.dial(host, port, lookup, tls).catch((error) => this.end(reasonOf(error)));
  }

  /** One address after the other; the next one does not wait for one that says nothing. */
  private async dial(
    host: string,
    port: number,
    lookup: Lookup,
    link: TlsLink | null,
  ): Promise<void> {
    const hosts = await lookup(host);
    const socket = link === null ? this.handlers() : this.tlsHandlers(link);
    // The certificate is judged by tlsHandlers(). A proxy may go by the name.
    const name = !isIpAddress(host) ? { serverName: host } : {};
    const tls = link === null ? {} : { tls: { ...name, ...link, rejectUnauthorized: false } };
    let failures = 0;
    for (const hostname of hosts) {
      if (this.ended || this.socket !== null) return;
      if (!this.dials.hasRoom) return this.end(`${dialsMax} connections are still being opened`);
      const dialled = this.dials.connect(() => Bun.connect({ hostname, port, socket, ...tls }));
      const attempt = dialled.catch((error) => {
        failures++;
        if (failures === hosts.length) this.end(reasonOf(error));
      });
      await doneWithin(addressMsMax, attempt);
    }
  }

  /** Of two connections the later one is surplus, and nothing of it counts. */
  private handlers(): Bun.SocketHandler<undefined> {
    const ends = (socket: Bun.Socket, reason: string) => {
      if (socket === this.socket) this.end(reason);
    };
    return {
      open: (opened) => {
        if (this.took(opened)) this.events.opened();
      },
      data: (_, chunk) => {
        if (!this.ended) this.events.received(chunk);
        this.garbage.count(chunk.length); // 0 bytes if freed by hand
      },
      drain: () => this.flush(),
      error: (socket, error) => ends(socket, reasonOf(error)),
      close: (socket) => ends(socket, closedIt),
    };
  }

  /** The connection is open when the leader has shown that it is one. */
  private tlsHandlers(link: TlsLink): Bun.SocketHandler<undefined> {
    let isDone = false;
    return {
      ...this.handlers(),
      open: (opened) => void this.took(opened),
      handshake: (socket, _, fault) => {
        if (socket !== this.socket) return;
        const reason = distrust(socket, fault, link.checksHost !== true);
        if (reason !== null) return this.end(`TLS: ${reason}`);
        isDone = true;
        this.events.opened();
      },
      close: (socket) => {
        if (socket !== this.socket) return;
        this.end(isDone ? closedIt : `${closedIt} during the TLS handshake: is this its TLS port?`);
      },
      error: (socket, error) => {
        if (socket === this.socket) this.end(`TLS: ${tlsReason(error)}`);
      },
    };
  }

  send(command: readonly string[]): void {
    this.writeBytes(commandBytes(command));
  }

  write(text: string): void {
    this.writeBytes(encoder.encode(text));
  }

  /** Keeps the array until the socket has taken it. */
  writeBytes(bytes: Uint8Array): void {
    if (this.ended) return;
    this.out.push(bytes);
    this.flush();
  }

  get unsentBytes(): number {
    return this.out.bytes;
  }

  /** Stops and resumes reading; what was read before may still be handed on. */
  setPaused(paused: boolean): void {
    if (paused === this.paused) return;
    this.paused = paused;
    if (paused) this.socket?.pause();
    else this.socket?.resume();
  }

  close(): void {
    this.ended = true;
    this.out.clear();
    this.socket?.terminate();
    this.socket = null;
  }

  /** False: it came too late. */
  private took(socket: Bun.Socket): boolean {
    if (this.ended || this.socket !== null) {
      socket.terminate();
      return false;
    }
    this.socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, linkSilenceMsMax);
    return true;
  }

  private flush(): void {
    const socket = this.socket;
    if (socket === null || this.ended) return;
    this.out.writeTo({
      write: (bytes) => socket.write(bytes),
      end: () => socket.end(),
      remoteAddress: socket.remoteAddress,
    });
  }

  private end(reason: string): void {
    if (this.ended) return;
    this.close();
    this.events.closed(reason);
  }
}
