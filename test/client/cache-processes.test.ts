/**
 * Caches of several processes over one server: a factory runs once for all of them, a holder that
 * is killed is replaced, and many keys that expire together are computed once each.
 * What one cache does is in cache.test.ts.
 * Invariant: a case counts the runs of factories where they happen, in the server or at the origin.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { connect, createCache } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { collectText } from "../support/collected-text.ts";
import { repetitions } from "../support/repetitions.ts";
import { contestants, forAllCases } from "../support/servers.ts";

const fixture = join(import.meta.dir, "cache-fixture.ts");

function startProcess(address: string, mode: string, callers: number) {
  const child = Bun.spawn([process.execPath, fixture, address, mode, `${callers}`], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const out = collectText(child.stdout);
  return {
    child,
    out,
    go: () => {
      child.stdin.write("go\n");
      child.stdin.end();
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

for (const { name, isMissing, start } of contestants) {
  describe.skipIf(isMissing)(`caches of several processes over ${name}`, () => {
    const server = forAllCases(() => start());

    test("compute a cold key once, however many callers ask for it at the same time", async () => {
      await using client = await connect(server().address);
      await client.command("FLUSHALL");
      await using processes = new AsyncDisposableStack();
      const started = Array.from({ length: repetitions(3, 10) }, () =>
        processes.use(startProcess(server().address, "compute", 100)),
      );
      await waitFor(() => started.every(({ out }) => out().includes("ready")));
      for (const { go } of started) go();
      for (const { child, out } of started) {
        expect(await child.exited).toBe(0);
        await out.end;
        expect(out()).toEndWith('["run 1"]\n');
      }
      expect(await client.get("runs")).toBe("1");
    });

    test("compute it again if the process that computes it is killed", async () => {
      await using client = await connect(server().address);
      await client.command("FLUSHALL");
      await using holder = startProcess(server().address, "hold", 1);
      holder.go();
      await waitFor(() => holder.out().includes("running"));
      const cache = createCache({ client, prefix: "p:", lease: 1_000, timeout: 2 ** 31 - 1 });
      const calls = Array.from({ length: 100 }, () =>
        cache.getOrSet("cold", async () => `run ${await client.incr("runs")}`),
      );
      await waitFor(() => cache.stats().misses === 100);
      holder.child.kill("SIGKILL");
      expect(new Set(await Promise.all(calls))).toEqual(new Set(["run 2"]));
    });

    test("compute each of many keys once that expire together under the load of all", async () => {
      const count = repetitions(200, 10_000);
      const keys = Array.from({ length: count }, (_, i) => `k${i}`);
      await using client = await connect(server().address, { requestTimeoutMs: 60_000 });
      await client.command("FLUSHALL");
      await using processes = new AsyncDisposableStack();
      const started = Array.from({ length: repetitions(2, 4) }, () =>
        processes.use(startProcess(server().address, "expiring", count)),
      );
      await waitFor(() => started.every(({ out }) => out().includes("ready")));
      const cache = createCache({ client, prefix: "many:", serverTimeout: 60_000 });
      const writing = performance.now();
      await Promise.all(keys.map((key) => cache.set(key, "old", { ttl: 100 })));
      // Written again with an end that is the same for all, once it is known how long that takes.
      const ttl = 500 + 3 * (performance.now() - writing);
      await Promise.all(keys.map((key) => cache.set(key, "old", { ttl })));
      for (const { go } of started) go();
      for (const { child, out } of started) {
        expect(await child.exited).toBe(0);
        await out.end;
        expect(out()).toContain('"hits":');
      }
      const calls = await Promise.all(keys.map((key) => client.get(`calls:${key}`)));
      expect(calls).toEqual(keys.map(() => "1"));
    });

    test("compute many keys that expire together once each", async () => {
      const count = repetitions(500, 10_000);
      const keys = Array.from({ length: count }, (_, i) => `k${i}`);
      await using first = await connect(server().address);
      await using second = await connect(server().address);
      const caches = [first, second, first].map((client) =>
        createCache({
          client,
          prefix: "many:",
          serverTimeout: 60_000,
          lease: 60_000,
          timeout: 300_000,
        }),
      );
      const runs = new Map<string, number>();
      const factory = async ({ key }: { key: string }) => {
        runs.set(key, (runs.get(key) ?? 0) + 1);
        await Bun.sleep(1); // so that others ask while it runs
        return key;
      };
      const ask = (ttl: number) =>
        Promise.all(
          caches.flatMap((cache) => keys.map((key) => cache.getOrSet(key, factory, { ttl }))),
        );
      await Promise.all(keys.map((key) => caches[0]?.set(key, "old", { ttl: 50 })));
      await waitFor(async () => (await caches[0]?.getMany(keys))?.every((v) => v === undefined));
      expect(await ask(300_000)).toEqual([...keys, ...keys, ...keys]);
      expect(runs.size).toBe(count);
      expect(Math.max(...runs.values())).toBe(1);
    });
  });
}
