/**
 * A client that tracks keys in RESP3 and one that changes them, on one node, and what the first was
 * told. What crosses threads arrives in store order, so that a last change of a tracked key shows
 * that nothing else comes before it.
 */
import { waitFor } from "../harness.ts";
import { Peer } from "./peer.ts";
import { type Argument, show, textOf } from "./wire.ts";

export const pushOf = (...keys: string[]): string => {
  return `>[$invalidate *[${keys.map((key) => `$${key}`).join(" ")}]]`;
};

/** A client that reads in RESP3, and one that writes. */
export class TrackingRoom {
  readonly reader: Peer;
  readonly writer: Peer;
  private readonly port: number;

  private constructor(port: number, reader: Peer, writer: Peer) {
    this.port = port;
    this.reader = reader;
    this.writer = writer;
  }

  static async open(port: number): Promise<TrackingRoom> {
    const reader = await Peer.connect(port);
    await reader.ask("HELLO", "3");
    return new TrackingRoom(port, reader, await Peer.connect(port));
  }

  connect(): Promise<Peer> {
    return Peer.connect(this.port);
  }

  /**
   * What the reader was told up to now: it reads one key more, which is changed last. `before` is
   * sent before that read.
   */
  async pushes(...before: Argument[]): Promise<string[]> {
    const { reader, writer } = this;
    const found: string[] = [];
    const ask = async (...args: Argument[]) => {
      reader.send(...args);
      for (;;) {
        const reply = await reader.reply();
        if (reply.type !== ">") return;
        found.push(show(reply));
      }
    };
    if (before.length > 0) await ask(...before);
    await ask("GET", "last");
    await writer.ask("SET", "last", "1");
    for (;;) {
      const push = await reader.shown();
      if (push === pushOf("last")) return found;
      found.push(push);
    }
  }

  async flagsOf(client: Peer): Promise<string> {
    const line = textOf(await client.typed("CLIENT", "INFO"));
    return / flags=(\S+)/.exec(line)?.[1] ?? "";
  }

  async untilGone(id: string): Promise<void> {
    await waitFor(async () => !(await this.writer.ask("CLIENT", "LIST")).includes(`id=${id} `));
  }

  async untilInfo(wanted: { clients: number; keys: number; items: number; prefixes: number }) {
    await waitFor(async () => {
      const text = textOf(await this.writer.typed("INFO", "everything"));
      const field = (name: string) => Number(new RegExp(`${name}:(\\d+)`).exec(text)?.[1]);
      return Bun.deepEquals(wanted, {
        clients: field("tracking_clients"),
        keys: field("tracking_total_keys"),
        items: field("tracking_total_items"),
        prefixes: field("tracking_total_prefixes"),
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reader[Symbol.asyncDispose]();
    await this.writer[Symbol.asyncDispose]();
  }
}
