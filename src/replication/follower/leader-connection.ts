// A TCP connection to a leader: opens, writes all that it is given, hands bytes on, and says once why it
// ended. It speaks no protocol beyond writing a command, and never reconnects.
// Invariant: after close() nothing is called back; `closed` is called at most once.

import { linkSilenceMsMax } from "../../base/limits.ts";
import { ByteQueue } from "../byte-queue.ts";
import { countGarbage } from "../collection.ts";

const encoder = new TextEncoder();

export interface ConnectionEvents {
  opened(): void;
  received(chunk: Uint8Array): void;
  closed(reason: string): void;
}

export class LeaderConnection {
  readonly #events: ConnectionEvents;
  readonly #out = new ByteQueue();
  #socket: Bun.Socket | null = null;
  #ended = false;
  #paused = false;

  constructor(events: ConnectionEvents) {
    this.#events = events;
  }

  open(hostname: string, port: number): void {
    const socket = {
      open: (opened: Bun.Socket) => this.#opened(opened),
      data: (_: Bun.Socket, chunk: Uint8Array) => {
        countGarbage(chunk.length);
        if (!this.#ended) this.#events.received(chunk);
      },
      drain: () => this.#flush(),
      error: (_: Bun.Socket, error: Error) => this.#end(error.message),
      connectError: (_: Bun.Socket, error: Error) => this.#end(error.message),
      close: () => this.#end("it closed the connection"),
    };
    // A failed connection is told by connectError as well; whichever comes first counts.
    // For some hosts, an empty one or one with a zero byte, connect() throws instead of rejecting.
    Promise.try(() => Bun.connect({ hostname, port, socket })).catch((error) =>
      this.#end(String(error)),
    );
  }

  send(command: readonly string[]): void {
    const parts = command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.write(`*${command.length}\r\n${parts.join("")}`);
  }

  write(text: string): void {
    if (this.#ended) return;
    this.#out.push(encoder.encode(text));
    this.#flush();
  }

  /** Stops and resumes reading; what was read before may still be handed on. */
  setPaused(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#socket?.pause();
    else this.#socket?.resume();
  }

  close(): void {
    this.#ended = true;
    this.#out.clear();
    this.#socket?.terminate();
    this.#socket = null;
  }

  #opened(socket: Bun.Socket): void {
    if (this.#ended) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, linkSilenceMsMax);
    this.#events.opened();
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket === null || this.#ended) return;
    this.#out.writeTo({
      write: (bytes) => socket.write(bytes),
      end: () => socket.end(),
      remoteAddress: socket.remoteAddress,
    });
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.close();
    this.#events.closed(reason);
  }
}
