// The connection of its own on which a server pushes: what its listener is told when it comes, goes
// and comes again, and that what the listener sends first is first.

import { describe, expect, test } from "bun:test";
import type { PushListener, Send } from "../../src/client/link/push-link.ts";
import { subscribed } from "../../src/client/wire/client-request.ts";
import { text } from "../../src/client/wire/shapes.ts";
import { connect } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { eachServer } from "../support/client-servers.ts";
import { failureOf } from "../support/failure.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { connectPatiently, patient, quick } from "../support/patient-client.ts";
import { ScriptedNode } from "./scripted-node.ts";

/** A listener that writes down what it is told. */
class Diary implements PushListener {
  readonly lines: string[] = [];
  private readonly prepare: (send: Send) => Promise<unknown>;

  constructor(prepare: (send: Send) => Promise<unknown> = async () => undefined) {
    this.prepare = prepare;
  }

  async up(send: Send): Promise<void> {
    await this.prepare(send);
    this.lines.push("up");
  }

  down(cause: Error): void {
    this.lines.push(`down ${cause.name}`);
  }

  ended(cause: Error): void {
    this.lines.push(`ended ${cause.name}`);
  }

  push(items: readonly unknown[]): void {
    this.lines.push(items.map(decoded).join(" "));
  }
}

function decoded(item: unknown): unknown {
  return item instanceof Uint8Array
    ? new TextDecoder().decode(item)
    : Array.isArray(item)
      ? item.map(decoded).join(" ")
      : item;
}

describe("a link for pushes", () => {
  test("says when it is lost and when another one is up, and prepares each", async () => {
    await using node = new ScriptedNode((command) =>
      command.startsWith("HELLO") ? undefined : "+OK\r\n",
    );
    await using client = await connect(node.addr, { ...quick });
    const diary = new Diary((send) => send(["CLIENT", "TRACKING", "ON"], text));
    const link = client.pushLink(diary);
    await link.connect();
    expect(await link.send(["GET", "k"], text)).toBe("OK");
    const [, peer] = node.peers;
    peer?.socket.write(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    await waitFor(() => diary.lines.includes("invalidate k"));
    peer?.socket.terminate();
    await waitFor(() => link.isUp && node.peers.length === 3);
    expect(await link.send(["GET", "k"], text)).toBe("OK");
    for (const one of node.peers.slice(1)) {
      expect(one.commands).toEqual(["CLIENT TRACKING ON", "GET k"]);
    }
    link.close();
    expect(diary.lines).toEqual([
      "up",
      "invalidate k",
      "down ConnectionLostError",
      "up",
      "ended ClosedError",
    ]);
    expect(await failureOf(link.send(["GET", "k"], text))).toMatchObject({ code: "CLOSED" });
  });

  test("ends with the client, and after the last attempt", async () => {
    const node = new ScriptedNode(() => undefined);
    const reconnect = { minDelayMs: 1, maxAttempts: 2 };
    await using client = await connect(node.addr, { ...patient, reconnect });
    const diary = new Diary();
    await client.pushLink(diary).connect();
    await using other = await connect(node.addr, { ...patient, reconnect });
    const closing = new Diary();
    await other.pushLink(closing).connect();
    await other.close();
    expect(closing.lines).toEqual(["up", "ended ClosedError"]);
    await node[Symbol.asyncDispose]();
    await waitFor(() => diary.lines.at(-1) === "ended ConnectError");
    expect(diary.lines.filter((line) => line === "down ConnectError")).toHaveLength(2);
  });

  test("notices a node that falls silent", async () => {
    await using node = new ScriptedNode((command, peer) =>
      command.startsWith("PING") && peer === node.peers[1] ? "" : undefined,
    );
    await using client = await connect(node.addr, { ...quick, requestTimeoutMs: 50 });
    const diary = new Diary();
    const link = client.pushLink(diary);
    await link.connect();
    await waitFor(() => diary.lines.length >= 3);
    expect(diary.lines.slice(0, 3)).toEqual(["up", "down ConnectionLostError", "up"]);
    link.close();
  });

  test("a command that a push confirms is done then, and a refusal is its own", async () => {
    await using node = new ScriptedNode((command) => {
      if (command === "SUBSCRIBE no") return "-NOPERM no\r\n";
      if (command === "SUBSCRIBE a") return ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
      return command.startsWith("HELLO") ? undefined : "+OK\r\n";
    });
    await using client = await connect(node.addr, { ...quick });
    const link = client.pushLink(new Diary());
    await link.connect();
    const [refused, done, after] = await Promise.allSettled([
      link.send(["SUBSCRIBE", "no"], subscribed),
      link.send(["SUBSCRIBE", "a"], subscribed),
      link.send(["GET", "k"], text),
    ]);
    expect(refused).toMatchObject({ reason: { serverCode: "NOPERM" } });
    expect(done).toEqual({ status: "fulfilled", value: null });
    expect(after).toEqual({ status: "fulfilled", value: "OK" });
    link.close();
  });
});

eachServer("a link for pushes", (node) => {
  test("is waited for by near() and subscribe() while the server is away", async () => {
    await using proxy = await LinkProxy.start(node().port);
    await using client = await connect(proxy.address, quick);
    await using other = await connectPatiently(node().address);
    await other.set("waited", "1");
    proxy.cut();
    const opening = client.near({ maxSilence: 60_000 });
    const waiting = client.subscribe("waited");
    const read = failureOf(client.with({ timeout: 100 }).get("waited"));
    expect(await read).toMatchObject({ code: "TIMEOUT" }); // some attempts have failed
    proxy.heal();
    await using near = await opening;
    await using news = await waiting;
    expect(await near.get("waited")).toBe("1");
    await other.set("waited", "2");
    await waitFor(async () => near.peek("waited") === undefined);
    expect(await near.get("waited")).toBe("2");
    expect(await other.publish("waited", "3")).toBe(1);
    expect((await news.next()).value).toMatchObject({ message: "3", missed: null });
  });

  test("tracks what it reads", async () => {
    await using client = await connectPatiently(node().address);
    const diary = new Diary((send) => send(["CLIENT", "TRACKING", "ON"], text));
    const link = client.pushLink(diary);
    await link.connect();
    await client.set("tracked", "1");
    expect(await link.send(["GET", "tracked"], text)).toBe("1");
    await client.set("tracked", "2");
    await waitFor(() => diary.lines.includes("invalidate tracked"));
    link.close();
  });
});
