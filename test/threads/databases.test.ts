/**
 * Data threads while one of them swaps and flushes databases again and again: a write that was on
 * its way to its shard meanwhile must end in the database that has its number then.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { oursWithThreads } from "../support/servers.ts";
import type { Argument } from "../support/wire.ts";
import { contentsOf } from "../support/write-load.ts";

setDefaultTimeout(caseMsMax);

const writers = 6;
const batches = repetitions(20, 400);
const batch = 50;

/** Keys of its own, each written once, in databases 1 and 2 by turns. */
async function write(port: number, name: string): Promise<void> {
  await using peer = await Peer.connect(port);
  for (let done = 0; done < batches; done++) {
    const commands: Argument[][] = [["SELECT", 1 + (done % 2)]];
    for (let i = 0; i < batch; i++) {
      const key = `${name}:${done}:${i}`;
      commands.push(i % 5 === 0 ? ["MSET", key, key, `${key}+`, key] : ["SET", key, key]);
    }
    peer.sendAll(commands);
    for (const { type } of await peer.replies(commands.length)) expect(type).toBe("+");
  }
}

test("no write is lost or misplaced while databases are swapped and others are flushed", async () => {
  await using node = await oursWithThreads(4).start();
  await using peer = await Peer.connect(node.port);
  let isWriting = true;
  let swaps = 0;
  const disturb = async () => {
    for (; isWriting; swaps++) {
      peer.sendAll([
        ["SWAPDB", 1, 2],
        ["SELECT", 3],
        ["SET", "brief", "x"],
        ["FLUSHDB"],
        ["DBSIZE"],
      ]);
      const replies = await peer.replies(5);
      expect(replies[4].value).toBe("0");
    }
  };
  const names = Array.from({ length: writers }, (_, number) => `writer${number}`);
  const disturbed = disturb();
  await Promise.all(names.map((name) => write(node.port, name)));
  isWriting = false;
  await disturbed;
  const found = [...(await contentsOf(node.port))];
  // Found by its key, with its own value, in one database only.
  const misplaced = found.filter(([name, text]) => {
    const key = name.replace(/^in [12]: /, "").replace("+", "");
    return text !== `$${key} until :-1`;
  });
  expect(misplaced).toEqual([]);
  const keys = found.map(([name]) => name.replace(/^in [12]: /, ""));
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys.length).toBe(writers * batches * (batch + batch / 5));
  expect(swaps).toBeGreaterThan(10);
});
