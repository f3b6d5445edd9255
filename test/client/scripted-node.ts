// A node that follows a script: it listens on a free port, reads commands, and replies to each with
// the bytes that the script gives for it, or with nothing. It greets HELLO by itself unless the
// script does. It has no store and no role, so a test can produce any order of events.

import type { Socket } from "bun";
import { partsOf, ReplyReader, textOf } from "../support/wire.ts";

/** One accepted connection. */
export class Peer {
  readonly reader = new ReplyReader();
  readonly socket: Socket<Peer>;
  /** The commands of each arrival of bytes: requests of one write mostly arrive as one. */
  readonly arrivals: string[][] = [];
  isClosed = false;

  constructor(socket: Socket<Peer>) {
    this.socket = socket;
  }

  /** The commands that arrived here, HELLO left out. */
  get commands(): string[] {
    return this.arrivals.flat().filter((command) => !command.startsWith("HELLO"));
  }
}

/** The raw answer to a command, its words joined by spaces; undefined leaves it unanswered. */
export type Script = (command: string, peer: Peer) => string | undefined;

export const leaderGreeting = "%2\r\n+proto\r\n:3\r\n+role\r\n+master\r\n";
export const followerGreeting = "%2\r\n+proto\r\n:3\r\n+role\r\n+replica\r\n";

export class ScriptedNode implements AsyncDisposable {
  readonly peers: Peer[] = [];
  readonly port: number;
  script: Script;
  private readonly listener: Bun.TCPSocketListener<Peer>;

  constructor(script: Script, port = 0) {
    this.script = script;
    this.listener = Bun.listen<Peer>({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => {
          socket.data = new Peer(socket);
          this.peers.push(socket.data);
        },
        data: (socket, chunk) => this.receive(socket.data, chunk),
        close: (socket) => {
          socket.data.isClosed = true;
        },
      },
    });
    this.port = this.listener.port;
  }

  get addr(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** All commands of all connections, HELLO left out. */
  get commands(): string[] {
    return this.peers.flatMap((peer) => peer.commands);
  }

  /** Cuts every connection; the port stays open. */
  cut(): void {
    for (const peer of this.peers) peer.socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.listener.stop(true);
  }

  private receive(peer: Peer, chunk: Uint8Array): void {
    peer.reader.push(chunk);
    const commands: string[] = [];
    for (let next = peer.reader.next(); next !== undefined; next = peer.reader.next()) {
      commands.push(partsOf(next).map(textOf).join(" "));
    }
    if (commands.length > 0) peer.arrivals.push(commands);
    for (const command of commands) this.answer(peer, command);
  }

  private answer(peer: Peer, command: string): void {
    const answer = this.script(command, peer);
    if (answer !== undefined) peer.socket.write(Buffer.from(answer, "latin1"));
    else if (command.startsWith("HELLO")) peer.socket.write(leaderGreeting);
  }
}

/** ROLE's answer of a follower of this node. */
export function followerOf({ port }: { port: number }): string {
  return `*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:${port}\r\n$9\r\nconnected\r\n:0\r\n`;
}

/** ROLE's answer of a leader. */
export const leaderRole = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";

/** The refusal of a write by a follower. */
export const readOnly = "-READONLY You can't write against a read only replica.\r\n";
