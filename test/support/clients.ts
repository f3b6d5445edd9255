/**
 * Stock clients behind one small face, so that one behaviour suite runs through all of them.
 * Does not hide what a client makes of a reply except for the containers: maps and buffers become
 * plain objects and texts, numbers stay numbers.
 * Invariant: every client connects with its defaults: only the address is given.
 */
import { RedisClient } from "bun";
import { Redis as Ioredis6 } from "ioredis";
import { Redis as Ioredis5 } from "ioredis-5";
import { createClient, RESP_TYPES } from "redis";

export type ClientArgument = string | Buffer;

/** The commands go through each client's own methods where the suite names them. */
export interface StockClient extends AsyncDisposable {
  get(key: string): Promise<string | null>;
  getBytes(key: ClientArgument): Promise<Buffer | null>;
  set(key: string, value: string): Promise<unknown>;
  setBytes(key: ClientArgument, value: Buffer): Promise<unknown>;
  del(key: string): Promise<number>;
  exists(key: string): Promise<number>;
  incr(key: string): Promise<number>;
  expire(key: string, seconds: number): Promise<unknown>;
  ttl(key: string): Promise<number>;
  mget(keys: string[]): Promise<(string | null)[]>;
  /** Any command, replies made plain. */
  call(...args: string[]): Promise<unknown>;
}

export interface StockClientKind {
  readonly name: string;
  readonly protocol: 2 | 3;
  connect(port: number): Promise<StockClient>;
}

/** Maps to objects, bytes to text, and so on down; errors inside arrays stay errors. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object" || value instanceof Error) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

type Ioredis = Ioredis5 | Ioredis6;

async function overIoredis(client: Ioredis): Promise<StockClient> {
  // The rejections of the commands themselves tell a test what went wrong.
  client.on("error", () => {});
  await client.connect();
  return {
    get: (key) => client.get(key),
    getBytes: (key) => client.getBuffer(key),
    set: (key, value) => client.set(key, value),
    setBytes: (key, value) => client.set(key, value),
    del: (key) => client.del(key),
    exists: (key) => client.exists(key),
    incr: (key) => client.incr(key),
    expire: (key, seconds) => client.expire(key, seconds),
    ttl: (key) => client.ttl(key),
    mget: (keys) => client.mget(keys),
    call: async (name, ...rest) => plain(await client.call(name as string, ...rest)),
    async [Symbol.asyncDispose]() {
      client.disconnect();
    },
  };
}

async function overNodeRedis(port: number): Promise<StockClient> {
  const client = createClient({ socket: { host: "127.0.0.1", port } });
  client.on("error", () => {});
  await client.connect();
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  return {
    get: (key) => client.get(key),
    getBytes: async (key) => (await binary.get(key)) as Buffer | null,
    set: (key, value) => client.set(key, value),
    setBytes: (key, value) => client.set(key, value),
    del: (key) => client.del(key),
    exists: (key) => client.exists(key),
    incr: (key) => client.incr(key),
    expire: (key, seconds) => client.expire(key, seconds),
    ttl: (key) => client.ttl(key),
    mget: (keys) => client.mGet(keys),
    call: async (...args) => plain(await client.sendCommand(args)),
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
}

async function overBun(port: number): Promise<StockClient> {
  const client = new RedisClient(`redis://127.0.0.1:${port}`);
  await client.connect();
  return {
    get: (key) => client.get(key),
    async getBytes(key) {
      const bytes = await client.getBuffer(key);
      return bytes === null ? null : Buffer.from(bytes);
    },
    set: (key, value) => client.set(key, value),
    setBytes: (key, value) => client.set(key, value),
    del: (key) => client.del(key),
    exists: async (key) => Number(await client.exists(key)),
    incr: (key) => client.incr(key),
    expire: (key, seconds) => client.expire(key, seconds),
    ttl: (key) => client.ttl(key),
    mget: (keys) => client.mget(...(keys as [string, ...string[]])),
    call: async (name, ...rest) => plain(await client.send(name as string, rest)),
    async [Symbol.asyncDispose]() {
      client.close();
    },
  };
}

export const stockClients: readonly StockClientKind[] = [
  {
    name: "ioredis 6",
    protocol: 3,
    connect: (port) => overIoredis(new Ioredis6({ port, lazyConnect: true })),
  },
  {
    name: "ioredis 5",
    protocol: 2,
    connect: (port) => overIoredis(new Ioredis5({ port, lazyConnect: true })),
  },
  { name: "node-redis", protocol: 3, connect: overNodeRedis },
  { name: "Bun's RedisClient", protocol: 3, connect: overBun },
];
