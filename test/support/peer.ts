/**
 * The connection that the judging suites use: the harness's RESP client with replies shown as short
 * texts (`+OK`, `$abc`, `$null`, `*[:1 :2]`), which keep the wire type and read well in a failure.
 * Does no handshake and no reconnection: what a test writes is what is sent.
 * Invariant: replies are taken in the order in which they arrived.
 */
import { connect, type Socket } from "node:net";
import { RespClient } from "../harness.ts";
import { RawConnection } from "./raw-connection.ts";
import { type Argument, type Reply, show } from "./wire.ts";

export class Peer extends RespClient {
  private readonly socket: Socket;

  private constructor(socket: Socket) {
    super(new RawConnection(socket));
    this.socket = socket;
  }

  static connect(port: number, host = "127.0.0.1"): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new Peer(socket));
      });
    });
  }

  write(bytes: string | Uint8Array): void {
    this.raw.write(bytes);
  }

  /** Says that no more bytes will come, and keeps reading. */
  end(): void {
    this.socket.end();
  }

  /** Leaves at once, without a farewell. */
  breakOff(): void {
    this.socket.resetAndDestroy();
  }

  /** Takes no more bytes from the system: the server's end fills up. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  async replies(count: number): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (let i = 0; i < count; i++) replies.push(await this.reply());
    return replies;
  }

  /** The next reply as a short text. */
  async shown(): Promise<string> {
    return show(await this.reply());
  }

  /** One command and its reply as a short text. */
  async ask(...args: Argument[]): Promise<string> {
    return show(await this.typed(...args));
  }

  /** The bytes themselves, and the reply to them as a short text. */
  async askRaw(bytes: string | Uint8Array): Promise<string> {
    this.write(bytes);
    return await this.shown();
  }
}
