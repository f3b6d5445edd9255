/**
 * The near cache against a scripted node, which produces orders of bytes that no real server can be
 * made to keep: news that overtakes a reply, a connection that ends within what was missed, a node
 * that moves. What the cache does with real servers is in near.test.ts.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "../../src/index.ts";
import { caseMsMax, waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { quick } from "../support/patient-client.ts";
import { type Peer, type Script, ScriptedNode } from "./scripted-node.ts";

setDefaultTimeout(caseMsMax);

const calm = { maxSilence: 60_000 };
const info = "%1\r\n+flags\r\n~1\r\n+on\r\n";
const value = (text: string) => `$${text.length}\r\n${text}\r\n`;
const news = (...keys: string[]) =>
  `>2\r\n$10\r\ninvalidate\r\n*${keys.length}\r\n${keys.map(value).join("")}`;
const numberedNews = (number: number, ...keys: string[]) =>
  `>3\r\n$10\r\ninvalidate\r\n*${keys.length}\r\n${keys.map(value).join("")}:${number}\r\n`;
const numberedReply = (number: number, isResumed: 0 | 1) =>
  `*3\r\n${value("r".repeat(40))}:${number}\r\n:${isResumed}\r\n`;

/** Tracks keys; answers reads with what `read` gives, or leaves them to the test. */
function tracking(read: (peer: Peer) => string | undefined, on = "+OK\r\n"): Script {
  return (command, peer) => {
    if (command.startsWith("HELLO")) return undefined;
    if (command.startsWith("CLIENT TRACKING ON")) return on;
    if (command === "CLIENT TRACKINGINFO") return info;
    if (command.startsWith("PTTL")) return undefined; // in what answers the GET
    return command.startsWith("GET") ? read(peer) : "+OK\r\n";
  };
}

const forever = ":-1\r\n";

describe("a read under way", () => {
  test("is answered, but not held, if an invalidation comes before or right behind its reply", async () => {
    for (const bytes of [
      news("k") + value("old") + forever,
      value("old") + news("k") + forever,
      value("old") + forever + news("k"),
      `${value("old") + forever}>2\r\n$10\r\ninvalidate\r\n_\r\n`,
    ]) {
      await using node = new ScriptedNode(tracking(() => bytes));
      await using client = await connect(node.addr, quick);
      await using near = await client.near(calm);
      expect(await near.get("k")).toBe("old");
      expect(near.peek("k")).toBeUndefined();
    }
  });

  test("is shared by those who ask before the news of its key, and by nobody after", async () => {
    const peers: Peer[] = [];
    await using node = new ScriptedNode(tracking((peer) => void peers.push(peer)));
    await using client = await connect(node.addr, quick);
    await using near = await client.near(calm);
    const first = [near.get("k"), near.get("k")];
    const peer = await waitFor(() => peers[0]);
    peer.socket.write(news("k") + news("other"));
    await waitFor(() => near.counters.invalidations === 1);
    const second = near.get("k");
    await waitFor(() => peers.length === 2);
    peer.socket.write(value("old") + forever + value("new") + forever);
    expect(await Promise.all([...first, second])).toEqual(["old", "old", "new"]);
    expect(near.peek("k")).toBe("new");
    expect(node.commands.filter((command) => command === "GET k")).toHaveLength(2);
  });

  test("is not held when this client's own write of the key was acknowledged meanwhile", async () => {
    const peers: Peer[] = [];
    await using node = new ScriptedNode(tracking((peer) => void peers.push(peer)));
    await using client = await connect(node.addr, quick);
    await using near = await client.near(calm);
    const read = near.get("k");
    const peer = await waitFor(() => peers[0]);
    await client.set("k", "new");
    peer.socket.write(value("old") + forever);
    expect([await read, near.peek("k")]).toEqual(["old", undefined]);
  });

  test("of a key that expires between its two commands is not held", async () => {
    await using node = new ScriptedNode(tracking(() => `${value("v")}:-2\r\n`));
    await using client = await connect(node.addr, quick);
    await using near = await client.near(calm);
    expect([await near.get("k"), near.peek("k")]).toEqual(["v", undefined]);
  });
});

describe("every connection", () => {
  test("tracks before it reads, and a server that refuses says so at once", async () => {
    await using node = new ScriptedNode(tracking(() => value("v") + forever));
    await using client = await connect(node.addr, quick);
    await using near = await client.near(calm);
    await near.get("k");
    expect(node.peers[1]?.commands).toEqual([
      ...["CLIENT TRACKING ON", "CLIENT TRACKINGINFO", "GET k", "PTTL k"],
    ]);
    node.script = (command) => (command.startsWith("HELLO") ? undefined : "-NOPERM no\r\n");
    expect(await failureOf(client.near())).toMatchObject({ serverCode: "NOPERM" });
  });

  test("that ends within what was missed is followed by one that asks for all of it", async () => {
    await using node = new ScriptedNode(tracking(() => value("v") + forever, numberedReply(5, 0)));
    await using client = await connect(node.addr, quick);
    await using near = await client.near({ ...calm, mode: "broadcast" });
    for (const key of ["a", "b", "c"]) await near.get(key);
    // The first of two parts arrives, and then the connection is cut.
    node.script = tracking(() => undefined, numberedReply(5, 1) + numberedNews(5, "a"));
    node.cut();
    await waitFor(() => near.counters.entries === 2);
    expect([near.isVouchedFor, near.peek("b")]).toEqual([false, undefined]);
    const rest = numberedReply(5, 1) + numberedNews(5, "a") + numberedNews(9, "b");
    node.script = tracking(() => undefined, rest);
    node.cut();
    await waitFor(() => near.isVouchedFor);
    expect([near.peek("a"), near.peek("b"), near.peek("c")]).toEqual([undefined, undefined, "v"]);
    const asked = node.commands.filter((command) => command.includes(" FROM "));
    expect(new Set(asked)).toEqual(
      new Set([`CLIENT TRACKING ON BCAST NUMBERED FROM ${"r".repeat(40)} 5`]),
    );
    expect(near.counters.drops).toBe(0);
  });

  test("goes on from the number of the last invalidation, and has missed nothing if told so", async () => {
    await using node = new ScriptedNode(tracking(() => value("v") + forever, numberedReply(5, 0)));
    await using client = await connect(node.addr, quick);
    await using near = await client.near({ ...calm, prefixes: ["a", "b"] });
    for (const key of ["a", "b"]) await near.get(key);
    node.peers[1]?.socket.write(numberedNews(7, "b") + numberedNews(8));
    await waitFor(() => near.counters.entries === 1);
    await near.get("b");
    node.script = tracking(() => undefined, numberedReply(8, 1) + numberedNews(8));
    node.cut();
    await waitFor(() => near.counters.resumed === 1 && near.isVouchedFor);
    expect([near.peek("a"), near.peek("b")]).toEqual(["v", "v"]);
    expect(node.commands).toContain(
      `CLIENT TRACKING ON BCAST PREFIX a PREFIX b NUMBERED FROM ${"r".repeat(40)} 8`,
    );
  });
});

test("keys that are no Unicode text are read each time, as news of them has another name", async () => {
  await using node = new ScriptedNode(tracking(() => value("v") + forever));
  await using client = await connect(node.addr, quick);
  await using near = await client.near(calm);
  expect([await near.get("\ud800"), near.peek("\ud800")]).toEqual(["v", undefined]);
});
