// The client against nodes that misbehave on purpose: what is sent and when, how a lost, silent or
// talkative connection affects its requests, and that nothing is sent twice. The choice between
// several nodes is tested in routing.test.ts.

import { describe, expect, test } from "bun:test";
import { ConnectError, connect, type ServerError, type TimeoutError } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { quick } from "../support/patient-client.ts";
import { followerGreeting, leaderGreeting, type Script, ScriptedNode } from "./scripted-node.ts";

/** Answers GET with the key and everything else with OK. */
const echo: Script = (command) => {
  if (command.startsWith("HELLO")) return undefined;
  const [verb, key = ""] = command.split(" ");
  return verb === "GET" ? `$${key.length}\r\n${key}\r\n` : "+OK\r\n";
};

/** As echo, but a GET of `key` is left unanswered. */
const silentAbout =
  (key: string): Script =>
  (command, peer) =>
    command === `GET ${key}` ? undefined : echo(command, peer);

describe("opening", () => {
  test("the client says HELLO 3, with a login where a password is given", async () => {
    await using node = new ScriptedNode(echo);
    await using plain = await connect(node.addr);
    await using named = await connect(node.addr, { username: "u", password: "p" });
    await using unnamed = await connect(node.addr, { password: "p" });
    expect([plain, named, unnamed].map((client) => client.address)).toEqual(
      Array(3).fill(node.addr),
    );
    const greetings = node.peers.map((peer) => peer.arrivals[0]);
    expect(greetings).toEqual([["HELLO 3"], ["HELLO 3 AUTH u p"], ["HELLO 3 AUTH default p"]]);
  });

  test("a refused connection rejects with ConnectError and the address", async () => {
    const node = new ScriptedNode(echo);
    await node[Symbol.asyncDispose]();
    const error = await failureOf(connect(node.addr));
    expect(error).toMatchObject({
      name: "ConnectError",
      code: "CONNECT_FAILED",
      address: node.addr,
      cause: { code: "ECONNREFUSED" },
    });
    expect(error.message).toStartWith(`cannot connect to ${node.addr}: `);
  });

  test("a refused login rejects with ConnectError and the server's text", async () => {
    await using node = new ScriptedNode(() => "-WRONGPASS invalid\r\n");
    const error = await failureOf(connect(node.addr, { password: "wrong" }));
    expect(error).toMatchObject({ code: "CONNECT_FAILED", cause: { serverCode: "WRONGPASS" } });
    expect(error.message).toContain("WRONGPASS invalid");
  });

  test("a server that repeats the password of a refused login does not bring it into an error", async () => {
    const words = "unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'u' 'secret' ";
    await using node = new ScriptedNode(() => `-ERR ${words}\r\n`);
    const error = await failureOf(connect(`redis://u:secret@${node.addr}`));
    expect(error.message).toEndWith(": ERR unknown command 'HELLO'");
    expect(Bun.inspect(error)).not.toContain("secret");
  });

  test("a node that accepts and stays silent rejects after connectTimeoutMs", async () => {
    await using node = new ScriptedNode(() => "");
    const error = await failureOf(connect(node.addr, { connectTimeoutMs: 20 }));
    expect(error.message).toBe(`cannot connect to ${node.addr}: no reply within 20 ms`);
  });

  test("a server of another kind rejects with ConnectError", async () => {
    await using node = new ScriptedNode(() => "HTTP/1.1 400 Bad Request\r\n\r\n");
    expect(await failureOf(connect(node.addr))).toMatchObject({
      code: "CONNECT_FAILED",
      cause: { code: "PROTOCOL_ERROR" },
    });
  });

  test("invalid options reject and do not throw", async () => {
    expect(await failureOf(connect("nowhere"))).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("sending", () => {
  test("requests of one turn leave in one write, in order", async () => {
    await using node = new ScriptedNode(echo);
    await using client = await connect(node.addr);
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys);
    expect(node.peers[0].arrivals).toEqual([["HELLO 3"], keys.map((key) => `GET ${key}`)]);
  });

  test("a thousand requests of one turn, which leave in several writes, keep their order", async () => {
    await using node = new ScriptedNode(echo);
    await using client = await connect(node.addr);
    const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}`);
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys);
    expect(node.commands).toEqual(keys.map((key) => `GET ${key}`));
  });

  test("a write and a read of one turn keep their order", async () => {
    await using node = new ScriptedNode(echo);
    await using client = await connect(node.addr);
    await Promise.all([client.set("a", "1"), client.get("a"), client.set("b", "2")]);
    expect(node.commands).toEqual(["SET a 1", "GET a", "SET b 2"]);
  });

  test("bytes that the socket does not take are sent when it drains", async () => {
    await using node = new ScriptedNode(echo);
    await using client = await connect(node.addr);
    const peer = node.peers[0];
    peer.socket.pause();
    const values = Array.from({ length: 8 }, (_, i) => String(i).repeat(1_000_000));
    const stored = Promise.all(values.map((value, i) => client.set(`k${i}`, value)));
    peer.socket.resume();
    expect(await stored).toEqual(Array(8).fill(true));
    expect(peer.commands).toEqual(values.map((value, i) => `SET k${i} ${value}`));
  });

  test("one request more than maxPending rejects at once, and later ones are accepted again", async () => {
    await using node = new ScriptedNode(silentAbout("slow"));
    await using client = await connect(node.addr, { maxPending: 2 });
    const waiting = [client.get("slow"), client.get("b")];
    expect(await failureOf(client.get("c"))).toMatchObject({ code: "TOO_MANY_PENDING" });
    await waitFor(() => node.commands.length === 2);
    node.peers[0].socket.write("$4\r\nslow\r\n");
    expect(await Promise.all(waiting)).toEqual(["b", "slow"]);
    expect(await client.get("c")).toBe("c");
  });

  test("arguments of a wrong type reject and send nothing", async () => {
    await using node = new ScriptedNode(echo);
    await using client = await connect(node.addr);
    const wrong = 7 as unknown as string;
    const failures = await Promise.all(
      [
        client.get(wrong),
        client.set("k", wrong),
        client.mget(["a", wrong]),
        client.deleteMany(["a", wrong]),
        client.set("k", "v", { ttl: 0 }),
        client.expire("k", { ttl: -1 }),
        client.incr("k", 0.5),
      ].map(failureOf),
    );
    expect(failures.map(({ name }) => name)).toEqual(Array(7).fill("InvalidArgumentError"));
    expect(node.commands).toEqual([]);
  });
});

describe("replies", () => {
  test("an error reply rejects only its own request", async () => {
    await using node = new ScriptedNode((command, peer) =>
      command === "GET list" ? "-WRONGTYPE not a string\r\n" : echo(command, peer),
    );
    await using client = await connect(node.addr);
    const [failed, fine] = await Promise.allSettled([client.get("list"), client.get("a")]);
    expect(fine).toEqual({ status: "fulfilled", value: "a" });
    const error = (failed as PromiseRejectedResult).reason as ServerError;
    expect([error.code, error.serverCode, error.message]).toEqual([
      "SERVER_ERROR",
      "WRONGTYPE",
      "WRONGTYPE not a string",
    ]);
  });

  test("a reply of another kind is a ProtocolError and affects no other request", async () => {
    await using node = new ScriptedNode((command, peer) =>
      command === "GET number" ? ":1\r\n" : echo(command, peer),
    );
    await using client = await connect(node.addr);
    const [failed, fine] = await Promise.allSettled([client.get("number"), client.get("a")]);
    expect(fine).toEqual({ status: "fulfilled", value: "a" });
    expect(failed).toMatchObject({
      reason: { code: "PROTOCOL_ERROR", message: "the reply to GET is not a value or null" },
    });
  });

  test("an out-of-band message is not taken for a reply", async () => {
    await using node = new ScriptedNode(
      (command, peer) => `>2\r\n+news\r\n:1\r\n${echo(command, peer) ?? leaderGreeting}`,
    );
    await using client = await connect(node.addr);
    expect(await Promise.all([client.get("a"), client.get("b")])).toEqual(["a", "b"]);
  });

  test("a sum beyond 2^53 - 1 rejects with the exact result", async () => {
    await using node = new ScriptedNode((command) =>
      command.startsWith("INCRBY") ? ":9007199254740993\r\n" : undefined,
    );
    await using client = await connect(node.addr);
    expect(await failureOf(client.incr("k"))).toMatchObject({
      code: "RESULT_OUT_OF_RANGE",
      result: 9007199254740993n,
    });
  });
});

describe("a request without a reply in time", () => {
  test("rejects with TimeoutError, and its late reply is not matched to the next request", async () => {
    await using node = new ScriptedNode(silentAbout("slow"));
    await using client = await connect(node.addr, { requestTimeoutMs: 40 });
    const { socket } = node.peers[0];
    // A node that is slow but not silent keeps its connection.
    const noise = setInterval(() => socket.write(">1\r\n+still here\r\n"), 5);
    const error = (await failureOf(client.get("slow"))) as TimeoutError;
    expect([error.code, error.sent]).toEqual(["TIMEOUT", true]);
    socket.write("$4\r\nlate\r\n");
    expect(await client.get("next")).toBe("next");
    clearInterval(noise);
    expect(node.peers).toHaveLength(1);
  });

  test("on a silent node ends the connection, and the client reconnects", async () => {
    await using node = new ScriptedNode(silentAbout("slow"));
    await using client = await connect(node.addr, { ...quick, requestTimeoutMs: 40 });
    expect(await failureOf(client.get("slow"))).toMatchObject({ code: "TIMEOUT", sent: true });
    expect(await client.get("a")).toBe("a");
    expect(node.peers).toHaveLength(2);
  });

  test("while there is no connection was never sent, and the error says why", async () => {
    await using node = new ScriptedNode(echo);
    await using client = await connect(node.addr, { ...quick, requestTimeoutMs: 40 });
    await node[Symbol.asyncDispose]();
    const errors = await Promise.all([failureOf(client.get("a")), failureOf(client.get("b"))]);
    const last = (await failureOf(client.get("c"))) as TimeoutError;
    expect(errors[0].name).toMatch(/ConnectionLostError|TimeoutError/);
    expect([last.sent, (last.cause as Error).name]).toEqual([false, "ConnectError"]);
  });

  test.each(["is gone", "stands still"])(
    "names the fault once if it is a write, and its node %s",
    async (state) => {
      await using node = new ScriptedNode((command) =>
        command.startsWith("HELLO") ? followerGreeting : state === "is gone" ? undefined : "",
      );
      await using client = await connect(node.addr, { ...quick, requestTimeoutMs: 80 });
      if (state === "is gone") await node[Symbol.asyncDispose]();
      const texts: string[] = [];
      await waitFor(async () => {
        const failure = (await failureOf(client.set("a", "1"))) as TimeoutError;
        texts.push(failure.message);
        return failure.code === "TIMEOUT" && failure.cause instanceof ConnectError;
      });
      await Promise.all(
        ["b", "c", "d"].map(async (key) => {
          texts.push(((await failureOf(client.set(key, "1"))) as Error).message);
        }),
      );
      for (const text of texts) expect(text.split("no reply within").length - 1).toBeLessThan(2);
      expect(texts.at(-1)).toMatch(/^no reply within 80 ms \(never sent\): c/);
    },
  );
});

describe("a lost connection", () => {
  test("rejects what was sent, never sends it again, and is restored", async () => {
    await using node = new ScriptedNode((command, peer) =>
      command.startsWith("INCRBY") ? undefined : echo(command, peer),
    );
    await using client = await connect(node.addr, quick);
    const sent = client.incr("counter");
    const failure = failureOf(sent);
    await waitFor(() => node.commands.length === 1);
    node.cut();
    expect(await failure).toMatchObject({ code: "CONNECTION_LOST", address: node.addr });
    expect(await client.get("a")).toBe("a");
    expect(node.commands).toEqual(["INCRBY counter 1", "GET a"]);
  });

  test("leaves unsent requests to the next connection", async () => {
    await using node = new ScriptedNode(echo);
    await using client = await connect(node.addr, quick);
    node.peers[0].socket.pause();
    const stuck = failureOf(client.set("big", new Uint8Array(32_000_000)));
    const later = Promise.all([client.get("a"), client.set("b", "2"), client.get("c")]);
    await waitFor(() => node.peers[0].arrivals.length >= 1);
    node.cut();
    expect(await stuck).toMatchObject({ code: "CONNECTION_LOST" });
    expect(await later).toEqual(["a", true, "c"]);
    const again = node.peers[1].commands.filter((command) => command !== "ROLE");
    expect(again.toSorted()).toEqual(["GET a", "GET c", "SET b 2"]);
  });

  test("is the result of bytes that are not RESP", async () => {
    await using node = new ScriptedNode((command, peer) =>
      command === "GET bad" ? "@garbage\r\n" : echo(command, peer),
    );
    await using client = await connect(node.addr, quick);
    expect(await failureOf(client.get("bad"))).toMatchObject({ code: "PROTOCOL_ERROR" });
    expect(await client.get("a")).toBe("a");
  });

  test("is the result of a reply without a request", async () => {
    await using node = new ScriptedNode(echo);
    await using client = await connect(node.addr, quick);
    node.peers[0].socket.write("+OK\r\n");
    await waitFor(() => node.peers.length === 2);
    expect(await client.get("a")).toBe("a");
  });

  test("is final when no attempt is left", async () => {
    await using node = new ScriptedNode(silentAbout("slow"));
    await using client = await connect(node.addr, { retries: 0, reconnect: { maxAttempts: 0 } });
    const failure = failureOf(client.get("slow"));
    await waitFor(() => node.commands.length === 1);
    node.cut();
    expect(await failure).toMatchObject({ code: "CONNECTION_LOST" });
    const failures = await Promise.all([client.get("a"), client.set("a", "1")].map(failureOf));
    expect(failures.map(({ name }) => name)).toEqual(["ConnectError", "ConnectError"]);
    expect(failures[0].message).toContain("given up after 0 attempts");
  });
});

describe("close", () => {
  test("waits for replies and accepts nothing new", async () => {
    await using node = new ScriptedNode(silentAbout("slow"));
    const client = await connect(node.addr);
    const slow = client.get("slow");
    await waitFor(() => node.commands.length === 1);
    const closed = client.close();
    expect(await failureOf(client.get("a"))).toMatchObject({ code: "CLOSED" });
    node.peers[0].socket.write("$4\r\nslow\r\n");
    expect(await slow).toBe("slow");
    await closed;
    await client.close();
    expect(await failureOf(client.set("a", "1"))).toMatchObject({ code: "CLOSED" });
  });

  test("does not wait longer than requestTimeoutMs", async () => {
    await using node = new ScriptedNode(silentAbout("slow"));
    const client = await connect(node.addr, { requestTimeoutMs: 40 });
    const failure = failureOf(client.get("slow"));
    await client.close();
    expect(await failure).toMatchObject({ code: "TIMEOUT", sent: true });
  });

  test("closes a client whose node has died", async () => {
    await using node = new ScriptedNode(echo);
    const client = await connect(node.addr, { ...quick, requestTimeoutMs: 40 });
    await node[Symbol.asyncDispose]();
    const failure = failureOf(client.get("a"));
    await client.close();
    expect((await failure).name).toMatch(/ConnectionLostError|TimeoutError/);
  });
});
