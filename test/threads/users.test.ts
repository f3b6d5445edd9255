/**
 * Rules that change while clients of all data threads work: what ACL SETUSER has answered counts
 * for every command that is sent after it, in whatever thread, and so do CONFIG SET requirepass and
 * ACL DELUSER.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, startNode } from "../harness.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

const toggles = 16;
const clientCount = 12;

test("no thread runs a command under rules that were answered to be gone", async () => {
  await using node = await startNode({ threads: 4 });
  await using admin = await Peer.connect(node.port);
  await admin.ask("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*");
  const peers = await Promise.all(
    Array.from({ length: clientCount }, async () => {
      const peer = await Peer.connect(node.port);
      await peer.ask("AUTH", "u", "x");
      return peer;
    }),
  );
  // What must come back: null while a change is under way.
  let expected: "+OK" | "-NOPERM" | null = "+OK";
  let changes = 0;
  let isOver = false;
  let judged = 0;
  const work = async (peer: Peer) => {
    while (!isOver) {
      const [wanted, before] = [expected, changes];
      const shown = await peer.ask("SET", "k", "v");
      if (wanted === null || changes !== before) continue;
      judged++;
      if (!shown.startsWith(wanted)) throw new Error(`${shown} came instead of ${wanted}`);
    }
  };
  const working = Promise.all(peers.map(work));
  for (let i = 0; i < toggles; i++) {
    const isAllowed = i % 2 === 1;
    expected = null;
    changes++;
    await admin.ask("ACL", "SETUSER", "u", isAllowed ? "+@all" : "-set");
    expected = isAllowed ? "+OK" : "-NOPERM";
    changes++;
    const enough = judged + 3 * clientCount;
    while (judged < enough) await admin.ask("PING");
  }
  isOver = true;
  await working;
  expect(judged).toBeGreaterThan(toggles);
  expect(await admin.ask("CONFIG", "SET", "requirepass", "secret")).toBe("+OK");
  const strangers = await Promise.all(peers.map(() => Peer.connect(node.port)));
  for (const stranger of strangers) expect(await stranger.ask("PING")).toStartWith("-NOAUTH");
  expect(await admin.ask("ACL", "DELUSER", "u")).toBe(":1");
  for (const peer of peers) expect(await peer.ask("PING").catch(() => "closed")).toBe("closed");
  for (const peer of [...peers, ...strangers]) await peer[Symbol.asyncDispose]();
});
