// Bad moments in the life of a client: a reply and a close that arrive together, close() while
// something is under way, addresses to which no connection can be attempted, and what keeps a
// process running. Scripted nodes produce these moments; nothing depends on the speed of the
// machine. bun test fails a test in which a rejection is not handled.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { connect } from "../../src/index.ts";
import { startNode, waitFor } from "../harness.ts";
import { failureOf } from "../support/failure.ts";
import { quick } from "../support/patient-client.ts";
import { rawConnection } from "../support/raw-connection.ts";
import {
  followerGreeting,
  followerOf,
  leaderGreeting,
  leaderRole,
  readOnly,
  type Script,
  ScriptedNode,
} from "./scripted-node.ts";

/** A process that has not exited after this time is killed, and its test fails. */
const processMsMax = 30_000;

const leader: Script = (command) => {
  if (command.startsWith("HELLO")) return undefined;
  return command === "ROLE" ? leaderRole : "+OK\r\n";
};

/** A follower whose ROLE is what `answer` says. */
function follower(answer: () => string | undefined): Script {
  return (command) => {
    if (command.startsWith("HELLO")) return followerGreeting;
    if (command === "ROLE") return answer() ?? "";
    return command.startsWith("SET") ? readOnly : "$1\r\nv\r\n";
  };
}

describe("a message says what may be wrong", () => {
  test("of a port for HTTP", async () => {
    await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const { message } = await failureOf(connect(`127.0.0.1:${server.port}`));
    expect(message).toEndWith(
      'broke the protocol: no reply begins with "HTTP/1.1 400 Bad Request": is this a port for HTTP?',
    );
  });

  test("of a request that is larger than what a node holds for its clients", async () => {
    await using node = await startNode({ maxClientMemory: 2 * 1024 * 1024 });
    await using client = await connect(node.address);
    const { message } = await failureOf(client.set("large", "x".repeat(5 * 1024 * 1024)));
    expect(message).toBe(
      `connection to ${node.address} lost: the node closed it: ` +
        "is a request of 5 MB more than its --max-client-memory allows?",
    );
    expect(await client.set("small", "x")).toBe(true);
  });
});

describe("a reply to HELLO followed by other bytes", () => {
  const overeager: Script = (command) =>
    command.startsWith("HELLO") ? `${leaderGreeting}+OK\r\n` : "+OK\r\n";

  test("makes connect() reject instead of returning a client with a dead connection", async () => {
    await using node = new ScriptedNode(overeager);
    expect(await failureOf(connect(node.addr))).toMatchObject({
      code: "CONNECT_FAILED",
      cause: { code: "PROTOCOL_ERROR" },
    });
  });

  test("fails a reconnection, and the next attempt serves the waiting requests", async () => {
    await using node = new ScriptedNode(leader);
    await using client = await connect(node.addr, quick);
    node.script = overeager;
    node.cut();
    await waitFor(() => node.peers.length >= 3, { message: "two more attempts" });
    const read = client.get("a");
    node.script = leader;
    expect(await read).toBe("OK");
  });

  test("from a leader sends no write into a dead connection", async () => {
    await using top = new ScriptedNode(overeager);
    await using node = new ScriptedNode(follower(() => followerOf(top)));
    await using client = await connect(node.addr, quick);
    const stored = client.set("a", "1");
    await waitFor(() => top.peers.length >= 2, { message: "a second attempt" });
    top.script = leader;
    expect(await stored).toBe(true);
  });
});

test("a reply to ROLE followed by other bytes does not make a dead connection the leader", async () => {
  await using top = new ScriptedNode((command, peer) =>
    command === "ROLE" ? `${leaderRole}+OK\r\n` : leader(command, peer),
  );
  await using node = new ScriptedNode(follower(() => followerOf(top)));
  await using client = await connect(node.addr, quick);
  const stored = client.set("a", "1");
  await waitFor(() => top.peers.length >= 2, { message: "a second attempt" });
  top.script = leader;
  expect(await stored).toBe(true);
});

describe("an address to which no connection can be attempted", () => {
  test("is refused by connect()", async () => {
    for (const host of ["127.0.0.1\0.example", "a\u0007b", "h".repeat(254)]) {
      const error = await failureOf(connect(`${host}:5000`));
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });

  test.each([
    ["a port beyond all ports", () => followerOf({ port: 70_000 })],
    ["a negative port", () => followerOf({ port: -1 })],
    ["no host", () => followerOf({ port: 5000 }).replace("$9\r\n127.0.0.1", "$0\r\n")],
    ["a host with a null", () => followerOf({ port: 5000 }).replace("127.0.0.1", "127\0.0.0.")],
  ])("%s in a reply to ROLE is retried until the address is valid", async (_name, wrong) => {
    await using top = new ScriptedNode(leader);
    let role = wrong();
    await using node = new ScriptedNode(follower(() => role));
    await using client = await connect(node.addr, quick);
    const stored = client.set("a", "1");
    await waitFor(() => node.commands.length >= 2, { message: "a second ROLE" });
    role = followerOf(top);
    expect(await stored).toBe(true);
  });

  test("is named in the error when the write times out", async () => {
    await using node = new ScriptedNode(follower(() => followerOf({ port: 70_000 })));
    await using client = await connect(node.addr, { ...quick, requestTimeoutMs: 200 });
    expect(await failureOf(client.set("a", "1"))).toMatchObject({
      code: "TIMEOUT",
      sent: false,
      cause: { code: "CONNECT_FAILED", address: "127.0.0.1:70000" },
    });
  });
});

describe("a node that closes the connection", () => {
  test("in the middle of a reply rejects its request, and the partial reply goes to no other", async () => {
    await using node = new ScriptedNode((command, peer) => {
      if (command !== "GET torn") return leader(command, peer);
      peer.socket.write("$10\r\nhalf ");
      peer.socket.end();
      return "";
    });
    await using client = await connect(node.addr, quick);
    expect(await failureOf(client.get("torn"))).toMatchObject({ code: "CONNECTION_LOST" });
    expect(await client.get("a")).toBe("OK");
  });

  test("in one direction only is treated as lost", async () => {
    await using node = new ScriptedNode((command, peer) => {
      if (command !== "GET last") return leader(command, peer);
      peer.socket.shutdown();
      return "";
    });
    await using client = await connect(node.addr, quick);
    expect(await failureOf(client.get("last"))).toMatchObject({ code: "CONNECTION_LOST" });
    expect(await client.get("a")).toBe("OK");
  });

  test("before its reply to HELLO makes connect() reject", async () => {
    await using node = new ScriptedNode((_command, peer) => {
      peer.socket.end();
      return "";
    });
    const error = await failureOf(connect(node.addr));
    expect(error).toMatchObject({ code: "CONNECT_FAILED", cause: { code: "CONNECTION_LOST" } });
  });
});

describe("timeouts", () => {
  test("of requests do not apply to a login", async () => {
    await using node = new ScriptedNode((command, peer) => {
      if (!command.startsWith("HELLO")) return leader(command, peer);
      setTimeout(() => peer.socket.write(leaderGreeting), 100);
      return "";
    });
    await using client = await connect(node.addr, { requestTimeoutMs: 20 });
    expect(await client.ping()).toBe("OK");
  });
});

describe("close", () => {
  test("called twice at once closes once", async () => {
    await using node = new ScriptedNode(leader);
    const client = await connect(node.addr);
    const read = client.get("a");
    await Promise.all([client.close(), client.close(), client[Symbol.asyncDispose]()]);
    expect(await read).toBe("OK");
    await client.close();
  });

  test("does not wait for requests that have settled, wherever they are", async () => {
    const node = new ScriptedNode((command, peer) =>
      command === "GET slow" ? undefined : leader(command, peer),
    );
    const client = await connect(node.addr, quick);
    const abort = new AbortController();
    const sent = client.with({ signal: abort.signal }).get("slow");
    await waitFor(() => node.commands.includes("GET slow"));
    abort.abort();
    expect(await failureOf(sent)).toMatchObject({ code: "ABORTED", sent: true });
    await client.close(); // a minute and more if it waited
    await node[Symbol.asyncDispose]();
  });

  test.each<["get" | "set"]>([["get"], ["set"]])(
    "does not wait for a %s that was never sent and has timed out",
    async (kind) => {
      const node = new ScriptedNode(leader);
      const client = await connect(node.addr, quick);
      await node[Symbol.asyncDispose]();
      await waitFor(async () => {
        const hasty = client.with({ timeout: 20 });
        const failure = await failureOf(kind === "get" ? hasty.get("a") : hasty.set("a", "1"));
        return (failure as { code?: string }).code === "TIMEOUT";
      });
      await client.close();
    },
  );

  test("waits for a request until that settles by its own limit", async () => {
    await using node = new ScriptedNode((command, peer) =>
      command === "GET slow" ? undefined : leader(command, peer),
    );
    const client = await connect(node.addr, quick);
    const failure = failureOf(client.with({ timeout: 200 }).get("slow"));
    await waitFor(() => node.commands.includes("GET slow"));
    await client.close();
    expect(await failure).toMatchObject({ code: "TIMEOUT", sent: true });
  });

  test("while a login to the leader is under way leaves no connection to it", async () => {
    let greet = (): void => undefined;
    await using top = new ScriptedNode((command, peer) => {
      if (!command.startsWith("HELLO")) return leader(command, peer);
      greet = () => void peer.socket.write(leaderGreeting);
      return "";
    });
    await using node = new ScriptedNode(follower(() => followerOf(top)));
    const client = await connect(node.addr, { ...quick, requestTimeoutMs: 400 });
    const failure = failureOf(client.set("a", "1"));
    await waitFor(() => top.peers.length === 1, { message: "the login" });
    expect(await failure).toMatchObject({ code: "TIMEOUT" });
    const closed = client.close();
    greet();
    await closed;
    await waitFor(() => top.peers[0].isClosed, { message: "the end of that connection" });
    expect(top.commands).toEqual([]);
  });

  test("while a follower is asked for its leader opens no connection to that leader", async () => {
    await using gone = new ScriptedNode(leader);
    await gone[Symbol.asyncDispose]();
    await using top = new ScriptedNode(leader);
    // The second ROLE is younger than the write and still without a reply when the write times out.
    const answers = [followerOf(gone), undefined];
    await using node = new ScriptedNode(follower(() => answers.shift()));
    const client = await connect(node.addr, {
      requestTimeoutMs: 400,
      reconnect: { minDelayMs: 200 },
    });
    const failure = failureOf(client.set("a", "1"));
    await waitFor(() => node.commands.length === 2, { message: "the second ROLE" });
    expect(await failure).toMatchObject({ code: "TIMEOUT" });
    const closed = client.close();
    node.peers[0].socket.write(Buffer.from(followerOf(top), "latin1"));
    await closed;
    // Any connection that the client had opened would have arrived before this one.
    await using _later = await rawConnection(top.port);
    await waitFor(() => top.peers.length > 0);
    expect(top.peers).toHaveLength(1);
  });
});

describe("a process exits by itself", () => {
  const silent: Script = () => "";
  const hang: Script = (command, peer) => (command.startsWith("GET") ? "" : leader(command, peer));

  test.each<[string, string, Script]>([
    ["after a close", "used", leader],
    ["after two closes", "twice", leader],
    ["after a refused connect", "refused", leader],
    ["after a connect that took too long", "silent", silent],
    ["after a login that failed", "unwelcome", () => "-NOAUTH no\r\n"],
    ["after a close that waited for the next attempt to reconnect", "waiting", leader],
    ["after a close in the middle of a reconnection", "dialing", leader],
    [
      "after a close with a leader that cannot be reached",
      "leaderless",
      follower(() => followerOf({ port: 1 })),
    ],
    ["after a close with requests that nobody answers", "unanswered", hang],
  ])(
    "%s",
    async (_name, scenario, script) => {
      await using node = new ScriptedNode(script);
      const fixture = join(import.meta.dir, "leave-fixture.ts");
      const child = Bun.spawn([process.execPath, fixture, scenario, node.addr], {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
        timeout: processMsMax,
        killSignal: "SIGKILL",
      });
      const seen = await changeOnRequest(child, node);
      expect([seen, await child.stderr.text(), await child.exited]).toEqual(["done", "", 0]);
    },
    2 * processMsMax,
  );
});

/** The child prints a line to request a change to its node. Returns its last line. */
async function changeOnRequest(
  child: Bun.Subprocess<"pipe", "pipe", "pipe">,
  node: ScriptedNode,
): Promise<string> {
  const decoder = new TextDecoder();
  let last = "";
  for await (const chunk of child.stdout) {
    last = decoder.decode(chunk).trim();
    if (last === "silence") node.script = () => "";
    if (last === "silence" || last === "cut") node.cut();
    if (last === "stop") await node[Symbol.asyncDispose]();
    if (last !== "done") child.stdin.write("\n");
  }
  return last;
}
