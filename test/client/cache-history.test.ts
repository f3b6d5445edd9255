/**
 * A random history of reads and invalidations in several caches over one server, checked against
 * the rule that no read returns a value older than the last invalidation of its key that was
 * acknowledged before it began.
 * Judges neither how often factories run nor what is served stale: no entry has a grace.
 * Invariant: the seed is printed before the first step; a failure can be replayed as far as the
 * order of replies allows.
 */
import { describe, expect, test } from "bun:test";
import {
  type Cache,
  type Client,
  connect,
  createCache,
  type FactoryContext,
} from "../../src/index.ts";
import { patient } from "../support/patient-client.ts";
import { repetitions } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { contestants, forAllCases } from "../support/servers.ts";

const keys = ["a:1", "a:2", "b:1", "b:2", "b:3"];
const tagsOf = (key: string) => ["all", `t${key.length % 2}`, `late ${key.slice(0, 1)}`];

/** The origin, and what callers may rely on. */
class History {
  /** The present version of each key at the origin. */
  readonly versions = new Map(keys.map((key) => [key, 0]));
  /** The oldest version that a read that begins now may return. */
  readonly floors = new Map(keys.map((key) => [key, 0]));
  readonly faults: string[] = [];
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  /** Reads the origin at some time while it runs. */
  readonly factory = async ({ key, set, skip }: FactoryContext): Promise<number> => {
    if (this.random.chance(0.5)) await this.moment();
    const version = this.versions.get(key) as number;
    await this.moment();
    set({ tags: tagsOf(key).slice(2), ttl: this.random.pick([5, 60_000]) });
    if (this.random.chance(0.05)) skip();
    return version;
  };

  async read(cache: Cache): Promise<void> {
    const chosen = this.random.chance(0.2) ? keys : [this.random.pick(keys)];
    const floors = chosen.map((key) => this.floors.get(key) as number);
    const values = await this.ask(cache, chosen);
    values.forEach((value, i) => {
      const floor = floors[i] as number;
      if (value !== undefined && value < floor) {
        this.faults.push(`${chosen[i]} was read as ${value} after ${floor} was acknowledged`);
      }
    });
  }

  private async ask(cache: Cache, chosen: string[]): Promise<(number | undefined)[]> {
    if (this.random.chance(0.2)) return await cache.getMany<number>(chosen);
    return await Promise.all(
      chosen.map((key) => cache.getOrSet(key, this.factory, { tags: tagsOf(key).slice(0, 2) })),
    );
  }

  /** Changes some keys at the origin and invalidates them: from then on, the new versions count. */
  async invalidate(cache: Cache): Promise<void> {
    const key = this.random.pick(keys);
    const tag = this.random.pick(tagsOf(key));
    const [reach, act] = this.random.pick<[(k: string) => boolean, () => Promise<unknown>]>([
      [(k) => k === key, () => cache.delete(key)],
      [(k) => tagsOf(k).includes(tag), () => cache.expireTag(tag)],
      [(k) => tagsOf(k).includes(tag), () => cache.invalidateTag(tag)],
      [(k) => k.startsWith(key.slice(0, 2)), () => cache.expirePrefix(key.slice(0, 2))],
      [(k) => k.startsWith(key.slice(0, 2)), () => cache.invalidatePrefix(key.slice(0, 2))],
      [() => true, () => cache.clear()],
    ]);
    const changed = keys.filter(reach);
    const now = changed.map((k) => {
      const version = (this.versions.get(k) as number) + 1;
      this.versions.set(k, version);
      return version;
    });
    await act();
    changed.forEach((k, i) => {
      this.floors.set(k, Math.max(this.floors.get(k) as number, now[i] as number));
    });
  }

  private async moment(): Promise<void> {
    // The time that the origin takes: some turns of the event loop, or some milliseconds.
    await Bun.sleep(this.random.below(3));
  }
}

async function act(history: History, caches: readonly Cache[], client: Client, random: Random) {
  const cache = random.pick(caches);
  if (random.chance(0.02)) await client.command("FLUSHALL");
  else if (random.chance(0.05)) await client.delete(random.pick(["h:e", "h:g:t:all", "h:g:p:"]));
  else if (random.chance(0.25)) await history.invalidate(cache);
  else await history.read(cache);
}

for (const { name, isMissing, start } of contestants) {
  describe.skipIf(isMissing)(`the history of caches over ${name}`, () => {
    const server = forAllCases(() => start());

    test("has no read older than the last acknowledged invalidation", async () => {
      const random = new Random(seedFor("CACHE_HISTORY_SEED"));
      await using first = await connect(server().address, patient);
      await using second = await connect(server().address, patient);
      const caches = [first, second, second].map((client) =>
        createCache({ client, prefix: "h:", serverTimeout: 60_000, lease: 60_000 }),
      );
      const history = new History(random);
      const actors = Array.from({ length: 20 }, async () => {
        for (let i = repetitions(40, 1_000); i > 0; i--) await act(history, caches, first, random);
      });
      await Promise.all(actors);
      expect(history.faults).toEqual([]);
      expect(caches.every((cache) => cache.stats().hits > 0)).toBe(true);
    });
  });
}
