/**
 * What signals do to a node: SIGINT and SIGTERM end it in order, however often and in whatever
 * state they arrive, and lose no acknowledged write; signals that redis-server ignores do nothing.
 * Each case is a real process, from source, from the binary, or below the programs that `npx`
 * starts.
 * Invariant: an end that is called orderly has status 0 and a file with every acknowledged write.
 */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  redisInstalled,
  type SpawnedNode,
  spawnNode,
  startRedis,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { ask, Bed, fillMegabytes, infoField, start } from "../persistence/bed.ts";
import { repetitions, variants, whenLong, whenShort } from "../support/repetitions.ts";
import { forAllCases } from "../support/servers.ts";

setDefaultTimeout(180_000);
/** Of these, a last save takes longer than signals that are 5 ms apart. */
const megabytes = repetitions(5, 60);
/** Of these, a save takes longer than its node needs to hear of a signal. */
const savedMegabytes = repetitions(30, 150);
/** Of these, a load takes longer than its node needs to hear of signals. */
const loadedMegabytes = repetitions(50, 200);
/** Of these, a full sync does. */
const syncedMegabytes = repetitions(80, 200);
const patient = { timeoutMs: 60_000 };
const root = join(import.meta.dir, "../..");

type Signals = readonly [first: NodeJS.Signals, ...more: NodeJS.Signals[]];

/** The first ones are the least alike. */
const everyCombination: Signals[] = [
  ["SIGTERM", "SIGINT", "SIGINT", "SIGHUP"],
  ["SIGTERM"],
  ["SIGINT", "SIGTERM"],
  ["SIGTERM", "SIGTERM"],
  ["SIGINT"],
  ["SIGINT", "SIGINT"],
];

/** One after the other with so many milliseconds between them, which are what is tested. */
async function send(pid: number, signals: Signals, gapMs: number): Promise<void> {
  for (const [index, signal] of signals.entries()) {
    // Real time: how soon a second signal comes is the case.
    if (index > 0) await Bun.sleep(gapMs);
    killIfThere(pid, signal);
  }
}

/** It may have ended in between, which is no mistake. */
function killIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** How many items a file has that a node must be able to load. */
async function itemsOf(path: string): Promise<number> {
  using bed = new Bed({ path, memoryBytes: 512 * 1024 * 1024 });
  await bed.persistence.load(false);
  return bed.store.count();
}

async function expectOrderlyEnd(node: SpawnedNode): Promise<void> {
  expect(await node.process.exited).toBe(0);
  expect(node.process.signalCode).toBeNull();
}

/** What nodes load when signals reach them. */
const loaded = forAllCases(async () => {
  const directory = await temporaryDirectory();
  const path = join(directory.path, "dump.rdb");
  await using node = await start(path);
  await fillMegabytes(node.port, loadedMegabytes);
  node.process.kill("SIGTERM");
  await expectOrderlyEnd(node);
  return { path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
});

describe.each(variants([1], [1, 2]))("a node with %d data threads", (threads) => {
  const args = ["--threads", `${threads}`, "--shutdown-timeout", "60"];

  // The other combinations, and all of them with two threads, are more cases of the same.
  const combinations = everyCombination.slice(0, repetitions(3, 6));
  const once = threads === 1 ? whenShort : whenLong;

  // One signal has no gap. The second gap needs test:long's large save, or it is after the end.
  const gapsOf = (signals: Signals) =>
    [5, 100].slice(0, signals.length > 1 ? repetitions(1, 2) : 1);

  test.each(
    combinations.flatMap((signals) => gapsOf(signals).map((gap) => [signals, gap] as const)),
  )("saves everything and ends in order by %p, %d ms apart", async (signals, gapMs) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path, ...args);
    await fillMegabytes(node.port, megabytes);
    await send(node.process.pid, signals, gapMs);
    await expectOrderlyEnd(node);
    expect(await itemsOf(path)).toBe(megabytes);
  });

  test("does the same in the middle of a save, and again during its last save", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path, ...args);
    await fillMegabytes(node.port, savedMegabytes);
    expect(await ask(node.port, "BGSAVE")).toBe("+Background saving started");
    node.process.kill("SIGTERM");
    await waitFor(() => node.log().includes("-> saving"), patient);
    await send(node.process.pid, ["SIGINT", "SIGTERM", "SIGINT"], 5);
    await expectOrderlyEnd(node);
    expect(await itemsOf(path)).toBe(savedMegabytes);
    expect(node.log()).toContain("already shutting down; SIGQUIT (Ctrl-\\) or SIGKILL stops the");
  });

  test("ends at once while it loads, and leaves its file unchanged", async () => {
    const { path } = loaded();
    const before = Bun.hash(await Bun.file(path).bytes());
    for (const signals of combinations) {
      await using node = await loadingNode(path, args);
      await send(node.process.pid, signals, 1);
      await expectOrderlyEnd(node);
    }
    expect(Bun.hash(await Bun.file(path).bytes())).toBe(before);
    expect(await itemsOf(path)).toBe(loadedMegabytes);
  });

  test.each(combinations.map((signals) => [signals] as const))(
    "waits for its follower, whatever signals arrive meanwhile: %p",
    async (signals) => {
      await using leader = await startPlain(...args);
      await using follower = await startPlain("--leaderaddr", leader.address);
      await waitFor(
        async () => (await infoField(leader.port, "slave0")).includes("online"),
        patient,
      );
      follower.process.kill("SIGSTOP");
      await fillMegabytes(leader.port, 10);
      await send(leader.process.pid, signals, 50);
      expect(leader.process.exitCode).toBeNull();
      follower.process.kill("SIGCONT");
      await expectOrderlyEnd(leader);
      expect(await ask(follower.port, "DBSIZE")).toBe(":10");
    },
  );

  test("keeps its old data if the signals arrive in the middle of its full sync", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using leader = await startPlain();
    await fillMegabytes(leader.port, syncedMegabytes);
    await using node = await start(path, ...args);
    await ask(node.port, "SET", "old", "value");
    await ask(node.port, "REPLICAOF", "127.0.0.1", leader.port);
    await waitFor(async () => (await infoField(node.port, "master_sync_in_progress")) === "1");
    await send(node.process.pid, ["SIGTERM", "SIGTERM"], 5);
    await expectOrderlyEnd(node);
    // The old data or, if the sync was so quick, all of the new.
    expect([1, syncedMegabytes]).toContain(await itemsOf(path));
  });

  once(() =>
    test("keeps running after SIGHUP, SIGPIPE and SIGALRM, in every order, as Redis does", async () => {
      await using node = await startPlain(...args);
      for (const signal of ["SIGHUP", "SIGPIPE", "SIGALRM", "SIGCONT", "SIGWINCH"] as const) {
        for (let i = 0; i < 3; i++) node.process.kill(signal);
        expect(await ask(node.port, "PING")).toBe("+PONG");
      }
      expect(node.process.exitCode).toBeNull();
    }),
  );

  once(() =>
    test("ends at once by SIGQUIT, also while it waits for a follower, and keeps its last file", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      await using node = await start(path, ...args);
      await using follower = await startPlain("--leaderaddr", node.address);
      await waitFor(async () => (await infoField(node.port, "slave0")).includes("online"), patient);
      await ask(node.port, "SET", "a", "1");
      expect(await ask(node.port, "SAVE")).toBe("+OK");
      follower.process.kill("SIGSTOP");
      await ask(node.port, "SET", "b", "2");
      node.process.kill("SIGTERM");
      await waitFor(() => node.log().includes("-> catching-up"));
      node.process.kill("SIGQUIT");
      await node.process.exited;
      expect(node.process.signalCode).toBe("SIGQUIT");
      follower.process.kill("SIGCONT");
      expect(await itemsOf(path)).toBe(1);
    }),
  );
});

whenShort(() =>
  test.skipIf(!redisInstalled())("redis-server ignores the same signals", async () => {
    for (const [signal, isIgnored] of [
      ["SIGHUP", true],
      ["SIGPIPE", true],
      ["SIGALRM", true],
      ["SIGQUIT", false],
      ["SIGUSR1", false],
    ] as const) {
      await using redis = await startRedis();
      redis.process.kill(signal);
      if (isIgnored) expect(await ask(redis.port, "PING")).toBe("+PONG");
      else await redis.process.exited;
      expect(redis.process.signalCode).toBe(isIgnored ? null : signal);
    }
  }),
);

const ways: [kind: string, command: (directory: string) => string[]][] = [
  // Built here only if the run has not built it.
  ["the binary", (directory) => [join(directory, "mscache")]],
  ["npx's shell around bun run start", () => ["sh", "-c", 'bun run start "$@"; exit $?', "sh"]],
  // The last way runs the same without the shell.
  ["bun run start", () => ["bun", "run", "start"]],
];

describe.each(ways.slice(0, repetitions(2, 3)))("%s", (kind, commandIn) => {
  let command: string[] = [];
  let home: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    home = await temporaryDirectory();
    const built = process.env.MSCACHE_TEST_NODE;
    command = kind === "the binary" && built ? [built] : commandIn(home.path);
    if (kind !== "the binary" || built) return;
    const build = ["build", "--compile", "src/main.ts", "src/worker.ts", "--outfile", command[0]];
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, ...build], { cwd: root });
    if (exitCode !== 0) throw new Error(stderr.toString());
  });

  const groupSignals: [string, Signals][] = [
    ["Ctrl-C twice", ["SIGINT", "SIGINT"]],
    ["SIGTERM to all of its group, twice", ["SIGTERM", "SIGTERM"]],
    ["Ctrl-C", ["SIGINT"]],
  ];
  // From source a start costs three times as much.
  const sent = groupSignals.slice(0, kind === "the binary" ? 3 : repetitions(2, 3));

  test.each(sent)("saves everything at %s", async (_, signals) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using group = await spawnGroup(command, path);
    await fillMegabytes(group.port, megabytes);
    // A negative number is the whole process group, which is whom a terminal tells.
    await send(-group.pid, signals, 5);
    await waitFor(() => !isAlive(group.nodePid), { ...patient, message: "the node's end" });
    expect(await itemsOf(path)).toBe(megabytes);
    expect(group.log()).toContain("-> ended");
  });
});

// ---- processes ----------------------------------------------------------------------------------

async function startPlain(...args: string[]): Promise<SpawnedNode> {
  const node = await spawnNode(["--max-memory", "512mb", ...args]);
  await waitFor(() => node.log().includes("is ready"), patient);
  return node;
}

/** A node that has begun to load a file. */
async function loadingNode(path: string, args: readonly string[]): Promise<SpawnedNode> {
  return await spawnNode(["--snapshot-file", path, "--max-memory", "512mb", ...args]);
}

interface Group extends AsyncDisposable {
  readonly pid: number;
  readonly nodePid: number;
  readonly port: number;
  readonly log: () => string;
}

/** A command that is a node or starts one, in a process group of its own as a terminal makes it. */
async function spawnGroup(command: readonly string[], path: string): Promise<Group> {
  const args = ["--listenaddr", "127.0.0.1:0", "--snapshot-file", path, "--max-memory", "512mb"];
  const child = Bun.spawn([...command, ...args], {
    cwd: root,
    env: { ...process.env, PATH: `${join(process.execPath, "..")}:${process.env.PATH}` },
    stdout: "ignore",
    stderr: "pipe",
    detached: true,
  });
  let text = "";
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) text += decoder.decode(chunk, { stream: true });
  };
  // A stream that breaks with its process has told all it had.
  read().catch(() => undefined);
  const [, nodePid] = await waitFor(() => /is ready, pid (\d+)/.exec(text), patient);
  const [, port] = /listening on \S*:(\d+)/.exec(text) ?? [];
  return {
    pid: child.pid,
    nodePid: Number(nodePid),
    port: Number(port),
    log: () => text,
    async [Symbol.asyncDispose]() {
      killIfThere(-child.pid, "SIGKILL");
      await child.exited;
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // there is no such process any more
  }
}
