/**
 * LATENCY and INFO latencystats as redis 7.0's own tests ask them, against redis-server and our
 * node with one and with several data threads. DEBUG SLEEP, with which Redis tests events, is not
 * there: here a threshold of 1 ms meets a walk over many keys.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, type RespClient, respClient, waitFor } from "../harness.ts";
import { contestants, forAllCases, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

type Histograms = Record<string, [string, number, string, number[]]>;

async function histograms(client: RespClient, ...names: string[]): Promise<Histograms> {
  const flat = (await client.call("LATENCY", "HISTOGRAM", ...names)) as unknown[];
  return Object.fromEntries(flat.flatMap((part, i) => (i % 2 === 0 ? [[part, flat[i + 1]]] : [])));
}

for (const contestant of [...contestants, oursWithThreads(2)]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());

    /** A client of a server that has counted nothing but its own RESETSTAT. */
    async function counting() {
      const client = await respClient(server().port);
      await client.call("CONFIG", "RESETSTAT");
      return client;
    }

    describe("LATENCY HISTOGRAM", () => {
      test("has only CONFIG RESETSTAT after that", async () => {
        await using client = await counting();
        expect(Object.keys(await histograms(client))).toEqual(["config|resetstat"]);
      });

      test("counts the calls of each command, cumulated by time", async () => {
        await using client = await counting();
        for (let i = 0; i < 30; i++) client.send("SET", `k${i}`, "v");
        for (let i = 0; i < 30; i++) await client.reply();
        await client.call("GET", "k1");
        const { set, get } = await histograms(client, "set", "GET", "hget");
        expect(set?.slice(0, 3)).toEqual(["calls", 30, "histogram_usec"]);
        expect(set?.[3].at(-1)).toBe(30);
        expect(get?.slice(0, 2)).toEqual(["calls", 1]);
        const bounds = set?.[3].filter((_, i) => i % 2 === 0) ?? [];
        expect(bounds).toEqual(bounds.toSorted((a, b) => a - b));
      });

      test("tells subcommands by their container or their own name, and skips what is none", async () => {
        await using client = await counting();
        await client.call("CLIENT", "ID");
        await client.call("CLIENT", "LIST");
        const names = async (...asked: string[]) =>
          Object.keys(await histograms(client, ...asked)).toSorted();
        expect(await names("client")).toEqual(["client|id", "client|list"]);
        expect(await names("client|id")).toEqual(["client|id"]);
        expect(await names("blabla", "blabla2", "mget")).toEqual([]);
      });

      test("counts nothing while latency-tracking is no", async () => {
        await using client = await counting();
        await client.call("CONFIG", "SET", "latency-tracking", "no");
        await client.call("SET", "k", "v");
        expect(await histograms(client, "set")).toEqual({});
        await client.call("CONFIG", "SET", "latency-tracking", "yes");
      });
    });

    test("INFO latencystats has the percentiles of latency-tracking-info-percentiles", async () => {
      await using client = await counting();
      for (let i = 0; i < 50; i++) await client.call("SET", "k", "v");
      const text = async () => String(await client.call("INFO", "latencystats"));
      const line = /^latency_percentiles_usec_set:p50=([\d.]+),p99=([\d.]+),p99\.9=([\d.]+)\r$/m;
      const [p50 = 0, p99 = 0, p999 = 0] = (line.exec(await text()) ?? []).slice(1).map(Number);
      expect([p50 > 0, p50 <= p99, p99 <= p999]).toEqual([true, true, true]);
      await client.call("CONFIG", "SET", "latency-tracking-info-percentiles", "0 75.5 100");
      expect(await text()).toMatch(/usec_set:p0=[\d.]+,p75\.5=[\d.]+,p100=[\d.]+\r$/m);
      expect(await client.call("INFO")).not.toContain("latency_percentiles");
      expect(await client.call("INFO", "everything")).toContain("latency_percentiles");
      await client.call("CONFIG", "SET", "latency-tracking-info-percentiles", "50 99 99.9");
      const { error } = (await client.call(
        "CONFIG",
        "SET",
        "latency-tracking-info-percentiles",
        "101",
      )) as { error: string };
      expect(error).toContain("latency-tracking-info-percentiles");
    });

    test("what takes latency-monitor-threshold is an event, until it is reset", async () => {
      await using client = await counting();
      await client.call("CONFIG", "SET", "latency-monitor-threshold", "1");
      for (let i = 0; i < 200; i++) {
        client.send(
          "MSET",
          ...Array.from({ length: 500 }, (_, k) => [`key:${i}:${k}`, "v"]).flat(),
        );
      }
      for (let i = 0; i < 200; i++) await client.reply();
      await waitFor(
        async () => {
          await client.call("KEYS", "*9");
          const latest = (await client.call("LATENCY", "LATEST")) as [
            string,
            number,
            number,
            number,
          ][];
          return latest.some(([event]) => event === "command");
        },
        { message: "a walk over 100,000 keys that takes a millisecond" },
      );
      await client.call("CONFIG", "SET", "latency-monitor-threshold", "0");
      const latest = (await client.call("LATENCY", "LATEST")) as [string, number, number, number][];
      const [, at = 0, ms = 0, worst = 0] = latest.find(([event]) => event === "command") ?? [];
      expect(Math.abs(at - Date.now() / 1000)).toBeLessThan(600);
      expect([ms >= 1, worst >= ms]).toEqual([true, true]);
      const history = (await client.call("LATENCY", "HISTORY", "command")) as [number, number][];
      expect(history.at(-1)).toEqual([at, ms]);
      expect(await client.call("LATENCY", "HISTORY", "nosuch")).toEqual([]);
      const graph = String(await client.call("LATENCY", "GRAPH", "command"));
      expect(graph).toMatch(/^command - high \d+ ms, low \d+ ms \(all time high \d+ ms\)\n-{80}\n/);
      expect(String(await client.call("LATENCY", "DOCTOR"))).toMatch(/command: \d+ latency spikes/);
      expect(await client.call("LATENCY", "RESET", "command", "nosuch")).toBe(1);
      expect(await client.call("LATENCY", "RESET", "command")).toBe(0);
      await client.call("LATENCY", "RESET");
      expect(await client.call("LATENCY", "LATEST")).toEqual([]);
      expect(await client.call("LATENCY", "GRAPH", "command")).toEqual({
        error: "ERR No samples available for event 'command'",
      });
      expect(String(await client.call("LATENCY", "DOCTOR"))).toContain("latency-monitor-threshold");
      await client.call("FLUSHALL");
    });
  });
}
