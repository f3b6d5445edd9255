/**
 * CLIENT NO-TOUCH: what such a client reads is evicted as if nobody had read it, but for what it
 * names to TOUCH. The same reads by an ordinary client keep the keys.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const keys = Array.from({ length: 200 }, (_, i) => `key:${i}`);
const value = "v".repeat(1000);

/** How many of the keys are left when other writes have gone through all of the memory. */
async function survivors(peer: Peer, read: () => Promise<unknown>): Promise<number> {
  await peer.ask("FLUSHALL");
  await peer.ask("MSET", ...keys.flatMap((key) => [key, value]));
  for (let i = 0; i < 3; i++) await read();
  for (let i = 0; i < 8000; i += 100) {
    const others = Array.from({ length: 100 }, (_, j) => [`other:${i + j}`, value]);
    await peer.ask("MSET", ...others.flat());
  }
  return Number((await peer.ask("EXISTS", ...keys)).slice(1));
}

test.each(["1", "2"])(
  "what such a client reads is not used, with %s data threads",
  async (threads) => {
    await using node = await ours.start(["--max-memory", "4mb", "--threads", threads]);
    await using writer = await Peer.connect(node.port);
    await using reader = await Peer.connect(node.port);
    const read = () => reader.ask("MGET", ...keys);
    expect(await survivors(writer, read)).toBeGreaterThan(150);
    expect(await reader.ask("CLIENT", "NO-TOUCH", "ON")).toBe("+OK");
    expect(await survivors(writer, read)).toBeLessThan(20);
    // EXEC with a command of the control thread runs there.
    const readInExec = async () => {
      await reader.ask("MULTI");
      for (const command of [["MGET", ...keys], ["LASTSAVE"]]) await reader.ask(...command);
      await reader.ask("EXEC");
    };
    expect(await survivors(writer, readInExec)).toBeLessThan(20);
    expect(await survivors(writer, () => reader.ask("TOUCH", ...keys))).toBeGreaterThan(150);
    expect(await survivors(writer, read)).toBeLessThan(20);
    expect(await reader.ask("RESET")).toBe("+RESET");
    expect(await survivors(writer, read)).toBeGreaterThan(150);
    expect(await reader.ask("CLIENT", "NO-TOUCH", "ON")).toBe("+OK");
    expect(await reader.ask("CLIENT", "NO-TOUCH", "OFF")).toBe("+OK");
    expect(await survivors(writer, read)).toBeGreaterThan(150);
  },
);
