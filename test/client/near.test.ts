/**
 * The near cache over real servers: ours with one and two data threads, and redis-server. What is
 * held and dropped, cut and silent links, and a random history in which nothing served may be older
 * than the last invalidation that has arrived.
 * The order of bytes that no real server can be made to keep is in near-races.test.ts.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Client, connect, type NearCache, type NearOptions } from "../../src/index.ts";
import { caseMsMax, waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { quick } from "../support/patient-client.ts";
import { repetitions } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

/** For what does not look at silence: a busy machine may be silent for long. */
const calm = { maxSilence: 60_000 };
const modes: readonly NearOptions[] = [{ mode: "keys" }, { mode: "broadcast" }];

for (const contestant of [ours, oursWithThreads(repetitions(2, 4)), oracle]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const isOurs = contestant !== oracle;
    const server = forAllCases(() => contestant.start());
    const open = () => connect(server().address, quick);

    for (const mode of modes) {
      test(`${mode.mode}: what was read is held until it changes`, async () => {
        await using client = await open();
        await using writer = await open();
        await writer.set("a", "1");
        await writer.delete("none");
        await using near = await client.near({ ...calm, ...mode });
        expect([await near.get("a"), await near.get("none")]).toEqual(["1", null]);
        await settled(near, writer);
        expect(near.peek("a")).toBe((await near.get("a")) ?? undefined);
        expect([await near.get("a"), await near.get("none")]).toEqual(["1", null]);
        expect([near.peek("a"), near.peek("none"), near.peek("other")]).toEqual([
          ...["1", null, undefined],
        ]);
        await writer.set("a", "2");
        await writer.set("none", "3");
        await settled(near, writer);
        expect([await near.get("a"), await near.get("none")]).toEqual(["2", "3"]);
        const { hits, invalidations, entries, bytes } = near.counters;
        expect(hits).toBeGreaterThan(3);
        expect(invalidations).toBeGreaterThan(2);
        expect(entries).toBeGreaterThan(1);
        expect(bytes).toBeGreaterThan(entries * 200);
      });

      test(`${mode.mode}: FLUSHALL drops everything`, async () => {
        await using client = await open();
        await using near = await client.near({ ...calm, ...mode });
        await held(near, "a");
        await held(near, "b");
        const { drops } = near.counters;
        await using writer = await open();
        await writer.command("FLUSHALL");
        await waitFor(() => near.counters.drops > drops);
        expect([near.peek("a"), near.peek("b"), near.counters.entries]).toEqual([
          ...[undefined, undefined, 0],
        ]);
      });
    }

    test("an own write is seen by the next read, by whichever method it was written", async () => {
      await using client = await open();
      await using near = await client.near(calm);
      const writes: readonly [name: string, write: () => Promise<unknown>, after: string | null][] =
        [
          ["set", () => client.set("own", "1"), "1"],
          ["command", () => client.command("APPEND", "own", "2"), "12"],
          ["bytes", () => client.set(Buffer.from("own"), "3"), "3"],
          ["pipeline", () => client.pipeline([["SET", "own", "4"]]), "4"],
          ["transaction", () => client.transaction([["SET", "own", "5"]]), "5"],
          ["script", () => client.command("EVAL", "redis.call('del', KEYS[1])", 1, "own"), null],
        ];
      for (const [name, write, after] of writes) {
        await near.get("own");
        await write();
        expect([name, await near.get("own")]).toEqual([name, after]);
      }
      await held(near, "own");
      await client.command("FLUSHDB");
      expect(near.peek("own")).toBeUndefined();
    });

    test("nothing is served after its time to live, whatever the server says of it", async () => {
      await using client = await open();
      await using proxy = await LinkProxy.start(server().port);
      await using watched = await connect(proxy.address, quick);
      await using near = await watched.near(calm);
      await waitFor(async () => {
        await client.set("brief", "1", { ttl: 400 });
        return (await held(near, "brief")) === "1"; // null on a machine that is slow now
      });
      proxy.hold(0); // the server's word of the expiry does not arrive
      expect((await client.ttl("brief")) ?? 0).toBeLessThan(401);
      await waitFor(() => near.peek("brief") === undefined);
      expect(near.isVouchedFor).toBe(true);
      proxy.release();
      await waitFor(async () => (await client.get("brief")) === null);
      expect(await near.get("brief")).toBeNull();
    });

    test("only keys under the prefixes are held", async () => {
      await using client = await open();
      await client.command("MSET", "u:1", "1", "v:1", "2", "other", "3");
      await using near = await client.near({ ...calm, prefixes: ["u:", "v:"] });
      for (const key of ["u:1", "v:1"]) await held(near, key);
      expect(await near.get("other")).toBe("3");
      expect([near.peek("u:1"), near.peek("v:1"), near.peek("other")]).toEqual([
        ...["1", "2", undefined],
      ]);
    });

    test("from a cut link nothing is served, and reads go on when it is back", async () => {
      await using proxy = await LinkProxy.start(server().port);
      await using client = await connect(proxy.address, quick);
      await using near = await client.near(calm);
      await client.set("cut", "1");
      await held(near, "cut");
      proxy.cut();
      await waitFor(() => !near.isVouchedFor);
      expect(near.peek("cut")).toBeUndefined();
      const read = near.get("cut");
      proxy.heal();
      expect(await read).toBe("1");
      await waitFor(() => near.isVouchedFor);
      expect(near.counters.drops).toBe(1);
      expect(await held(near, "cut")).toBe("1");
    });

    test("with maxStaleness a cut link is served from for so long, and no longer", async () => {
      await using proxy = await LinkProxy.start(server().port);
      await using client = await connect(proxy.address, quick);
      await client.set("stale", "1");
      await using near = await client.near({ ...calm, maxStaleness: 300, mode: "broadcast" });
      await held(near, "stale");
      proxy.cut();
      await waitFor(() => near.counters.entries > 0 && near.peek("stale") === undefined);
      expect(near.isVouchedFor).toBe(false);
    });

    test("a link that stands still is served from for maxSilence, and no longer", async () => {
      await using proxy = await LinkProxy.start(server().port);
      await using client = await connect(proxy.address, quick);
      await using writer = await open();
      await using near = await client.near({ maxSilence: 300 });
      await writer.set("still", "1");
      await held(near, "still");
      proxy.hold(0);
      await writer.set("still", "2");
      await waitFor(() => near.peek("still") === undefined);
      expect([near.isVouchedFor, near.counters.entries]).toEqual([false, 1]);
      proxy.release();
      expect(await held(near, "still")).toBe("2");
    });

    test(`a broadcast ${isOurs ? "goes on" : "begins anew"} after a cut`, async () => {
      await using proxy = await LinkProxy.start(server().port);
      await using client = await connect(proxy.address, quick);
      await using writer = await open();
      await writer.command("MSET", "changed", "1", "same", "1");
      await using near = await client.near({ ...calm, mode: "broadcast" });
      for (const key of ["changed", "same"]) await held(near, key);
      proxy.cut();
      await waitFor(() => !near.isVouchedFor);
      await writer.set("changed", "2");
      proxy.heal();
      await waitFor(() => near.isVouchedFor);
      expect([near.peek("changed"), near.peek("same")]).toEqual([
        undefined,
        isOurs ? "1" : undefined,
      ]);
      const { resumed, drops } = near.counters;
      expect([resumed, drops]).toEqual(isOurs ? [1, 0] : [0, 1]);
      expect(await near.get("changed")).toBe("2");
    });

    test("values are decoded once, frozen, and handed out without a copy", async () => {
      await using client = await open();
      await client.set("user", '{"name":"Zoë","tags":["a"]}');
      await using json = await client.near<{ name: string; tags: string[] }>({
        ...{ ...calm, decode: "json" },
      });
      const user = await held(json, "user");
      expect(user).toEqual({ name: "Zoë", tags: ["a"] });
      expect([json.peek("user") === user, Object.isFrozen(user?.tags)]).toEqual([true, true]);
      await using bytes = await client.near({ ...calm, decode: "bytes" });
      expect(await held(bytes, "user")).toEqual(
        new TextEncoder().encode('{"name":"Zoë","tags":["a"]}'),
      );
      await using own = await client.near({ ...calm, decode: (raw, key) => ({ key, raw }) });
      expect((await held(own, "user"))?.key).toBe("user");
      await client.set("user", "no JSON");
      expect(await failureOf(json.get("user"))).toBeInstanceOf(SyntaxError);
      await client.delete("user");
    });

    test("a key of another type rejects, and a closed cache or client refuses", async () => {
      await using client = await open();
      await using near = await client.near(calm);
      if (!isOurs) {
        await client.command("LPUSH", "list", "1");
        expect(await failureOf(near.get("list"))).toMatchObject({ serverCode: "WRONGTYPE" });
      }
      await held(near, "a");
      await near.close();
      expect([near.peek("a"), near.counters.entries]).toEqual([undefined, 0]);
      expect(await failureOf(near.get("a"))).toMatchObject({ code: "CLOSED" });
      await using other = await client.near(calm);
      await held(other, "a");
      await client.close();
      expect(other.peek("a")).toBeUndefined();
      expect(await failureOf(other.get("a"))).toMatchObject({ code: "CLOSED" });
    });

    for (const mode of modes) {
      test(`${mode.mode}: in a random history nothing is older than what was told`, async () => {
        const { resumed, drops } = await history(server().address, server().port, mode);
        if (isOurs && mode.mode === "broadcast") expect(resumed).toBeGreaterThan(0);
        else expect(drops).toBeGreaterThan(0);
      });
    }
  });
}

/** Reads a key until it is held: news of what was written before may still be on its way. */
async function held<T>(near: NearCache<T>, key: string): Promise<T | null | undefined> {
  await waitFor(async () => {
    await near.get(key);
    return near.peek(key) !== undefined;
  });
  return near.peek(key);
}

/** Resolves when the cache has been told of everything that was written before. */
async function settled(near: NearCache, writer: Client): Promise<void> {
  const key = `fence:${crypto.randomUUID()}`;
  await held(near, key);
  await writer.set(key, "1");
  await waitFor(() => near.peek(key) === undefined);
}

const keyCount = 8;

/**
 * Values are numbers that grow. What a read gives that began after a fence must not be older than
 * what was written before the fence; what one reader gets of a key never goes back; and what the
 * client itself has written it reads at once.
 */
async function history(address: string, port: number, mode: NearOptions) {
  const random = new Random(seedFor("NEAR_SEED"));
  await using proxy = await LinkProxy.start(port);
  await using client = await connect(proxy.address, quick);
  await using writer = await connect(address, quick);
  await using near = await client.near({ ...calm, ...mode });
  const written = new Map<string, number>();
  /** What a read must at least give. */
  const floor = new Map<string, number>();
  let time = 0;
  const write = async (by: Client) => {
    const key = `h${random.below(keyCount)}`;
    await by.set(key, `${++time}`);
    written.set(key, time);
    if (by === client) floor.set(key, time);
  };
  const check = (key: string, value: string | null) => {
    const number = Number(value ?? 0);
    expect([key, number >= (floor.get(key) ?? 0)]).toEqual([key, true]);
    expect(number).toBeLessThanOrEqual(time);
    floor.set(key, number);
  };
  for (let i = 0; i < keyCount; i++) await writer.delete(`h${i}`);
  for (let round = 0; round < repetitions(15, 150); round++) {
    for (let i = 0; i < 40; i++) {
      const key = `h${random.below(keyCount)}`;
      if (random.chance(0.2)) await write(writer);
      else if (random.chance(0.1)) await write(client);
      else if (random.chance(0.5)) check(key, await near.get(key));
      else {
        const value = near.peek(key);
        if (value !== undefined) check(key, value);
      }
    }
    if (random.chance(0.4)) {
      const reads = [0, 1, 2].map((i) => near.get(`h${i}`).catch(() => undefined));
      proxy.cut();
      for (let i = random.below(4); i > 0; i--) await write(writer);
      proxy.heal();
      for (const [i, value] of (await Promise.all(reads)).entries()) {
        if (value !== undefined) check(`h${i}`, value);
      }
      // A write by a connection that is cut unnoticed might be executed at any time.
      await waitFor(() => client.ping());
    }
    if (random.chance(0.7)) await waitFor(() => near.isVouchedFor);
    if (random.chance(0.3)) {
      await settled(near, writer);
      for (const [key, number] of written) floor.set(key, number);
    }
  }
  await settled(near, writer);
  for (const [key, number] of written) expect(await near.get(key)).toBe(`${number}`);
  expect(near.counters.hits).toBeGreaterThan(0);
  return near.counters;
}
