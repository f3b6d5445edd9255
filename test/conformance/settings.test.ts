/**
 * CONFIG SET and GET where they differ from Redis's: a value that this node does not support is
 * refused with the reason, and Redis's names map to our settings. edge-cases.test.ts compares what
 * must be equal.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, startNode, type TestNode } from "../harness.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

const MiB = 1024 * 1024;
let node: TestNode;
let peer: Peer;
beforeAll(async () => {
  node = await startNode({ maxMemory: 8 * MiB, reserve: 16 * MiB });
  peer = await Peer.connect(node.port);
});
afterAll(async () => {
  await peer[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

const refusal = (name: string, why: string) =>
  `-ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`;

describe("CONFIG SET maxmemory", () => {
  test.each([
    [
      "1gb",
      "--max-memory: 1gb is above the reserve of 16mb; start the node with a larger --reserve",
    ],
    ["64gb", '"64gb" is above the maximum of 32gb'],
    ["1kb", '"1kb" is below the minimum of 1mb'],
    ["plenty", "argument must be a memory value"],
    ["-1", "argument must be a memory value"],
    ["", "argument must be a memory value"],
  ])("%p says why it is refused", async (value, why) => {
    expect(await peer.ask("CONFIG", "SET", "maxmemory", value)).toBe(refusal("maxmemory", why));
    expect(await peer.ask("CONFIG", "GET", "maxmemory")).toBe(`*[$maxmemory $${8 * MiB}]`);
  });

  test("accepts sizes between the minimum and the reserve", async () => {
    for (const bytes of [MiB, 16 * MiB, 8 * MiB]) {
      expect(await peer.ask("CONFIG", "SET", "maxmemory", bytes)).toBe("+OK");
    }
  });
});

test("CONFIG SET refuses what is no text, and leaves the password that was", async () => {
  const bytes = Buffer.from("p\xff\xfe", "latin1");
  for (const name of ["requirepass", "masterauth"]) {
    const reply = await peer.ask("CONFIG", "SET", name, bytes);
    expect(reply).toBe(refusal(name, "a value is text in UTF-8"));
    expect(await peer.ask("CONFIG", "GET", name)).toBe(`*[$${name} $]`);
  }
  await using other = await Peer.connect(node.port);
  expect(await other.ask("PING")).toBe("+PONG");
});

describe("CONFIG SET save", () => {
  const shown = () => peer.ask("CONFIG", "GET", "save", "snapshot-interval");

  test("takes nothing, or seconds and one change, for the interval of snapshots", async () => {
    expect(await peer.ask("CONFIG", "SET", "save", "900 1")).toBe("+OK");
    expect(await shown()).toBe("*[$save $900 1 $snapshot-interval $900]");
    expect(await peer.ask("CONFIG", "SET", "save", "")).toBe("+OK");
    expect(await shown()).toBe("*[$save $ $snapshot-interval $0]");
    expect(await peer.ask("CONFIG", "SET", "snapshot-interval", "60")).toBe("+OK");
    expect(await shown()).toBe("*[$save $60 1 $snapshot-interval $60]");
    expect(await peer.ask("CONFIG", "SET", "save", "")).toBe("+OK");
  });

  test.each(["900", "900 10", "900 1 300 10", "x 1", "-1 1"])(
    "%p is refused: changes are not counted",
    async (value) => {
      const why =
        `"${value}" is not "" or one pair of seconds and 1; ` +
        "MSCache does not count changes, it saves at this interval if there was any";
      expect(await peer.ask("CONFIG", "SET", "save", value)).toBe(refusal("save", why));
    },
  );
});
