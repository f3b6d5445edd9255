/**
 * A leader that says what a test tells it to, and followers for it: it listens on a port of the
 * system's choice, parses what the follower sends and hands it out one command after the other.
 * Answers nothing by itself; of several connections the newest counts.
 */
import { expect } from "bun:test";
import { Request } from "../../../src/protocol/request.ts";
import { RespParser } from "../../../src/protocol/resp/resp-parser.ts";
import { RdbWriter } from "../../../src/rdb/writer.ts";
import type { SmallStoreOptions } from "../../support/small-store.ts";
import { encodeCommand } from "../../support/wire.ts";
import { until } from "../../unit/replication/fakes.ts";
import { TestNode } from "./test-node.ts";

export class ScriptedLeader implements AsyncDisposable {
  /** Commands that came and were not looked at, as text with spaces between the words. */
  readonly commands: string[] = [];
  connections = 0;
  closed = 0;
  private readonly listener: Bun.TCPSocketListener<undefined>;
  private socket: Bun.Socket<undefined> | null = null;
  private parser = new RespParser();

  constructor() {
    this.listener = Bun.listen<undefined>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          this.connections++;
          this.socket = socket;
          this.parser = new RespParser();
        },
        data: (socket, chunk) => {
          if (socket === this.socket) this.received(chunk);
        },
        close: () => void this.closed++,
      },
    });
  }

  get port(): number {
    return this.listener.port;
  }

  send(bytes: string | Uint8Array): void {
    const raw = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    if (this.socket?.write(raw) !== raw.length) throw new Error("the follower does not read");
    this.socket.flush();
  }

  command(...args: (string | Uint8Array)[]): number {
    const bytes = encodeCommand(args);
    this.send(bytes);
    return bytes.length;
  }

  /** The next command, skipping periodic acknowledgements unless one is what is waited for. */
  async expect(wanted: RegExp): Promise<string> {
    for (;;) {
      await until(() => this.commands.length > 0, `the follower sends ${wanted}`);
      const command = this.commands.shift() ?? "";
      if (wanted.test(command)) return command;
      if (!command.startsWith("REPLCONF ACK")) throw new Error(`${command} instead of ${wanted}`);
    }
  }

  /** Answers the handshake up to PSYNC and returns that command. */
  async handshake(): Promise<string> {
    await this.expect(/^PING$/);
    this.send("+PONG\r\n");
    await this.expect(/^REPLCONF listening-port 7777$/);
    await this.expect(
      /^REPLCONF capa eof capa psync2 capa mscache-tree capa mscache-seekers=[0-9a-f]{16}:0(,\S+)?$/,
    );
    this.send("+OK\r\n+OK\r\n");
    return this.expect(/^PSYNC /);
  }

  cut(): void {
    this.socket?.terminate();
    this.socket = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.stop(true);
  }

  private received(chunk: Uint8Array): void {
    this.parser.feed(chunk);
    const request = new Request();
    while (this.parser.next(request)) {
      const words = Array.from({ length: request.argc }, (_, i) => request.text(i));
      this.commands.push(words.join(" "));
    }
  }
}

// ---- followers ----------------------------------------------------------------------------------

export const replid = "0123456789abcdef0123456789abcdef01234567";
export const mark = "e".repeat(40);

/** The bytes of a snapshot with these items. */
export function snapshot(items: Record<string, string>, streamDatabase = 0): Buffer {
  const writer = new RdbWriter();
  writer.header({
    serverVersion: "7.2.4",
    replid: replid,
    offset: 1000,
    streamDatabase,
    usedMemoryBytes: 0,
    createdAtMs: 0,
  });
  for (const [key, text] of Object.entries(items)) {
    const value = Buffer.from(text);
    const copyTo = (target: Uint8Array, at: number, from: number, length: number) =>
      target.set(value.subarray(from, from + length), at);
    writer.item(Buffer.from(key), 0, key.length, { copyTo }, value.length, 0);
  }
  writer.end();
  return Buffer.from(writer.output.view());
}

export function follower(storeOptions: SmallStoreOptions = {}): TestNode {
  return new TestNode({ listeningPort: 7777, ...storeOptions });
}

/** Brings a follower online by a full sync at offset 1000. */
export async function online(
  leader: ScriptedLeader,
  node: TestNode,
  items: Record<string, string> = { a: "1" },
): Promise<void> {
  node.follow(leader.port);
  expect(await leader.handshake()).toBe("PSYNC ? -1");
  const bytes = snapshot(items);
  leader.send(`+FULLRESYNC ${replid} 1000\r\n`);
  leader.send(`$EOF:${mark}\r\n${bytes.toString("latin1")}${mark}`);
  expect(await leader.expect(/ACK/)).toBe("REPLCONF ACK 1000");
}

/** The state of its link, or "leader". */
export function state(node: TestNode): string {
  const role = node.replication.role();
  return role.role === "follower" ? role.state : role.role;
}
