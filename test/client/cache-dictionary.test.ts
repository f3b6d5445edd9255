/**
 * Values compressed with a dictionary of their namespace, over our server and redis-server: who
 * makes it, who finds it, and what happens when it is evicted.
 * How much smaller values get is measured by scripts/bench/dictionaries.ts.
 */
import { describe, expect, test } from "bun:test";
import { Cache } from "../../src/client/cache/cache.ts";
import { CacheDecks } from "../../src/client/cache/cache-decks.ts";
import { resolveCache, resolveNamespace } from "../../src/client/cache/cache-options.ts";
import { type Client, connect, createCache } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { patient } from "../support/patient-client.ts";
import { contestants, forAllCases } from "../support/servers.ts";

const productOf = (id: number) => ({
  ...{ id, title: `the title of number ${id}`, currency: "EUR", isActive: id % 2 === 0 },
  images: [0, 1, 2].map((i) => ({ url: `https://cdn.example.com/products/${id}/${i}.webp` })),
  description: "Delivered in a box of cardboard, with a manual in three languages. ".repeat(5),
  seller: { id: id * 7919, name: "A seller of things", country: "DE" },
});

const options = { serverTimeout: 60_000, ttl: 600_000, dictionary: true } as const;
const open = (client: Client, prefix: string) => createCache({ client, prefix, ...options });

/** The same in a process whose dictionaries go by a clock of the test. */
function openAt(client: Client, prefix: string, now: () => number): Cache {
  const decks = new CacheDecks(client, resolveCache({ prefix, ...options }), now);
  return new Cache(decks, [""], resolveNamespace(options));
}

const dayMs = 86_400_000;

/** Writes different values, or one again and again, until they are compressed by a dictionary. */
async function train(
  cache: Cache,
  client: Client,
  prefix: string,
  step = 1,
  from = 0,
): Promise<string> {
  let id = from;
  return await waitFor(async () => {
    id += step;
    await cache.set("trained", productOf(id));
    return dictionaryOf(client, `${prefix}v:trained`);
  });
}

/** The id of the dictionary of an entry, as envelope.ts has it; null: it has none. */
async function dictionaryOf(client: Client, key: string): Promise<string | null> {
  const bytes = Buffer.from((await client.getBytes(key)) ?? []);
  if (((bytes[3] ?? 0) & 0x08) === 0) return null;
  let at = 30;
  for (let left = bytes.readUInt16BE(28); left > 0; left--) at += 2 + bytes.readUInt16BE(at) + 40;
  return bytes.toString("hex", at, at + 8);
}

const lengthOf = async (client: Client, key: string) => (await client.getBytes(key))?.length ?? 0;

for (const { name, isMissing, start } of contestants) {
  describe.skipIf(isMissing)(`a dictionary over ${name}`, () => {
    const server = forAllCases(() => start());
    const client = () => connect(server().address, patient);

    test("is made of the first values, and found by other processes, which write with it", async () => {
      await using one = await client();
      await using two = await client();
      const [first, second] = [open(one, "a:"), open(two, "a:")];
      const id = await train(first, one, "a:");
      expect(await second.get("trained")).toEqual(await first.get("trained"));
      // One value is not enough to make a dictionary of.
      expect(await train(second, two, "a:", 0)).toBe(id);
      const values = Array.from({ length: 50 }, (_, i) => productOf(1_000 + i));
      const tags = ["all"];
      for (const value of values) {
        await first.getOrSet(`k${value.id}`, () => value, { tags });
      }
      const keys = values.map(({ id }) => `k${id}`);
      expect(await second.getMany(keys)).toEqual(values);
      const plain = createCache({ client: one, prefix: "plain:", compressOver: 0 });
      await plain.set("k1000", values[0]);
      const [small, large] = [
        await lengthOf(one, "a:v:k1000"),
        await lengthOf(one, "plain:v:k1000"),
      ];
      expect(small).toBeLessThan(large * 0.8);
      await second.expireTag("all");
      expect(await first.getMany(keys)).toEqual(keys.map(() => undefined));
    });

    test("belongs to one namespace", async () => {
      await using one = await client();
      const cache = open(one, "b:");
      const id = await train(cache, one, "b:");
      const other = cache.namespace("other", { codec: "structured" });
      let number = 0;
      const otherId = await waitFor(async () => {
        await other.set("x", { ...productOf(++number), at: new Date(number) });
        return dictionaryOf(one, "b:v:other:x");
      });
      expect(otherId).not.toBe(id);
      expect(await other.get("x")).toEqual({ ...productOf(number), at: new Date(number) });
    });

    test("that was evicted makes a miss, and who has it puts it back", async () => {
      await using one = await client();
      await using two = await client();
      const first = open(one, "c:");
      const id = await train(first, one, "c:");
      await one.delete(`c:d:${id}`);
      const second = open(two, "c:");
      expect(await second.get("trained")).toBeUndefined();
      expect(await second.getOrSet("trained", () => productOf(1))).toEqual(productOf(1));
      await first.set("lasting", productOf(2), { ttl: Number.POSITIVE_INFINITY });
      await waitFor(() => one.command("EXISTS", `c:d:${id}`));
      expect(await second.get("lasting")).toEqual(productOf(2));
    });

    test("that nobody has any more is replaced", async () => {
      await using one = await client();
      await using two = await client();
      const id = await train(open(one, "d:"), one, "d:");
      await one.delete(`d:d:${id}`);
      const second = open(two, "d:");
      await second.set("other", { ...productOf(0), title: "another beginning" });
      expect(await train(second, two, "d:")).not.toBe(id);
    });

    test("is replaced after a day, by all processes, and the values of before are still read", async () => {
      await using one = await client();
      await using two = await client();
      let elapsedMs = 0;
      const now = () => Date.now() + elapsedMs;
      const [first, second] = [openAt(one, "f:", now), openAt(two, "f:", now)];
      const old = await train(first, one, "f:");
      expect(await train(second, two, "f:", 0)).toBe(old);
      const lasting = { ttl: Number.POSITIVE_INFINITY };
      await first.set("before", productOf(7), lasting);
      await second.set("before too", productOf(8), lasting);
      expect(await dictionaryOf(one, "f:v:before too")).toBe(old);

      // The server forgets by its own clock whose day it is: here the test does it for it.
      const reignMs = Number(await one.command("PTTL", "f:n:"));
      expect(reignMs).toBeWithin(dayMs - 600_000, dayMs + 1);
      elapsedMs = reignMs - 120_000;
      expect(await train(first, one, "f:")).toBe(old);
      elapsedMs = dayMs + 60_001;
      await one.delete("f:n:");
      const next = await waitFor(async () => {
        const id = await train(first, one, "f:", 1, 1_000); // the values of another day
        return id === old ? null : id;
      });
      // Who has the old one still takes the new one without a sample of its own.
      elapsedMs += 60_001;
      await waitFor(async () => (await train(second, two, "f:", 0)) === next);
      expect(Number(await one.command("EXISTS", `f:d:${old}`, `f:d:${next}`))).toBe(2);
      await using three = await client();
      for (const cache of [first, second, openAt(three, "f:", now)]) {
        const values = await cache.getMany(["before", "before too"]);
        expect(values).toEqual([productOf(7), productOf(8)]);
      }

      // The old one is evicted: for who never had it, its values are misses, and no others.
      await one.delete(`f:d:${old}`);
      await using four = await client();
      const late = openAt(four, "f:", now);
      expect(await late.getMany(["before", "trained"])).toEqual([
        undefined,
        await first.get("trained"),
      ]);
      expect(await late.getOrSet("before", () => productOf(9))).toEqual(productOf(9));
      expect(late.stats()).toMatchObject({ serverErrors: 0 });
    });

    test("is not there for what another program wrote in its place", async () => {
      await using one = await client();
      await using two = await client();
      const id = await train(open(one, "e:"), one, "e:");
      await one.set(`e:d:${id}`, "no dictionary");
      expect(await open(two, "e:").get("trained")).toBeUndefined();
    });
  });
}
