// Which node serves reads, for each policy, and what happens when it is not ready, lost or gone.
// Scripted nodes tell what they were asked.

import { describe, expect, test } from "bun:test";
import { connect } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { patient, quick } from "../support/patient-client.ts";
import { followerGreeting, followerOf, type Script, ScriptedNode } from "./scripted-node.ts";

/** A leader with these followers. GET is answered with its name. */
const leader =
  (...followers: readonly { readonly port: number }[]): Script =>
  (command) => {
    if (command.startsWith("HELLO")) return undefined;
    if (command.startsWith("GET")) return "+leader\r\n";
    if (command !== "ROLE") return "+OK\r\n";
    const list = followers.map(({ port }) => {
      const digits = String(port);
      return `*3\r\n$9\r\n127.0.0.1\r\n$${digits.length}\r\n${digits}\r\n$1\r\n0\r\n`;
    });
    return `*3\r\n$6\r\nmaster\r\n:0\r\n*${list.length}\r\n${list.join("")}`;
  };

/** A follower of that node; GET is answered with its name. */
const follower =
  (name: string, of: { readonly port: number }): Script =>
  (command) => {
    if (command.startsWith("HELLO")) return followerGreeting;
    if (command === "ROLE") return followerOf(of);
    return command.startsWith("GET") ? `+${name}\r\n` : "-READONLY no\r\n";
  };

describe('reads: "leader"', () => {
  test("a client of a follower reads where it writes", async () => {
    await using top = new ScriptedNode(leader());
    await using node = new ScriptedNode(follower("follower", top));
    await using client = await connect(node.addr, { ...quick, reads: "leader" });
    expect(await client.get("a")).toBe("leader");
    expect(await Promise.all([client.set("a", "1"), client.get("b")])).toEqual([true, "leader"]);
    expect(node.commands).toEqual(["ROLE"]);
  });
});

describe('reads: "followers"', () => {
  test("a client of the leader reads from a follower that the leader names", async () => {
    await using top = new ScriptedNode(leader());
    await using node = new ScriptedNode(follower("follower", top));
    top.script = leader(node);
    await using client = await connect(top.addr, { ...quick, reads: "followers" });
    expect(await Promise.all([client.get("a"), client.get("b")])).toEqual(["follower", "follower"]);
    expect(await client.set("a", "1")).toBe(true);
    expect(top.commands).toEqual(["ROLE", "SET a 1"]);
    expect(node.commands).toEqual(["ROLE", "GET a", "GET b"]);
  });

  test("one among the addresses will do, and is not asked for if it has no leader", async () => {
    await using top = new ScriptedNode(leader());
    await using cutOff = new ScriptedNode((command, peer) =>
      command === "ROLE"
        ? followerOf(top).replace("$9\r\nconnected", "$7\r\nconnect")
        : follower("cut off", top)(command, peer),
    );
    await using node = new ScriptedNode(follower("follower", top));
    const addresses = [top.addr, cutOff.addr, node.addr];
    await using client = await connect(addresses, { ...quick, reads: "followers" });
    expect(await client.get("a")).toBe("follower");
    expect(cutOff.commands.filter((command) => command !== "ROLE")).toEqual([]);
  });

  test("without a follower the leader serves, until one is there", async () => {
    await using top = new ScriptedNode(leader());
    await using client = await connect(top.addr, { ...quick, reads: "followers" });
    expect(await Promise.all([client.get("a"), client.get("b")])).toEqual(["leader", "leader"]);
    await using node = new ScriptedNode(follower("follower", top));
    top.script = leader(node);
    await waitFor(async () => (await client.get("a")) === "follower");
  });

  test("a read on a follower that is lost is sent to another one", async () => {
    await using top = new ScriptedNode(leader());
    await using second = new ScriptedNode(follower("second", top));
    await using first = new ScriptedNode((command, peer) =>
      command.startsWith("GET") ? undefined : follower("first", top)(command, peer),
    );
    top.script = leader(first);
    await using client = await connect(top.addr, { ...quick, reads: "followers" });
    const read = client.get("a");
    await waitFor(() => first.commands.includes("GET a"));
    top.script = leader(second);
    await first[Symbol.asyncDispose]();
    expect(await read).toBe("second");
  });

  test("a follower that loads its data leaves the read to the leader", async () => {
    await using top = new ScriptedNode(leader());
    await using node = new ScriptedNode((command, peer) =>
      command.startsWith("GET") ? "-LOADING wait\r\n" : follower("f", top)(command, peer),
    );
    top.script = leader(node);
    await using client = await connect(top.addr, { ...quick, reads: "followers" });
    expect(await client.get("a")).toBe("leader");
  });
});

describe("a node that is not ready", () => {
  test.each(["LOADING", "TRYAGAIN"])("is asked again when it says %s", async (code) => {
    let refusals = 3;
    await using node = new ScriptedNode((command, peer) =>
      /GET|SET/.test(command) && refusals-- > 0 ? `-${code} wait\r\n` : leader()(command, peer),
    );
    await using client = await connect(node.addr, quick);
    expect(await client.get("a")).toBe("leader");
    refusals = 1;
    expect(await client.set("a", "1")).toBe(true);
    expect(node.commands).toEqual([...Array(4).fill("GET a"), "SET a 1", "SET a 1"]);
  });

  test("is waited for until the time is up, and the error says why", async () => {
    await using node = new ScriptedNode((command, peer) =>
      command.startsWith("GET") ? "-LOADING wait\r\n" : leader()(command, peer),
    );
    // Between two attempts when its time is up.
    const reconnect = { minDelayMs: 60_000, maxDelayMs: 60_000 };
    await using client = await connect(node.addr, { ...quick, reconnect, requestTimeoutMs: 500 });
    expect(await failureOf(client.get("a"))).toMatchObject({
      code: "TIMEOUT",
      cause: { serverCode: "LOADING" },
    });
  });

  test("and that says nothing more has its last answer in the error", async () => {
    const saidOnce = new Set<string>();
    await using node = new ScriptedNode((command, peer) => {
      if (!/GET|SET/.test(command)) return leader()(command, peer);
      if (saidOnce.has(command)) return undefined;
      saidOnce.add(command);
      return "-LOADING wait\r\n";
    });
    await using client = await connect(node.addr, { ...quick, requestTimeoutMs: 500 });
    const bounded = client.with({ timeout: 400 });
    const requests = [
      client.get("a"),
      client.set("a", "1"),
      bounded.get("b"),
      bounded.set("b", "1"),
    ];
    for (const error of await Promise.all(requests.map(failureOf))) {
      const cause = { code: "SERVER_ERROR", serverCode: "LOADING" };
      expect(error).toMatchObject({ code: "TIMEOUT", sent: true, cause });
    }
  });

  test("is asked once with retries: 0", async () => {
    await using node = new ScriptedNode((command, peer) =>
      command.startsWith("GET") ? "-LOADING wait\r\n" : leader()(command, peer),
    );
    await using client = await connect(node.addr, { ...quick, retries: 0 });
    expect(await failureOf(client.get("a"))).toMatchObject({ serverCode: "LOADING" });
    expect(node.commands).toEqual(["GET a"]);
  });

  test("leaves the read to its leader when it says MASTERDOWN", async () => {
    await using top = new ScriptedNode(leader());
    await using node = new ScriptedNode((command, peer) =>
      command.startsWith("GET") ? "-MASTERDOWN link down\r\n" : follower("f", top)(command, peer),
    );
    await using client = await connect(node.addr, quick);
    expect(await client.get("a")).toBe("leader");
  });
});

describe("a connection that is lost", () => {
  const silent: Script = (command, peer) =>
    /GET|SET/.test(command) ? undefined : leader()(command, peer);

  test("has its reads sent again and its writes rejected", async () => {
    await using node = new ScriptedNode(silent);
    await using client = await connect(node.addr, quick);
    const read = client.get("a");
    const write = failureOf(client.set("a", "1"));
    await waitFor(() => node.commands.length === 2);
    node.script = leader();
    node.cut();
    expect(await read).toBe("leader");
    expect(await write).toMatchObject({ code: "CONNECTION_LOST" });
    expect(node.commands).toEqual(["GET a", "SET a 1", "GET a"]);
  });

  test("has a read sent again at most `retries` times", async () => {
    await using node = new ScriptedNode((command, peer) => {
      if (command.startsWith("GET")) peer.socket.terminate();
      return leader()(command, peer);
    });
    await using client = await connect(node.addr, { ...quick, retries: 2 });
    expect(await failureOf(client.get("a"))).toMatchObject({ code: "CONNECTION_LOST" });
    expect(node.commands).toEqual(["GET a", "GET a", "GET a"]);
  });

  test("rejects what comes meanwhile at once with offlineQueue: false", async () => {
    await using node = new ScriptedNode(leader());
    const options = { ...patient, reconnect: { minDelayMs: 60_000 }, offlineQueue: false };
    await using client = await connect(node.addr, options);
    node.cut();
    await node[Symbol.asyncDispose]();
    await waitFor(() => node.peers.every((peer) => peer.isClosed));
    const refused = (promise: Promise<unknown>) =>
      failureOf(promise).then(({ message }) => message.includes("offlineQueue is off"));
    await waitFor(() => refused(client.get("a")));
    expect(await Promise.all([refused(client.get("a")), refused(client.set("a", "1"))])).toEqual([
      true,
      true,
    ]);
  });

  test("lets no more than maxPending requests wait for the next one", async () => {
    await using node = new ScriptedNode(leader());
    const options = { ...patient, reconnect: { minDelayMs: 60_000 }, maxPending: 3 };
    const client = await connect(node.addr, { ...options, requestTimeoutMs: 100 });
    node.cut();
    await node[Symbol.asyncDispose]();
    await waitFor(async () => (await failureOf(client.ping())).name !== "ConnectionLostError");
    const waiting = [client.get("a"), client.get("b"), client.get("c")].map(failureOf);
    expect(await failureOf(client.get("d"))).toMatchObject({ code: "TOO_MANY_PENDING" });
    for (const { name } of await Promise.all(waiting)) expect(name).toBe("TimeoutError");
    await client.close();
  });
});
