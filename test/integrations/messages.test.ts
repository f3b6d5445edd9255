/**
 * Messages between processes by way of the node: the adapters of socket.io, one of them on sharded
 * channels, and subscriptions of GraphQL, unchanged.
 */
import { expect, setDefaultTimeout } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { type Bench, integration, stock, type Untyped } from "./stock.ts";

setDefaultTimeout(caseMsMax);

/** Two servers of socket.io with a client each. */
async function broadcast(
  bench: Bench,
  adapter: () => Promise<Untyped>,
): Promise<{ servers: Untyped[]; clients: Untyped[] }> {
  const { Server } = await stock("socket.io");
  const { io } = await stock("socket.io-client");
  const servers: Untyped[] = [];
  const clients: Untyped[] = [];
  for (let i = 0; i < 2; i++) {
    const server = new Server({ adapter: await adapter() });
    server.on("connection", (socket: Untyped) => {
      socket.on("join", (room: string, done: () => void) => {
        void Promise.resolve(socket.join(room)).then(done);
      });
    });
    server.listen(0);
    bench.after(() => server.close());
    const client = io(`http://127.0.0.1:${server.httpServer.address().port}`);
    bench.after(() => client.close());
    await new Promise((resolve) => client.once("connect", resolve));
    servers.push(server);
    clients.push(client);
  }
  return { servers, clients };
}

/** What is published before the other server has subscribed is lost, with Redis as well. */
interface Channels {
  readonly count: "NUMSUB" | "SHARDNUMSUB";
  /** That of all servers. */
  readonly all: string;
  /** That of the room, if it has its own. */
  readonly room?: string;
}

const classic: Channels = { count: "NUMSUB", all: "socket.io-request#/#" };
const sharded: Channels = { count: "SHARDNUMSUB", all: "socket.io#/#", room: "socket.io#/#room#" };

async function subscribed(bench: Bench, { count }: Channels, channel: string, wanted: number) {
  await waitFor(async () => {
    const [, subscribers] = (await bench.ask("PUBSUB", count, channel)) as [string, number];
    return subscribers === wanted;
  });
}

async function exchange(
  bench: Bench,
  channels: Channels,
  adapter: () => Promise<Untyped>,
): Promise<void> {
  const { servers, clients } = await broadcast(bench, adapter);
  await subscribed(bench, channels, channels.all, 2);
  const got: string[][] = [[], []];
  clients.forEach((client, i) => {
    client.on("news", (text: string) => got[i]?.push(text));
  });
  await clients[1].emitWithAck("join", "room");
  if (channels.room !== undefined) await subscribed(bench, channels, channels.room, 1);
  servers[0].emit("news", "to all");
  servers[0].to("room").emit("news", "to the room");
  await waitFor(() => got[1]?.length === 2);
  expect(got).toEqual([["to all"], ["to all", "to the room"]]);
  const sockets: Untyped[] = await servers[0].fetchSockets();
  expect(sockets.map(({ id }) => id).sort()).toEqual(clients.map(({ id }) => id).sort());
  servers[0].in("room").disconnectSockets();
  await waitFor(() => clients[1].connected === false);
  expect(clients[0].connected).toBe(true);
}

/** A pair of connections of node-redis: one to publish, one to subscribe. */
async function nodeRedisPair(bench: Bench): Promise<[Untyped, Untyped]> {
  const { createClient } = await stock("redis");
  const publisher = createClient({ url: bench.url });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  bench.after(() => Promise.all([publisher.close(), subscriber.close()]));
  return [publisher, subscriber];
}

integration(
  "socket.io's adapter joins servers over node-redis",
  { sends: "PSUBSCRIBE SUBSCRIBE PUBLISH PUBSUB|NUMSUB", unknown: 4 },
  async (bench) => {
    const { createAdapter } = await stock("@socket.io/redis-adapter");
    await exchange(bench, classic, async () => createAdapter(...(await nodeRedisPair(bench))));
  },
);

integration(
  "socket.io's adapter joins servers over ioredis",
  { sends: "PSUBSCRIBE SUBSCRIBE PUBLISH PUBSUB|NUMSUB" },
  async (bench) => {
    const { createAdapter } = await stock("@socket.io/redis-adapter");
    const { Redis } = await stock("ioredis");
    await exchange(bench, classic, async () => {
      const publisher = new Redis(bench.port);
      const subscriber = publisher.duplicate();
      bench.after(() => Promise.all([publisher.quit(), subscriber.quit()]));
      return createAdapter(publisher, subscriber);
    });
  },
);

integration(
  "socket.io's sharded adapter joins servers",
  { sends: "SSUBSCRIBE SPUBLISH PUBSUB|SHARDNUMSUB", unknown: 4 },
  async (bench) => {
    const { createShardedAdapter } = await stock("@socket.io/redis-adapter");
    await exchange(bench, sharded, async () => {
      return createShardedAdapter(...(await nodeRedisPair(bench)));
    });
  },
);

integration(
  "graphql-redis-subscriptions brings what is published to subscribers, by pattern too",
  { sends: "SUBSCRIBE PSUBSCRIBE PUBLISH UNSUBSCRIBE" },
  async (bench) => {
    const { RedisPubSub } = await stock("graphql-redis-subscriptions");
    const pubsub = new RedisPubSub({ connection: { host: "127.0.0.1", port: bench.port } });
    bench.after(() => pubsub.close());
    const got: unknown[] = [];
    const id = await pubsub.subscribe("SOMETHING_CHANGED", (message: unknown) => got.push(message));
    await pubsub.subscribe("comments.*", (message: unknown) => got.push(message), {
      pattern: true,
    });
    await pubsub.publish("SOMETHING_CHANGED", { somethingChanged: { id: "123" } });
    await pubsub.publish("comments.5", "new");
    await waitFor(() => got.length === 2);
    expect(got).toEqual([{ somethingChanged: { id: "123" } }, "new"]);
    const iterator = pubsub.asyncIterator("ITERATED");
    const next = iterator.next();
    await waitFor(async () => `${await bench.ask("PUBSUB", "CHANNELS", "ITERATED")}` !== "");
    await pubsub.publish("ITERATED", 5);
    expect(await next).toEqual({ value: 5, done: false });
    await iterator.return();
    pubsub.unsubscribe(id);
    await waitFor(async () => `${await bench.ask("PUBSUB", "CHANNELS", "SOME*")}` === "");
  },
);
