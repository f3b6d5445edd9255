/**
 * A leader made of prepared bytes: it answers a follower's handshake, and to PSYNC it sends what
 * the test has prepared and then closes its end, so that the follower reads everything and comes
 * again. Keeps no data and reads no acknowledgements: what a follower makes of the bytes is asked
 * of the follower.
 * Invariant: one connection, one answer to PSYNC; `served` counts those whose follower has gone
 * again.
 */
import { createServer, type Server, type Socket } from "node:net";
import { ReplyReader, textOf } from "./wire.ts";

const host = "127.0.0.1";

export interface Answer {
  readonly bytes: Uint8Array;
  /** Leaves the connection open, as a leader does that has nothing more to say. */
  readonly staysOpen: boolean;
}

export class ScriptedLeader implements AsyncDisposable {
  readonly port: number;
  /** Connections that got an answer and have ended. */
  served = 0;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(server: Server, port: number, answer: (replid: string) => Answer) {
    this.server = server;
    this.port = port;
    server.on("connection", (socket) => this.accept(socket, answer));
  }

  /** `answer` is told the replid that the follower asks to go on with, or "?". */
  static start(answer: (replid: string) => Answer): Promise<ScriptedLeader> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true });
      server.once("error", reject);
      server.listen(0, host, () => {
        const address = server.address();
        const port = typeof address === "object" && address !== null ? address.port : 0;
        resolve(new ScriptedLeader(server, port, answer));
      });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private accept(socket: Socket, answer: (replid: string) => Answer): void {
    const reader = new ReplyReader();
    let isAnswered = false;
    this.sockets.add(socket);
    socket.on("data", (chunk: Buffer) => {
      reader.push(chunk);
      // What comes behind PSYNC, newlines among it, is not looked at.
      for (let it = isAnswered ? undefined : reader.next(); it !== undefined; it = reader.next()) {
        const words = Array.isArray(it.value) ? it.value.map(textOf) : [];
        isAnswered = words[0] === "PSYNC";
        if (isAnswered) return this.serve(socket, answer(words[1]));
        socket.write(words[0] === "PING" ? "+PONG\r\n" : "+OK\r\n");
      }
    });
    // "close" follows, which is what counts.
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      this.sockets.delete(socket);
      if (isAnswered) this.served++;
    });
  }

  private serve(socket: Socket, { bytes, staysOpen }: Answer): void {
    socket.write(bytes);
    if (!staysOpen) socket.end();
  }
}
