/**
 * A node whose standard error is broken keeps serving and ends on request: the reader has ended,
 * the disk of the log is full, the descriptor is closed, or nobody reads the pipe. For the form of
 * a line, see unit/base/log.test.ts.
 * Invariant: nothing here reads a port or a state from the log, because there is none.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Subprocess } from "bun";
import { caseMsMax, freePort, temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { builtProgram, nodeCommand } from "../support/programs.ts";
import { variants, whenShort } from "../support/repetitions.ts";

setDefaultTimeout(caseMsMax);
const fixture = builtProgram(new URL("../threads/crash-node-fixture.ts", import.meta.url));
const breakable = [process.execPath, fileURLToPath(fixture)];

interface QuietNode extends AsyncDisposable {
  readonly port: number;
  readonly process: Subprocess;
}

/** A node whose standard error is `target`, in the words of a shell. It is the child itself. */
async function spawnQuiet(
  target: string,
  threads: number,
  command = nodeCommand,
  environment: Readonly<Record<string, string>> = {},
): Promise<QuietNode> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const options = ["--listenaddr", `127.0.0.1:${port}`, "--threads", `${threads}`];
    const args = [...command, ...options, "--max-memory", "16mb"];
    const child = Bun.spawn(["bash", "-c", `exec "$@" 2>${target}`, "mscache", ...args], {
      env: { ...process.env, PORT: `${port}`, ...environment },
      stdout: "ignore",
      stderr: "ignore",
    });
    const isThere = async () => (await processAt(port)) === child.pid;
    await waitFor(async () => child.exitCode !== null || (await isThere()), { message: "a node" });
    if (child.exitCode === null) return quietNode(port, child);
    // Another file may have got the port meanwhile, which no log says here.
    expect(attempt).toBeLessThan(3);
  }
}

function quietNode(port: number, child: Subprocess): QuietNode {
  return {
    port,
    process: child,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** The process that answers there. */
async function processAt(port: number): Promise<number> {
  await using peer = await Peer.connect(port);
  return Number(/process_id:(\d+)/.exec(await peer.ask("INFO", "server"))?.[1]);
}

/** One line in the log of the thread that has the connection. */
async function breakProtocol(port: number): Promise<void> {
  await using peer = await Peer.connect(port);
  peer.write("*1\r\n$x\r\n");
  await peer.raw.closed();
}

/** Everything that asks all threads something, so that a thread that is gone would be noticed. */
async function expectWhole(port: number): Promise<void> {
  await using peer = await Peer.connect(port);
  expect(await peer.ask("SET", "key", "value")).toBe("+OK");
  expect(await peer.ask("INFO", "server")).toContain("redis_version");
  expect(await peer.ask("CONFIG", "SET", "loglevel", "debug")).toBe("+OK");
  expect(await peer.ask("CLIENT", "LIST")).toContain("cmd=client|list");
  expect(await peer.ask("GET", "key")).toBe("$value");
}

async function expectOrderlyEnd(node: QuietNode): Promise<void> {
  node.process.kill("SIGTERM");
  expect(await node.process.exited).toBe(0);
  expect(node.process.signalCode).toBeNull();
}

/** A named pipe and its only reader, which reads nothing by itself. */
async function namedPipe() {
  const directory = await temporaryDirectory();
  const path = join(directory.path, "stderr");
  await Bun.spawn(["mkfifo", path]).exited;
  // Without O_NONBLOCK the open would wait for a writer.
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(reader);
    isOpen = false;
  };
  return {
    path,
    close,
    /** What has been written since the last time. */
    read(): string {
      const chunk = Buffer.alloc(1024 * 1024);
      let text = "";
      for (;;) {
        const count = readOrNothing(reader, chunk);
        if (count === 0) return text;
        text += chunk.toString("latin1", 0, count);
      }
    },
    async [Symbol.asyncDispose]() {
      close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function readOrNothing(descriptor: number, chunk: Buffer): number {
  try {
    return readSync(descriptor, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}

const lost = /warn(?: {2}|.*"message":")(\d+) lines? of this log w\w+ lost here: EAGAIN["\n]/;

describe.each(variants([2], [1]))("with %d data threads and a standard error", (threads) => {
  test.each([
    ["on a full disk", "/dev/full"],
    ["that is closed", "&-"],
  ])("%s, a node serves, answers INFO and ends by SIGTERM", async (_, target) => {
    await using node = await spawnQuiet(target, threads);
    for (let i = 0; i < 10; i++) await breakProtocol(node.port);
    await expectWhole(node.port);
    await expectOrderlyEnd(node);
  });

  test("whose reader has ended, a node serves, answers INFO and ends by SIGTERM", async () => {
    await using pipe = await namedPipe();
    await using node = await spawnQuiet(pipe.path, threads);
    pipe.close();
    for (let i = 0; i < 10; i++) await breakProtocol(node.port);
    await expectWhole(node.port);
    await expectOrderlyEnd(node);
  });

  test("that nobody reads, a node drops lines, counts them, and keeps serving", async () => {
    await using pipe = await namedPipe();
    const json = { MSCACHE_LOG_FORMAT: "json" };
    const environment = threads === 1 ? {} : json;
    await using node = await spawnQuiet(pipe.path, threads, nodeCommand, environment);
    // A pipe holds 64 KiB; each line has more than a hundred bytes.
    for (let i = 0; i < 700; i++) await breakProtocol(node.port);
    await expectWhole(node.port);
    expect(pipe.read()).not.toContain("were lost");
    const told = await waitFor(async () => {
      await breakProtocol(node.port);
      return lost.exec(pipe.read());
    });
    expect(Number(told[1])).toBeGreaterThan(0);
    await expectOrderlyEnd(node);
  });
});

whenShort(() =>
  describe("a data thread that breaks ends the process", () => {
    test.each(["THROW", "EXIT", "REJECT"])("by %s when the log's disk is full", async (word) => {
      await using node = await spawnQuiet("/dev/full", 2, breakable);
      await using peer = await Peer.connect(node.port);
      peer.send(word, "key");
      await node.process.exited;
      expect(node.process.signalCode).toBe("SIGABRT");
    });

    test("when the reader of the log has ended", async () => {
      await using pipe = await namedPipe();
      await using node = await spawnQuiet(pipe.path, 2, breakable);
      pipe.close();
      await using peer = await Peer.connect(node.port);
      peer.send("THROW", "key");
      await node.process.exited;
      expect(node.process.signalCode).toBe("SIGABRT");
    });
  }),
);

whenShort(() =>
  test("a failed start says so by its status if its sentence cannot be written", async () => {
    const child = Bun.spawn(
      ["bash", "-c", 'exec "$@" 2>/dev/full', "mscache", ...nodeCommand, "--no"],
      {
        stdout: "ignore",
        stderr: "ignore",
      },
    );
    expect(await child.exited).toBe(2);
  }),
);
