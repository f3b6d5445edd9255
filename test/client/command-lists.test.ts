// Several commands at once: pipelines, transactions, transactions that watch keys, and scripts.
// What is sent and when, at nodes that follow a script; and what becomes of it at real servers.

import { describe, expect, test } from "bun:test";
import { connect, MSCacheError, type WatchedCommand } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { eachServer } from "../support/client-servers.ts";
import { failureOf } from "../support/failure.ts";
import { connectPatiently, quick } from "../support/patient-client.ts";
import {
  followerGreeting,
  followerOf,
  leaderRole,
  readOnly,
  type Script,
  ScriptedNode,
} from "./scripted-node.ts";

/** Answers as a server that queues: OK, QUEUED, and the names of the commands for EXEC. */
function queueing(refuse = ""): Script {
  let queued: string[] | null = null;
  return (command) => {
    if (command.startsWith("HELLO")) return undefined;
    if (command === "ROLE") return leaderRole;
    if (command === "MULTI") queued = [];
    if (command === "EXEC") {
      const list = queued;
      queued = null;
      if (list === null) return "-ERR EXEC without MULTI\r\n";
      return refuse === ""
        ? `*${list.length}\r\n${list.map((one) => `+${one}\r\n`).join("")}`
        : "-EXECABORT Transaction discarded because of previous errors.\r\n";
    }
    if (queued === null || command === "MULTI") return "+OK\r\n";
    queued.push(command);
    return refuse === "" ? "+QUEUED\r\n" : refuse;
  };
}

describe("a pipeline", () => {
  test("leaves in one write, and each result is that of its command", async () => {
    await using node = new ScriptedNode((command) =>
      command === "INCR text" ? "-ERR no number\r\n" : command === "GET a" ? "+A\r\n" : undefined,
    );
    await using client = await connect(node.addr);
    const [text, failed] = await client.pipeline([
      ["GET", "a"],
      ["INCR", "text"],
    ]);
    expect(text).toBe("A");
    expect(failed).toMatchObject({ code: "SERVER_ERROR", message: "ERR no number" });
    expect(node.peers[0]?.arrivals.at(-1)).toEqual(["GET a", "INCR text"]);
    expect(await client.pipeline([])).toEqual([]);
  });

  test("goes to the leader as a whole unless all commands only read", async () => {
    await using leader = new ScriptedNode(queueing());
    await using follower = new ScriptedNode((command) => {
      if (command.startsWith("HELLO")) return followerGreeting;
      return command === "ROLE" ? followerOf(leader) : "+here\r\n";
    });
    await using client = await connect(follower.addr);
    expect(await client.pipeline([["GET", "a"]])).toEqual(["here"]);
    await client.pipeline([
      ["SET", "a", "1"],
      ["GET", "a"],
    ]);
    expect(leader.commands.filter((line) => line !== "ROLE")).toEqual(["SET a 1", "GET a"]);
  });

  test("with a command that cannot be sent sends none", async () => {
    await using node = new ScriptedNode(() => undefined);
    await using client = await connect(node.addr);
    const loose = client as unknown as Record<string, (list: unknown) => Promise<unknown>>;
    const wrong = [
      7,
      [7],
      [
        ["GET", "a"],
        ["GET", {}],
      ],
      [["GET", "a"], ["MULTI"]],
      [["GET", "a"], 7],
    ];
    for (const method of ["pipeline", "transaction"]) {
      for (const list of wrong) {
        const error = await failureOf(loose[method]?.(list) as Promise<unknown>);
        expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
      }
    }
    expect(node.commands).toEqual([]);
  });
});

describe("a transaction", () => {
  test("leaves in one write between MULTI and EXEC, but for the first of a connection", async () => {
    await using node = new ScriptedNode(queueing());
    await using client = await connect(node.addr);
    const both = () =>
      Promise.all([
        client.transaction([
          ["SET", "a", "1"],
          ["GET", "a"],
        ]),
        client.get("b"),
      ]);
    for (const _ of [1, 2]) expect(await both()).toEqual([["SET a 1", "GET a"] as never, "OK"]);
    expect(node.peers[0]?.arrivals.slice(1)).toEqual([
      ["MULTI"],
      ["SET a 1", "GET a", "EXEC", "GET b"],
      ["MULTI", "SET a 1", "GET a", "EXEC", "GET b"],
    ]);
  });

  test("whose MULTI is refused sends none of its commands, and what follows is sent", async () => {
    let refuses = true;
    const script = queueing();
    await using node = new ScriptedNode((command, peer) =>
      command === "MULTI" && refuses ? "-NOPERM no\r\n" : script(command, peer),
    );
    await using client = await connect(node.addr);
    const refused = [1, 2].map(() => failureOf(client.transaction([["SET", "a", "1"]])));
    expect(await client.get("b")).toBe("OK");
    const noPermission = { code: "SERVER_ERROR", serverCode: "NOPERM", message: "NOPERM no" };
    for (const error of await Promise.all(refused)) expect(error).toMatchObject(noPermission);
    expect(node.commands).toEqual(["MULTI", "MULTI", "GET b"]);
    refuses = false;
    expect(await client.transaction([["SET", "a", "1"]])).toEqual(["SET a 1"] as never);
    refuses = true;
    expect(await failureOf(client.transaction([["SET", "a", "2"]]))).toMatchObject({
      message: "NOPERM no (the commands were executed without it)",
    });
    expect(await failureOf(client.transaction([["SET", "a", "3"]]))).toMatchObject(noPermission);
    expect(node.commands).not.toContain("SET a 3");
  });

  test("whose time is up while it waits for MULTI leaves the connection in order", async () => {
    let answer = (): unknown => undefined;
    const script = queueing();
    await using node = new ScriptedNode((command, peer) => {
      const reply = script(command, peer);
      if (command !== "MULTI") return reply;
      answer = () => peer.socket.write(reply ?? "");
      return undefined;
    });
    await using client = await connect(node.addr, quick);
    const late = client.with({ timeout: 20 }).transaction([["SET", "a", "1"]]);
    const read = client.get("b");
    expect(await failureOf(late)).toMatchObject({ code: "TIMEOUT", sent: true });
    answer();
    expect(await read).toBe("OK");
  });

  test.each([readOnly, `-EXECABORT because of: ${readOnly.slice(1)}`])(
    "that a follower refuses goes to the leader as a whole",
    async (refusal) => {
      await using leader = new ScriptedNode(queueing());
      await using demoted = new ScriptedNode((command, peer) => {
        if (command === "ROLE") return followerOf(leader);
        if (command === "EXEC") return `-EXECABORT because of: ${readOnly.slice(1)}`;
        return queueing(refusal)(command, peer);
      });
      await using client = await connect(demoted.addr);
      const results = await client.transaction([
        ["SET", "a", "1"],
        ["INCR", "n"],
      ]);
      expect(results).toEqual(["SET a 1", "INCR n"] as never);
      expect(leader.commands).toEqual(["ROLE", "MULTI", "SET a 1", "INCR n", "EXEC"]);
    },
  );

  test("whose connection is lost before its reply is not sent again", async () => {
    await using node = new ScriptedNode((command, peer) => {
      if (command !== "EXEC") return queueing()(command, peer);
      peer.socket.terminate();
      return undefined;
    });
    await using client = await connect(node.addr, quick);
    const error = await failureOf(client.transaction([["SET", "a", "1"]]));
    expect(error).toMatchObject({ code: "CONNECTION_LOST" });
    expect(await client.get("b")).toBe("OK");
    expect(node.commands).toEqual(["MULTI", "SET a 1", "EXEC", "GET b"]);
  });
});

describe("a transaction that watches", () => {
  test.each(["its function", "its function and a command", "a command alone"])(
    "rejects when the client is closed within %s",
    async (where) => {
      await using node = new ScriptedNode((command, peer) => {
        if (command === "GET late") void client.close();
        return queueing()(command, peer);
      });
      const client = await connect(node.addr, quick);
      const watching = client.watch(["a"], async (command) => {
        if (where === "a command alone") await command("GET", "late");
        else await client.close();
        if (where !== "its function") await command("GET", "a");
        return [["SET", "a", "1"]];
      });
      expect(await failureOf(watching)).toMatchObject({ code: "CLOSED" });
      await waitFor(() => node.peers.every((peer) => peer.isClosed));
      expect(node.commands).not.toContain("SET a 1");
    },
  );

  test("rejects when its connection is lost between two commands", async () => {
    await using node = new ScriptedNode(queueing());
    await using client = await connect(node.addr, quick);
    const watching = client.watch(["a"], async () => {
      const [, own] = node.peers;
      own?.socket.terminate();
      await waitFor(() => own?.isClosed === true);
      return [["SET", "a", "1"]];
    });
    expect(await failureOf(watching)).toMatchObject({ code: "CONNECTION_LOST" });
    expect(await client.get("b")).toBe("OK");
    expect(node.commands).not.toContain("SET a 1");
  });
});

eachServer("command lists", (node) => {
  test("a pipeline has a result of each command, as strings or as bytes", async () => {
    await using client = await connectPatiently(node().address);
    const results = await client.pipeline([
      ["SET", "p", "12"],
      ["INCR", "p"],
      ["INCR", "p", "extra"] as unknown as ["INCR", "p"],
      ["GET", "p"],
    ]);
    expect(results.map((one) => (one instanceof MSCacheError ? one.code : one))).toEqual([
      "OK",
      13,
      "SERVER_ERROR",
      "13",
    ]);
    const [bytes] = await client.pipeline([["GET", "p"]], { bytes: true });
    expect(bytes).toEqual(new Uint8Array([0x31, 0x33]));
    const many = Array.from({ length: 5_000 }, (_, i) => ["ECHO", `${i}`] as const);
    expect(await client.pipeline(many)).toEqual(many.map(([, word]) => word));
  });

  test("a transaction is executed as one, and an error in it is the result of its command", async () => {
    await using client = await connectPatiently(node().address);
    const results = await client.transaction([
      ["SET", "t", "text"],
      ["INCR", "t"],
      ["APPEND", "t", "!"],
    ]);
    expect(results).toEqual(["OK", expect.objectContaining({ serverCode: "ERR" }), 5]);
    const [bytes] = await client.transaction([["GET", "t"]], { bytes: true });
    expect(bytes).toEqual(new TextEncoder().encode("text!"));
    const refused = client.transaction([
      ["SET", "t", "other"],
      ["GET", "t", "extra"] as unknown as ["GET", "t"],
    ]);
    expect(await failureOf(refused)).toMatchObject({
      serverCode: "ERR",
      message: expect.stringContaining("wrong number of arguments"),
    });
    expect(await client.get("t")).toBe("text!");
    expect(await client.transaction([])).toEqual([]);
  });

  test("a transaction of a user who may not begin or end one executes nothing", async () => {
    await using admin = await connectPatiently(node().address);
    for (const missing of ["multi", "exec"]) {
      const rules = ["reset", "on", ">secret", "~*", "+@all", `-${missing}`];
      await admin.command("ACL SETUSER", "narrow", ...rules);
      const login = { username: "narrow", password: "secret" };
      await using client = await connectPatiently(node().address, login);
      const list = [["SET", "narrow:key", "1"]] as const;
      const [refusal, watched, value] = await Promise.all([
        failureOf(client.transaction(list)),
        failureOf(client.watch(["narrow:key"], async () => list)),
        client.get("narrow:key"),
      ]);
      for (const error of [refusal, watched]) {
        expect(error.message).toMatch(new RegExp(`NOPERM .*${missing}`));
      }
      expect(value).toBeNull();
      await admin.command("ACL SETUSER", "narrow", "+@all");
      expect(await client.transaction(list)).toEqual(["OK"]);
      await admin.delete("narrow:key");
    }
    await admin.command("ACL DELUSER", "narrow");
  });

  test("a transaction that watches is tried again until nobody has written in between", async () => {
    await using client = await connectPatiently(node().address);
    await client.set("stock", "10");
    const take = () =>
      client.watch(
        ["stock"],
        async (command) => {
          const left = Number(await command("GET", "stock"));
          return left < 1 ? null : [["SET", "stock", left - 1]];
        },
        { attempts: 1_000 },
      );
    const taken = await Promise.all(Array.from({ length: 12 }, take));
    expect(taken.filter((one) => one === null)).toHaveLength(2);
    expect(await client.get("stock")).toBe("0");
  });

  test("a transaction that watches reads and gives bytes if it is told to", async () => {
    await using client = await connectPatiently(node().address);
    const bytes = new Uint8Array([0xff, 0xfe]);
    await client.set("bytes", bytes);
    const results = await client.watch(
      ["bytes"],
      async (command) => {
        const value = await command("GET", "bytes");
        return value === null
          ? null
          : ([
              ["SET", "copy", value],
              ["GET", "copy"],
            ] as const);
      },
      { bytes: true },
    );
    expect(results).toEqual(["OK", bytes]);
  });

  test("a transaction that watches gives up after its attempts, and with its function", async () => {
    await using client = await connectPatiently(node().address);
    let calls = 0;
    const meddled = client.watch(
      ["w"],
      async () => {
        calls++;
        await client.set("w", `${calls}`);
        return [["SET", "w", "mine"]];
      },
      { attempts: 3 },
    );
    expect(await failureOf(meddled)).toMatchObject({ code: "CONFLICT" });
    expect([calls, await client.get("w")]).toEqual([3, "3"]);
    const broken = client.watch(["w"], () => Promise.reject(new Error("mine")));
    expect((await failureOf(broken)).message).toBe("mine");
    let kept: WatchedCommand | undefined;
    await client.watch(["w"], async (command) => {
      kept = command;
      return null;
    });
    const late = await failureOf((kept as unknown as WatchedCommand)("GET", "w"));
    expect(late).toMatchObject({ code: "CLOSED", message: "this watch has ended" });
    const clients = async () => (await client.command("CLIENT LIST")).trim().split("\n").length;
    await waitFor(async () => (await clients()) === 1, { message: "no connection to be left" });
  });

  test("a script is sent once, and again when the server has forgotten it", async () => {
    await using client = await connectPatiently(node().address);
    const script = client.script("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}");
    for (const count of [1, 2]) {
      expect(await script.run(["s"], ["a"])).toEqual(["s", "a", count]);
    }
    await client.command("SCRIPT FLUSH");
    expect(await script.run(["s"], [7])).toEqual(["s", "7", 3]);
    expect(await client.command("SCRIPT EXISTS", script.sha1)).toEqual([1]);
    expect(await script.run(["s"], ["a"], { bytes: true })).toEqual([
      new Uint8Array([0x73]),
      new Uint8Array([0x61]),
      4,
    ]);
    const reading = client.script("return redis.call('GET', KEYS[1])");
    expect(await reading.runReadOnly(["s"])).toBe("4");
    expect(await failureOf(script.runReadOnly(["s"], ["a"]))).toMatchObject({
      code: "SERVER_ERROR",
    });
    const failing = client.script(
      "redis.call('INCR', 's') return redis.error_reply('NOSCRIPT no')",
    );
    expect(await failureOf(failing.run())).toMatchObject({ serverCode: "NOSCRIPT" });
    expect(await client.get("s")).toBe("5");
    const loose = client as unknown as { script(text: unknown): { run(): Promise<unknown> } };
    expect(await failureOf(loose.script(7).run())).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
