/**
 * File descriptors: a node that may open only a few serves few clients, says so, and refuses the
 * others at once. If none are left after all, it neither leaves clients waiting nor spins.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { caseMsMax, runToEnd, type SpawnedNode, spawnNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const main = new URL("../../src/main.ts", import.meta.url).pathname;

/** `mscache` with so many descriptors, both limits or the soft one only. */
function limited(count: number, isSoft = false): string[] {
  const limit = isSoft ? `ulimit -Sn ${count}` : `ulimit -n ${count}`;
  return ["bash", "-c", `${limit}; exec "$@"`, "bash", process.execPath, main];
}

const start = (count: number, args: readonly string[] = [], isSoft = false) =>
  spawnNode(args, { command: limited(count, isSoft) });

interface Caller {
  readonly socket: Socket;
  text: string;
  isClosed: boolean;
}

function call(port: number): Caller {
  const caller: Caller = {
    socket: connect({ port, host: "127.0.0.1" }),
    text: "",
    isClosed: false,
  };
  caller.socket.on("data", (chunk: Buffer) => {
    caller.text += chunk.toString();
  });
  // "close" follows.
  caller.socket.on("error", () => undefined);
  caller.socket.on("close", () => {
    caller.isClosed = true;
  });
  caller.socket.write("PING\r\n");
  return caller;
}

/** CPU time of the process so far, in ms. */
async function cpuMs({ process: child }: SpawnedNode): Promise<number> {
  const stat = await Bun.file(`/proc/${child.pid}/stat`).text();
  const fields = stat.slice(stat.lastIndexOf(")")).split(" ");
  return (Number(fields[12]) + Number(fields[13])) * 10;
}

describe.skipIf(process.platform !== "linux")("file descriptors", () => {
  test("max-clients is lowered to what can be opened, in one line at warn", async () => {
    await using node = await start(60);
    const warnings = node
      .log()
      .split("\n")
      .filter((line) => line.includes(" warn "));
    expect(warnings).toEqual([
      expect.stringContaining(
        "max-clients is 28 instead of 10000: this process may have 60 files open (ulimit -n)",
      ),
    ]);
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("CONFIG", "GET", "maxclients")).toBe("*[$maxclients $28]");
    expect(textOf(await peer.typed("INFO", "clients"))).toContain("maxclients:28\r\n");
    expect(await peer.ask("CONFIG", "SET", "maxclients", "29")).toBe(
      "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is " +
        "not able to handle the specified number of clients, try with 28",
    );
    expect(await peer.ask("CONFIG", "SET", "maxclients", "20")).toBe("+OK");
    expect(await peer.ask("CONFIG", "SET", "maxclients", "28")).toBe("+OK");
  });

  test("a soft limit below the hard one is raised, and nothing is lowered", async () => {
    await using node = await start(64, [], true);
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("CONFIG", "GET", "maxclients")).toBe("*[$maxclients $10000]");
    expect(node.log()).not.toContain("ulimit");
  });

  test("a node that could serve no client does not start, and says why", async () => {
    const { status, errors } = await runToEnd(["--listenaddr", "127.0.0.1:0", "--threads", "2"], {
      command: limited(48),
    });
    expect(status).not.toBe(0);
    expect(errors).toContain("this process may have 48 files open (ulimit -n), and a node with");
    expect(errors.trim().split("\n")).toHaveLength(1);
  });

  test.each([1, 2])(
    "a hundred clients of a node with %d threads are served or refused",
    async (threads) => {
      await using node = await start(80, ["--threads", `${threads}`]);
      const served = await callByHundred(node);
      expect(served).toBe(80 - 32 - (threads === 1 ? 0 : 8 * threads));
      const warned = node
        .log()
        .split("\n")
        .filter((line) => /warn .*is refused/.test(line));
      expect(warned.length).toBeLessThanOrEqual(threads);
    },
  );

  test("the same if the node itself needs more than is reserved", async () => {
    const addresses = Array.from({ length: 24 }, () => "127.0.0.1:0").join(",");
    await using node = await start(60, ["--listenaddr", addresses]);
    expect(await callByHundred(node)).toBeLessThan(28);
    expect(node.log()).toContain("warn  no descriptors are left: client 127.0.0.1:");
  });
});

/**
 * A hundred clients at once: each is answered or refused, nothing spins. Resolves to how many were
 * served.
 */
async function callByHundred(node: SpawnedNode): Promise<number> {
  const callers = Array.from({ length: 100 }, () => call(node.port));
  try {
    await waitFor(() => callers.every(({ text }) => text !== ""));
    const refused = callers.filter(({ text }) => text.startsWith("-ERR max number of clients"));
    const served = callers.filter(({ text }) => text === "+PONG\r\n");
    expect(refused.length).toBe(100 - served.length);
    await waitFor(() => refused.every(({ isClosed }) => isClosed));
    expect(node.log().match(/is refused/g)).toHaveLength(refused.length);
    const before = await cpuMs(node);
    // A second in which it has nothing to do: a loop that spins takes all of it.
    await Bun.sleep(1_000);
    expect(await cpuMs(node)).toBeLessThan(before + 300);
    return served.length;
  } finally {
    for (const { socket } of callers) socket.destroy();
    await waitFor(async () => {
      await using peer = await Peer.connect(node.port);
      return (await peer.ask("PING")) === "+PONG";
    });
  }
}
