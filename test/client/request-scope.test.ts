// Time limits and signals of single requests: client.with(). What was not sent never is, what was
// sent keeps its place, and nothing is left behind on a signal.

import { describe, expect, test } from "bun:test";
import { type Client, connect, type WatchedCommand } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { quick } from "../support/patient-client.ts";
import { leaderGreeting, type Script, ScriptedNode } from "./scripted-node.ts";

/** Leaves the key "slow" unanswered; other keys are echoed. */
const script: Script = (command) => {
  if (command.startsWith("HELLO")) return undefined;
  const [verb, key] = command.split(" ");
  if (key === "slow") return undefined;
  return verb === "GET" ? `+${key}\r\n` : "+OK\r\n";
};

test("a request times out by itself, and its late reply goes to no other", async () => {
  await using node = new ScriptedNode(script);
  await using client = await connect(node.addr, quick);
  const hasty = client.with({ timeout: 20 });
  expect(await failureOf(hasty.get("slow"))).toMatchObject({
    code: "TIMEOUT",
    sent: true,
    message: "no reply within 20 ms (sent)",
  });
  const next = client.get("next");
  node.peers[0].socket.write("+late\r\n");
  expect(await next).toBe("next");
  expect(await client.with({ timeout: 60_000 }).get("a")).toBe("a");
  expect(node.peers).toHaveLength(1);
});

test("a longer time limit outlives the client's own", async () => {
  await using node = new ScriptedNode(script);
  await using client = await connect(node.addr, { ...quick, requestTimeoutMs: 40 });
  const read = client.with({ timeout: 60_000 }).get("slow");
  expect(await failureOf(client.get("slow"))).toMatchObject({ code: "TIMEOUT" });
  await waitFor(() => node.commands.filter((command) => command === "GET slow").length >= 3);
  node.script = (command, peer) => (command === "GET slow" ? "+done\r\n" : script(command, peer));
  node.cut();
  expect(await read).toBe("done");
});

test("an aborted request rejects at once with the reason", async () => {
  await using node = new ScriptedNode(script);
  await using client = await connect(node.addr, quick);
  const abort = new AbortController();
  const scoped = client.with({ signal: abort.signal });
  const failures = [scoped.get("slow"), scoped.set("slow", "1")].map(failureOf);
  await waitFor(() => node.commands.length === 2);
  const reason = new Error("the user left");
  abort.abort(reason);
  for (const failure of await Promise.all(failures)) {
    expect(failure).toMatchObject({ code: "ABORTED", sent: true, cause: reason });
  }
  expect(await failureOf(scoped.get("a"))).toMatchObject({ code: "ABORTED", sent: false });
  expect(await failureOf(scoped.command("GET", "a"))).toMatchObject({ code: "ABORTED" });
  node.peers[0].socket.write("+late\r\n+OK\r\n");
  expect(await client.get("b")).toBe("b");
});

test("what was aborted before it left never leaves", async () => {
  await using node = new ScriptedNode(script);
  await using client = await connect(node.addr, quick);
  const abort = new AbortController();
  const scoped = client.with({ signal: abort.signal });
  const failures = [scoped.get("a"), scoped.set("b", "1")].map(failureOf);
  const kept = client.get("c");
  abort.abort();
  for (const failure of await Promise.all(failures)) {
    expect(failure).toMatchObject({ code: "ABORTED", sent: false });
  }
  expect(await kept).toBe("c");
  expect(node.commands).toEqual(["GET c"]);
});

test("a request that waits for a connection times out by itself and is not sent later", async () => {
  await using node = new ScriptedNode(script);
  await using client = await connect(node.addr, quick);
  const port = node.port;
  await node[Symbol.asyncDispose]();
  const hasty = client.with({ timeout: 20 });
  const codes = [];
  while (codes.at(-1) !== "TIMEOUT") {
    const failure = (await failureOf(hasty.set("a", "1"))) as Error & { code: string };
    codes.push(failure.code);
  }
  await using again = new ScriptedNode(script, port);
  expect(await client.get("b")).toBe("b");
  expect(again.commands).not.toContain("SET a 1");
});

test("a time limit and a signal hold on the connections of watch() and scan()", async () => {
  let arrived = 0;
  await using node = new ScriptedNode((command, peer) => {
    if (!/^(SCAN|WATCH slow|GET slow)/.test(command)) return script(command, peer);
    arrived++;
    return undefined;
  });
  await using client = await connect(node.addr, quick);
  const attempt = (command: WatchedCommand) => command("GET", "slow").then(() => null);
  for (const ask of [
    (scoped: Client) => scoped.scan().next(),
    (scoped: Client) => scoped.watch(["slow"], attempt),
    (scoped: Client) => scoped.watch(["a"], attempt),
  ]) {
    expect(await sentFailure(client, ask)).toMatchObject({ code: "TIMEOUT", sent: true });
    const abort = new AbortController();
    arrived = 0;
    const asked = failureOf(ask(client.with({ signal: abort.signal })));
    await waitFor(() => arrived === 1);
    abort.abort();
    expect(await asked).toMatchObject({ code: "ABORTED", sent: true });
  }
});

/** Of the first attempt that sent its request: each has to connect within its time. */
async function sentFailure(client: Client, ask: (scoped: Client) => Promise<unknown>) {
  for (let timeout = 20; ; timeout *= 2) {
    const failure = (await failureOf(ask(client.with({ timeout })))) as Error & { sent: boolean };
    if (failure.sent) return failure;
    expect(failure).toMatchObject({ code: "TIMEOUT" });
  }
}

describe("while scan() and watch() connect", () => {
  const walk = (client: Client) => client.scan().next();
  const attempt = (client: Client) => client.watch(["a"], async () => null);
  /** Greets the first connection, and no other. */
  const aloofNode = (): ScriptedNode => {
    const node = new ScriptedNode((command, peer) =>
      command.startsWith("HELLO") && peer !== node.peers[0] ? "" : script(command, peer),
    );
    return node;
  };

  test.each([
    ["scan", walk],
    ["watch", attempt],
  ])("%s() obeys a time limit and a signal", async (_name, ask) => {
    await using node = aloofNode();
    await using client = await connect(node.addr, quick);
    expect(await failureOf(ask(client.with({ timeout: 20 })))).toMatchObject({
      code: "TIMEOUT",
      sent: false,
    });
    const abort = new AbortController();
    const asked = failureOf(ask(client.with({ signal: abort.signal })));
    await waitFor(() => node.peers.length === 3 && node.peers[2]?.arrivals.length === 1);
    abort.abort(new Error("the user left"));
    expect(await asked).toMatchObject({ code: "ABORTED", sent: false });
    for (const peer of node.peers.slice(1)) peer.socket.write(leaderGreeting);
    await waitFor(() => node.peers.slice(1).every((peer) => peer.isClosed), {
      message: "the end of connections that came too late",
    });
    expect(node.peers[0]?.isClosed).toBe(false);
  });

  test("requestTimeoutMs bounds it, and close() ends it", async () => {
    await using node = aloofNode();
    await using client = await connect(node.addr, { ...quick, requestTimeoutMs: 100 });
    expect(await failureOf(walk(client))).toMatchObject({ code: "TIMEOUT", sent: false });
    const asked = failureOf(walk(client.with({ timeout: 60_000 })));
    await client.close();
    expect(await asked).toMatchObject({ code: "CLOSED" });
  });
});

test("a signal keeps no listener of requests that have settled", async () => {
  await using node = new ScriptedNode(script);
  await using client = await connect(node.addr, quick);
  const { signal } = new AbortController();
  let listeners = 0;
  const count = (name: "addEventListener" | "removeEventListener", by: number) => {
    const original = signal[name].bind(signal) as (...args: unknown[]) => void;
    Object.assign(signal, {
      [name]: (...args: unknown[]) => {
        listeners += by;
        original(...args);
      },
    });
  };
  count("addEventListener", 1);
  count("removeEventListener", -1);
  const scoped = client.with({ signal, timeout: 60_000 });
  expect(await Promise.all([scoped.get("a"), scoped.get("b")])).toEqual(["a", "b"]);
  expect(await scoped.get("c")).toBe("c");
  expect(listeners).toBe(0);
});

test("bounds add up, and wrong ones are refused by name", async () => {
  await using node = new ScriptedNode(script);
  await using client = await connect(node.addr, quick);
  const abort = new AbortController();
  const both = client.with({ signal: abort.signal }).with({ timeout: 20 });
  expect(await failureOf(both.get("slow"))).toMatchObject({ code: "TIMEOUT" });
  abort.abort();
  expect(await failureOf(both.get("a"))).toMatchObject({ code: "ABORTED" });
  for (const [options, name] of [
    [{ timeout: 0 }, "timeout"],
    [{ timeout: "1" }, "timeout"],
    [{ timeout: Number.POSITIVE_INFINITY }, "timeout"],
    [{ signal: abort }, "signal"],
    [7, "options"],
  ] as const) {
    expect(() => client.with(options as object)).toThrow(name);
  }
});
