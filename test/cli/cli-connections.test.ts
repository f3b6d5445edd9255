// How `mscache cli` reaches a server and how a run of it ends: TLS, Unix sockets, URLs, logins, and
// pipes whose other end is slow, leaves or waits for each reply. Replies are compared with
// redis-cli's in redis-cli.test.ts.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  freePort,
  respClient,
  runMscache,
  startNode,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { collectText } from "../support/collected-text.ts";
import { peakBytes, tellsMemory } from "../support/process-memory.ts";
import { nodeCommand } from "../support/programs.ts";
import { forAllCases, ours } from "../support/servers.ts";
import { startTls, tlsBed } from "../support/tls-bed.ts";
import { quoted } from "../support/tmux.ts";

function cli(...args: readonly string[]) {
  return runMscache(["cli", ...args]);
}

test("by TLS it trusts the authority that it is told, and no other", async () => {
  await using bed = await tlsBed();
  await using node = await startTls(bed);
  const addr = `rediss://127.0.0.1:${node.tlsPort}/3`;
  const trusting = ["--addr", addr, "--tls-ca", bed.authority.cert];
  expect(await cli(...trusting, "SET", "a", "1")).toEqual({ status: 0, out: "OK\n", errors: "" });
  const strange = await cli("--addr", addr, "--tls-ca", bed.stranger.cert, "PING");
  expect([strange.status, strange.out]).toEqual([1, ""]);
  expect(strange.errors).toMatch(/^mscache: Could not connect to [^\n]*: TLS: [^\n]*\n$/);
  const plain = await cli("--addr", addr.replace("rediss", "redis"), "PING");
  expect([plain.status, plain.out]).toEqual([1, ""]);
});

test("over a Unix socket, and with what a URL says", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "socket");
  await using node = await startNode({ unixSocket: path, password: "s@crét" });
  expect((await cli("--addr", `unix://${path}`, "--password", "s@crét", "PING")).out).toBe(
    "PONG\n",
  );
  const url = `redis://default:s%40cr%C3%A9t@${node.address}/5`;
  expect((await cli("--addr", url, "SET", "five", "1")).out).toBe("OK\n");
  const inFive = await runMscache(["cli", "-n", "5", "--addr", node.address, "GET", "five"], {
    environment: { MSCACHE_PASSWORD: "s@crét" },
  });
  expect(inFive).toEqual({ status: 0, out: "1\n", errors: "" });
  const wrong = await cli("--addr", node.address, "--password", "other", "PING");
  expect(wrong.errors).toStartWith("AUTH failed: WRONGPASS");
  expect(wrong.out).toBe("NOAUTH Authentication required.\n\n");
});

test("a server that is not there is one sentence, from words and from a pipe", async () => {
  const addr = `127.0.0.1:${await freePort()}`;
  const sentence = `mscache: Could not connect to ${addr}: connection refused (ECONNREFUSED)\n`;
  expect(await cli("--addr", addr, "PING")).toEqual({ status: 1, out: "", errors: sentence });
  const input = new TextEncoder().encode("PING\n");
  const piped = await runMscache(["cli", "--addr", addr], { input });
  expect(piped).toEqual({ status: 1, out: "", errors: sentence });
});

test.each([
  [["-r", "3"], "--repeat needs a command"],
  [["-x"], "--stdin needs a command"],
  [["-r", "x", "PING"], '--repeat must be a number, not "x"'],
  [["-n", "first", "PING"], '"first" is not the number of a database'],
  [["--user", "me", "PING"], "--user needs a password"],
  [["--nosuch", "PING"], "unknown flag --nosuch; see mscache cli --help"],
  [["-q", "PING"], "unknown flag -q; see mscache cli --help"],
])("%p is a wrong command line", async (args, sentence) => {
  expect(await cli(...args)).toEqual({ status: 2, out: "", errors: `mscache: ${sentence}\n` });
});

test("Ctrl-C ends what never ends with 0, and a command that waits with 1", async () => {
  await using node = await startNode();
  await using client = await respClient(node.port);
  await client.call("CLIENT", "PAUSE", "600000", "WRITE");
  const ended = async (...words: readonly string[]) => {
    const command = [...nodeCommand, "cli", "--addr", node.address, ...words];
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
    const runs = `cmd=${words[0]?.toLowerCase()}`;
    const isRunning = async () => `${await client.call("CLIENT", "LIST")}`.includes(runs);
    await waitFor(isRunning, { message: "the command to arrive" });
    child.kill("SIGINT");
    return [await child.exited, await child.stderr.text()];
  };
  expect(await ended("SUBSCRIBE", "news")).toEqual([0, ""]);
  expect(await ended("MONITOR")).toEqual([0, ""]);
  expect(await ended("SET", "paused", "1")).toEqual([1, "mscache: interrupted\n"]);
});

describe("a pipe", () => {
  const node = forAllCases(() => ours.start());

  function start(...args: readonly string[]) {
    const command = [...nodeCommand, "cli", "--addr", node().address, ...args];
    return Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  }

  test("gets each reply at once, so that a program may wait for it", async () => {
    const child = start();
    const text = collectText(child.stdout);
    for (let i = 1; i <= 3; i++) {
      child.stdin.write("INCR waited\n");
      await child.stdin.flush();
      await waitFor(() => text().endsWith(`${i}\n`), { message: `reply ${i}` });
    }
    child.stdin.write("GET waited");
    await child.stdin.end();
    expect(await child.exited).toBe(0);
    await text.end;
    expect(text()).toBe("1\n2\n3\n3\n");
  });

  test("of many commands keeps their order, with lines cut anywhere", async () => {
    const count = 20_000;
    const lines = Array.from(
      { length: count },
      (_, i) => `SET order:${i % 100} "v ${i}"\nECHO ${i}`,
    );
    const input = new TextEncoder().encode(`${lines.join("\n")}\nGET order:99\n`);
    const { status, out } = await runMscache(["cli", "--addr", node().address], { input });
    expect(status).toBe(0);
    const expected = Array.from({ length: count }, (_, i) => `OK\n${i}\n`).join("");
    expect(out).toBe(`${expected}v ${count - 1}\n`);
  });

  test("ends with 0 when its reader leaves", async () => {
    const command = quoted([...nodeCommand, "cli", "--addr", node().address]);
    const script = `(yes PING | ${command}; echo $? >&2) | head -1`;
    const child = Bun.spawn(["sh", "-c", script], { stdout: "pipe", stderr: "pipe" });
    expect(await child.stdout.text()).toBe("PONG\n");
    expect(await child.stderr.text()).toBe("0\n");
  });

  test.skipIf(!tellsMemory)("does not grow while its reader is slow", async () => {
    await using client = await respClient(node().port);
    await client.call("SET", "big", "x".repeat(1 << 20));
    const child = start();
    const lines = Buffer.from("GET big\n".repeat(1_000));
    child.stdin.write(lines);
    await child.stdin.flush();
    const reader = child.stdout.getReader();
    for (let read = 0; read < 200 << 20; ) read += (await reader.read()).value?.length ?? 0;
    const peak = peakBytes(child.pid);
    child.kill("SIGKILL");
    expect(peak).toBeLessThan(300 << 20);
  });

  test("QUIT ends it, and what is behind is not run", async () => {
    const input = new TextEncoder().encode("SET last 1\nquit\nSET last 2\n");
    const result = await runMscache(["cli", "--addr", node().address], { input });
    expect(result).toEqual({ status: 0, out: "OK\n", errors: "" });
    expect((await cli("--addr", node().address, "GET", "last")).out).toBe("1\n");
  });

  test("a server that is lost on the way ends it with 1, and says after how many replies", async () => {
    await using lost = await startNode();
    const command = [...nodeCommand, "cli", "--addr", lost.address];
    const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    const text = collectText(child.stdout);
    child.stdin.write("PING\nPING\n");
    await child.stdin.flush();
    await waitFor(() => text() === "PONG\nPONG\n", { message: "the replies" });
    await lost[Symbol.asyncDispose]();
    child.stdin.write("PING\n");
    await child.stdin.end();
    expect(await child.exited).toBe(1);
    expect(await child.stderr.text()).toMatch(/^mscache: [^\n]*\n$/);
  });
});
