/**
 * Scripts that are not long enough for -BUSY, but many: of one pipeline, and of connections that
 * have sent nothing before. A client with a short command waits for one of them. The node stands
 * still while all is sent, so that it finds all of it at once.
 */
import { expect, test } from "bun:test";
import { Peer } from "../support/peer.ts";
import { ours } from "../support/servers.ts";

const count = 8;
/** 20 ms. */
const script = "redis.call('INCR', 'n') for i = 1, 2e6 do end return 1";
const returned = { type: ":", value: "1" };

type Node = Awaited<ReturnType<typeof ours.start>>;

/** Sends with the node stopped; the last one asks how many scripts have run. */
async function runsBefore(node: Node, other: Peer, send: () => void): Promise<string> {
  process.kill(node.process.pid, "SIGSTOP");
  send();
  other.send("GET", "n");
  await new Promise((resolve) => setImmediate(resolve));
  process.kill(node.process.pid, "SIGCONT");
  return other.shown();
}

test("a client is served between the scripts of another's pipeline", async () => {
  await using node = await ours.start([]);
  await using peer = await Peer.connect(node.port);
  await using other = await Peer.connect(node.port);
  const seen = await runsBefore(node, other, () => {
    for (let i = 0; i < count; i++) peer.send("EVAL", script, "0");
  });
  expect(seen).toBe("$1");
  expect(await peer.replies(count)).toEqual(new Array(count).fill(returned));
});

test("a client is served between the scripts of many others", async () => {
  await using node = await ours.start([]);
  await using peers = new AsyncDisposableStack();
  const all: Peer[] = [];
  for (let i = 0; i < count; i++) all.push(peers.use(await Peer.connect(node.port)));
  await using other = await Peer.connect(node.port);
  const seen = await runsBefore(node, other, () => {
    for (const peer of all) peer.send("EVAL", script, "0");
  });
  expect(seen).toBe("$1");
  for (const peer of all) expect(await peer.reply()).toEqual(returned);
});
