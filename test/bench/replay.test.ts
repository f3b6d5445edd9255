// The replay of a trace against a small server that never evicts: what it sends, in which order,
// and what it counts. Sizes and windows are the replay's own affair; here only the promise counts,
// one GET for each request and one SET after each miss.

import { describe, expect, test } from "bun:test";
import { replay } from "../../scripts/bench/replay.ts";
import {
  generateTrace,
  generatorDefault,
  makeTrace,
  traceKey,
  traceValueLength,
} from "../../scripts/bench/trace.ts";
import { protocols } from "../../src/bench/workload.ts";
import { FakeServer } from "./fake-server.ts";

const mixed = generateTrace({
  ...generatorDefault,
  ...{ requests: 3000, objects: 400, scanLength: 50 },
});

function requestsOf(server: FakeServer, name: string): string[] {
  return server.requests.filter(([word]) => word.toUpperCase() === name).map(([, key]) => key);
}

describe.each([...protocols])("over %s", (protocol) => {
  test("every request is a GET, and only the first of each id misses", async () => {
    await using server = new FakeServer({ pieceBytes: 900 });
    const result = await replay(server.target, protocol, mixed);
    const wanted = [...mixed.ids].map(traceKey);
    expect(requestsOf(server, "GET").sort()).toEqual(wanted.sort());
    expect(requestsOf(server, "SET").sort()).toEqual([...new Set(wanted)].sort());
    expect(result.errors).toBe(0);
    expect(result.hitPercent).toBeCloseTo(100 * (1 - mixed.distinct / mixed.ids.length), 10);
  });

  test("each value has the length derived from its id", async () => {
    await using server = new FakeServer();
    await replay(server.target, protocol, mixed);
    for (const id of new Set(mixed.ids)) {
      expect(server.data.get(traceKey(id))?.length).toBe(traceValueLength(id));
    }
  });

  test("a trace of one id misses once, however often the id comes", async () => {
    await using server = new FakeServer();
    const { hitPercent } = await replay(server.target, protocol, makeTrace("one", id7(1000)));
    expect(hitPercent).toBeCloseTo(99.9, 10);
    expect(requestsOf(server, "SET")).toEqual(["obj:7"]);
  });

  test("a refused SET is an error, and the next GET of its id misses again", async () => {
    await using server = new FakeServer({ refuse: true });
    const { hitPercent, errors } = await replay(server.target, protocol, mixed);
    expect([hitPercent, errors]).toEqual([0, mixed.ids.length]);
  });
});

function id7(requests: number): Uint32Array {
  return new Uint32Array(requests).fill(7);
}

test("a GET finds what an earlier window missed, and a SET follows its own miss", async () => {
  await using server = new FakeServer();
  const ids = Uint32Array.from({ length: 160 }, (_, i) => i % 40);
  await replay(server.target, "resp", makeTrace("cycle", ids));
  const story = server.requests.filter(([, key]) => key === "obj:39").map(([word]) => word);
  expect(story).toEqual(["GET", "SET", "GET", "GET", "GET"]);
});

test("a server that closes the connection ends the replay with one sentence", async () => {
  await using server = new FakeServer({ hangUp: true });
  await expect(replay(server.target, "resp", mixed)).rejects.toThrow("closed the connection");
});
