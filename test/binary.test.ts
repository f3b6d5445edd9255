// The executable as a user gets it: built once, then run from an empty directory with nothing of
// the repository around it. What its commands do is judged in cli.test.ts; here it is only that
// everything is inside, and that it reads no file of the directory in which it stands.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, cp } from "node:fs/promises";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { freePort, respClient, runMscache, spawnNode, temporaryDirectory } from "./harness.ts";
import { quickestMs } from "./support/quickest.ts";

const build = join(import.meta.dir, "../scripts/build.ts");
const buildMsMax = 120_000;
const name = process.platform === "win32" ? "mscache.exe" : "mscache";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let binary: string;

beforeAll(async () => {
  directory = await temporaryDirectory();
  const built = join(directory.path, "build", name);
  const child = Bun.spawn([process.execPath, build, "--outfile", built], { stderr: "pipe" });
  const errors = await child.stderr.text();
  if ((await child.exited) !== 0) throw new Error(`the build failed: ${errors}`);
  binary = join(directory.path, name);
  await cp(built, binary);
  await chmod(binary, 0o755);
}, buildMsMax);

afterAll(() => directory[Symbol.asyncDispose]());

describe("the executable", () => {
  test("knows its version", async () => {
    const result = await runMscache(["--version"], { command: [binary] });
    expect(result).toEqual({ status: 0, out: `${manifest.version}\n`, errors: "" });
  });

  test("is server, follower and client in one file, in an empty directory", async () => {
    await using empty = await temporaryDirectory();
    const here = { command: [binary], directory: empty.path };
    await using leader = await spawnNode([], here);
    await using follower = await spawnNode(["--leaderaddr", leader.address], here);
    const written = await runMscache(["set", "k", "v", "--addr", follower.address], here);
    expect(written).toEqual({ status: 0, out: "OK\n", errors: "" });
    const read = await runMscache(["get", "k", "--addr", leader.address], here);
    expect(read).toEqual({ status: 0, out: "v", errors: "" });
    await using client = await respClient(leader.port);
    expect(await client.call("EVAL", "return redis.call('GET', KEYS[1])", "1", "k")).toBe("v");
  });

  test("has the dashboard built in", async () => {
    await using empty = await temporaryDirectory();
    const http = `127.0.0.1:${await freePort()}`;
    const here = { command: [binary], directory: empty.path };
    await using _node = await spawnNode(["--http", http], here);
    const page = await (await fetch(`http://${http}/`)).text();
    const files = [...page.matchAll(/(?:src|href)="(\/[^"]+\.(?:js|css|svg))"/g)];
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const [, path] of files) expect((await fetch(`http://${http}${path}`)).status).toBe(200);
  });

  test("serves with several data threads, whose code is in the same file", async () => {
    await using empty = await temporaryDirectory();
    const here = { command: [binary], directory: empty.path };
    await using node = await spawnNode(["--threads", "4"], here);
    await using client = await respClient(node.port);
    expect(await client.call("SET", "k", "v")).toBe("OK");
    expect(await client.call("CONFIG", "GET", "io-threads")).toEqual(["io-threads", "4"]);
    expect(await client.call("EVAL", "return redis.call('GET', KEYS[1])", "1", "k")).toBe("v");
    expect(await client.call("EVAL", "return redis.call('GET', KEYS[1])", "1", "k")).toBe("v");
    node.process.kill("SIGTERM");
    expect(await node.process.exited).toBe(0);
  });

  test("answers its first PING within a second of its start", async () => {
    await using stack = new AsyncDisposableStack();
    const tookMs = await quickestMs(1000, async () => {
      const node = stack.use(await spawnNode([], { command: [binary] }));
      const client = stack.use(await respClient(node.port));
      expect(await client.call("PING")).toBe("PONG");
    });
    expect(tookMs).toBeLessThan(1000);
  });

  test("takes no setting from a .env or bunfig.toml in its directory", async () => {
    await using strange = await temporaryDirectory();
    await Bun.write(join(strange.path, ".env"), "MSCACHE_THREADS=none\n");
    await Bun.write(join(strange.path, "bunfig.toml"), 'preload = ["./absent.ts"]\n');
    const here = { command: [binary], directory: strange.path };
    await using node = await spawnNode([], here);
    expect(await runMscache(["ping", "--addr", node.address], here)).toMatchObject({ status: 0 });
  });
});
