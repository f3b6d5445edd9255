// The loads of `resident`: one for each family of commands, and those of clients that do not read,
// come and go, or never log in. Each is bounded in count and bytes, whatever the server does.

import { Exchange, encode } from "./exchange.ts";

export interface Load {
  readonly name: string;
  /** Runs before the idle server is measured. */
  prepare?(bed: Bed): Promise<void>;
  run(bed: Bed): Promise<void>;
}

/** A server's clients for one load. They stay until the peak is read. */
export class Bed {
  readonly port: number;
  private readonly isSmoke: boolean;
  private readonly clients: Exchange[] = [];

  constructor(port: number, isSmoke: boolean) {
    this.port = port;
    this.isSmoke = isSmoke;
  }

  /** This many, or a fiftieth in a smoke run. */
  scale(count: number): number {
    return this.isSmoke ? Math.ceil(count / 50) : count;
  }

  async client(): Promise<Exchange> {
    const client = await Exchange.connect(this.port);
    this.clients.push(client);
    return client;
  }

  clientsOf(count: number): Promise<Exchange[]> {
    return Promise.all(Array.from({ length: count }, () => this.client()));
  }

  close(): void {
    for (const client of this.clients) client.close();
  }
}

const text = (bytes: number): string => "x".repeat(bytes);

function block(depth: number, command: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: depth }, (_, index) => command(index)));
}

/** Sends `count` blocks over connections that each wait for one reply before the next block. */
function steady(name: string, commands: Buffer, count: number, connections = 10): Load {
  const each = (bed: Bed) => Math.ceil(bed.scale(count) / connections);
  return {
    name,
    async prepare(bed) {
      const client = await bed.client();
      for (const bytes of [100, 10_000, 1_000_000]) {
        await client.ask(block(10, (i) => encode("SET", `${bytes}:${i}`, text(bytes))));
      }
      await client.ask(block(1000, (i) => encode("SET", `key:${i}`, "value")));
    },
    async run(bed) {
      const clients = await bed.clientsOf(connections);
      const repeat = async (client: Exchange) => {
        for (let i = 0; i < each(bed); i++) await client.ask(commands);
      };
      await Promise.all(clients.map(repeat));
    },
  };
}

const keys = (bytes: number, count: number) =>
  Array.from({ length: count }, (_, i) => `${bytes}:${i % 10}`);
const get = (bytes: number, depth: number) =>
  block(depth, (i) => encode("GET", `${bytes}:${i % 10}`));
const set = (bytes: number, depth: number) =>
  block(depth, (i) => encode("SET", `${bytes}:${i % 10}`, text(bytes)));
const pairs = keys(100, 10).flatMap((key) => [key, text(100)]);

const strings: readonly Load[] = [
  steady("SET 100 B, depth 1", set(100, 1), 30_000, 50),
  steady("SET 100 B, depth 64", set(100, 64), 8_000),
  steady("GET 100 B, depth 1", get(100, 1), 30_000, 50),
  steady("GET 100 B, depth 64", get(100, 64), 8_000),
  steady("SET 10 KB, depth 16", set(10_000, 16), 3_000),
  steady("GET 10 KB, depth 16", get(10_000, 16), 3_000),
  steady("SET 1 MB", set(1_000_000, 1), 400),
  steady("GET 1 MB", get(1_000_000, 1), 400),
  steady(
    "INCR, depth 64",
    block(64, () => encode("INCR", "counter")),
    8_000,
  ),
  steady(
    "APPEND 10 B, depth 64",
    block(64, (i) => (i === 0 ? encode("DEL", "long") : encode("APPEND", "long", text(10)))),
    4_000,
  ),
  steady(
    "MGET of 10, depth 16",
    block(16, () => encode("MGET", ...keys(100, 10))),
    8_000,
  ),
  steady(
    "MSET of 10, depth 16",
    block(16, () => encode("MSET", ...pairs)),
    8_000,
  ),
  steady(
    "MULTI, SET 1 KB, EXEC",
    block(16, (i) =>
      Buffer.concat([encode("MULTI"), encode("SET", `key:${i}`, text(1000)), encode("EXEC")]),
    ),
    8_000,
  ),
];

const reports: readonly Load[] = [
  steady(
    "INFO",
    block(4, () => encode("INFO")),
    1_500,
  ),
  steady(
    "CLIENT LIST of 100",
    block(4, () => encode("CLIENT", "LIST")),
    300,
    100,
  ),
  steady(
    "SCAN, COUNT 1000",
    block(4, () => encode("SCAN", 0, "COUNT", 1000)),
    1_000,
  ),
  steady(
    "KEYS of 1,000",
    block(4, () => encode("KEYS", "*")),
    500,
  ),
  steady(
    "CONFIG GET",
    block(4, () => encode("CONFIG", "GET", "*")),
    500,
  ),
  steady("COMMAND DOCS", encode("COMMAND", "DOCS"), 100),
];

// ---- publish and subscribe ----------------------------------------------------------------------

interface Publishing {
  readonly name: string;
  readonly bytes: number;
  readonly count: number;
  readonly readers: number;
  readonly isUnread?: boolean;
}

function publishing({ name, bytes, count, readers, isUnread = false }: Publishing): Load {
  return {
    name,
    async run(bed) {
      for (const reader of await bed.clientsOf(readers)) {
        await reader.ask(encode("SUBSCRIBE", "c"));
        if (isUnread) reader.pause();
      }
      const writer = await bed.client();
      const depth = Math.max(1, Math.min(1000, Math.floor(100_000 / bytes)));
      const commands = block(depth, () => encode("PUBLISH", "c", text(bytes)));
      for (let i = 0; i < bed.scale(count / depth); i++) await writer.ask(commands);
    },
  };
}

const churn = block(16, (i) =>
  Buffer.concat([
    encode("SUBSCRIBE", `c${i}`),
    encode("PSUBSCRIBE", `p${i}*`),
    encode("UNSUBSCRIBE"),
    encode("PUNSUBSCRIBE"),
  ]),
);

const messages: readonly Load[] = [
  publishing({ name: "PUBLISH 10 KB to 1", bytes: 10_000, count: 10_000, readers: 1 }),
  publishing({ name: "PUBLISH 10 KB to 10", bytes: 10_000, count: 4_000, readers: 10 }),
  publishing({ name: "PUBLISH 100 B to 10", bytes: 100, count: 30_000, readers: 10 }),
  publishing({
    ...{ name: "PUBLISH 1 B, 3 MB unread by 1", bytes: 1, count: 100_000 },
    ...{ readers: 1, isUnread: true },
  }),
  publishing({
    ...{ name: "PUBLISH 1 KB, 31 MB unread by 4", bytes: 1000, count: 30_000 },
    ...{ readers: 4, isUnread: true },
  }),
  publishing({
    ...{ name: "PUBLISH 10 KB, 31 MB unread by 4", bytes: 10_000, count: 3_100 },
    ...{ readers: 4, isUnread: true },
  }),
  steady("SUBSCRIBE and back", churn, 600),
];

// ---- clients that come, go and do not read ------------------------------------------------------

/** Runs ten lanes of connections, one after another in each, so that few are open at a time. */
function visits(name: string, count: number, visit: (bed: Bed) => Promise<void>): Load {
  return {
    name,
    async prepare(bed) {
      await (await bed.client()).ask(encode("SET", "large", text(1_000_000)));
    },
    async run(bed) {
      let left = bed.scale(count);
      const lane = async () => {
        while (left-- > 0) await visit(bed);
      };
      await Promise.all(Array.from({ length: 10 }, lane));
    },
  };
}

const unfinished = encode("SET", "k", text(200_000)).subarray(0, 150_000);

const visitors: readonly Load[] = [
  visits("5,000 connections, one GET each", 5_000, async ({ port }) => {
    const client = await Exchange.connect(port);
    await client.ask(encode("GET", "k"));
    client.close();
  }),
  visits("10,000 send 150 of 200 KB and leave", 10_000, async ({ port }) => {
    const client = await Exchange.connect(port);
    await client.send(unfinished);
    client.close();
  }),
  visits("500 leave before they read 8 MB", 500, async ({ port }) => {
    const client = await Exchange.connect(port);
    client.pause();
    await client.send(block(8, () => encode("GET", "large")));
    await Bun.sleep(20); // until it is answered
    client.close();
  }),
  {
    name: "100 never log in nor read",
    async run(bed) {
      await (await bed.client()).ask(encode("CONFIG", "SET", "requirepass", "secret")).catch(() => {
        // The PING that marks the end of the replies is itself refused.
      });
      const noise = block(50_000, () => encode("G")).subarray(0, 700_000);
      await Promise.all(
        (await bed.clientsOf(bed.scale(100))).map(async (client) => {
          client.pause();
          for (let i = 0; i < 3; i++) await client.send(noise);
        }),
      );
    },
  },
];

// ---- followers ----------------------------------------------------------------------------------

/** Requests a full sync, and is a follower from then on. */
async function follower(bed: Bed): Promise<Exchange> {
  const client = await bed.client();
  await client.ask(encode("REPLCONF", "capa", "eof", "capa", "psync2"));
  await client.send(encode("PSYNC", "?", -1));
  return client;
}

const followers: readonly Load[] = [
  {
    name: "500 WAIT, 6,000 acknowledgements",
    async run(bed) {
      const peer = await follower(bed);
      await Bun.sleep(1000); // redis-server joins followers that ask within some time
      for (const client of await bed.clientsOf(bed.scale(500))) {
        await client.send(Buffer.concat([encode("SET", "k", "v"), encode("WAIT", 2, 0)]));
      }
      const acknowledgements = block(bed.scale(100), (i) => encode("REPLCONF", "ACK", i));
      for (let i = 0; i < 60; i++) {
        await peer.send(acknowledgements);
        await Bun.sleep(10);
      }
    },
  },
  {
    name: "5 PSYNC that never read, 100 MB",
    async run(bed) {
      for (let i = 0; i < 5; i++) (await follower(bed)).pause();
      const writer = await bed.client();
      const commands = set(10_000, 100);
      for (let i = 0; i < bed.scale(100); i++) await writer.ask(commands);
    },
  },
];

export const loads: readonly Load[] = [...[strings, reports, messages, visitors, followers].flat()];
