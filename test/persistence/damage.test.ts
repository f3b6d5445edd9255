/**
 * Whatever happens to a save or to a file, the last good snapshot loads, or a sentence says why
 * not, and a part of a snapshot is never served. Kills, full disks and broken bytes. For what a
 * good file restores, see restart.test.ts.
 * Invariant: every fuzzed case can be replayed by the printed seed.
 */
import { describe, expect, test } from "bun:test";
import { lstat, mkdir, readdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { NotDurableError } from "../../src/base/sync-directory.ts";
import { runMscache, spawnNode, startNode, temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { nodeCommand } from "../support/programs.ts";
import { repetitions, whenShort } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import {
  ask,
  Bed,
  fillMegabytes,
  infoField,
  putFile,
  start,
  untilReady,
  untilSaved,
} from "./bed.ts";

const unfinished = (names: readonly string[]) => names.filter((name) => name.endsWith(".tmp"));

/** The bytes of a good file with items of every kind. */
async function goodFile(path: string): Promise<Buffer> {
  using bed = new Bed({ path });
  await bed.persistence.load(false);
  bed.set("empty", "");
  bed.set("later", "x".repeat(100), bed.nowMs + 1_000_000);
  bed.set("long", new Uint8Array(20_000).fill(120));
  for (let i = 0; i < 30; i++) bed.set(`key:${i}`, `value ${i}`);
  expect(await bed.persistence.save()).toBeNull();
  return Buffer.from(await Bun.file(path).arrayBuffer());
}

test("a node that cannot write beside its file says so at the start, and no other does", async () => {
  await using directory = await temporaryDirectory();
  const warned = async (path: string) => {
    using bed = new Bed({ path });
    await bed.persistence.load(false);
    return bed.lines.filter((line) => line.includes("cannot save"));
  };
  const path = join(directory.path, "dump.rdb");
  expect(await warned(path)).toEqual([]);
  expect(await readdir(directory.path)).toEqual([]);
  // A name as long as this can be read, but leaves no room for that of the unfinished file. Unlike
  // permissions, that holds for root too.
  const long = join(directory.path, "x".repeat(250));
  await goodFile(path);
  await rename(path, long);
  expect(await warned(long)).toEqual([
    `this node cannot save to ${long}: name too long (ENAMETOOLONG); a clean shutdown would fail`,
  ]);
});

/** Loads bytes that must not load, and looks that nothing of them is left. */
async function expectRefused(path: string, bytes: Uint8Array, what: string): Promise<void> {
  await putFile(path, bytes);
  using bed = new Bed({ path });
  const outcome = await bed.persistence.load(false).then(
    () => `loaded (${what})`,
    (error: Error) => `${error.name}: ${error.message}`,
  );
  expect(outcome).toStartWith(`SnapshotError: the file ${path} is broken: snapshot: `);
  expect(outcome).toEndWith("; --snapshot-corrupt ignore sets it aside and starts empty");
  expect(bed.store.count()).toBe(0);
}

describe("a broken file", () => {
  test("that was cut off at any length is refused", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    const bytes = await goodFile(path);
    const random = new Random(seedFor("SNAPSHOT_TRUNCATE_SEED"));
    const lengths = [0, 1, 8, 9, 10, bytes.length - 9, bytes.length - 8, bytes.length - 1];
    while (lengths.length < repetitions(60, 150)) lengths.push(random.below(bytes.length));
    for (const length of lengths) {
      await expectRefused(path, bytes.subarray(0, length), `cut off at ${length}`);
    }
  });

  test("with any single bit flipped is refused", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    const bytes = await goodFile(path);
    const random = new Random(seedFor("SNAPSHOT_FLIP_SEED"));
    const small = 1_000; // all of the head and the checksum, and a few places elsewhere
    const places = Array.from({ length: 72 }, (_, bit) => bit);
    while (places.length < repetitions(100, 200)) places.push(random.below(small * 8));
    while (places.length < repetitions(115, 250)) places.push(random.below(bytes.length * 8));
    for (let bit = 1; bit <= 64; bit++) places.push(bytes.length * 8 - bit);
    for (const place of places) {
      const damaged = Buffer.from(bytes);
      damaged[place >> 3] ^= 1 << (place & 7);
      await expectRefused(path, damaged, `bit ${place}`);
    }
  });

  test("with bytes after its end is refused", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    const bytes = await goodFile(path);
    await expectRefused(path, Buffer.concat([bytes, Buffer.from([0])]), "one byte more");
  });

  whenShort(() => {
    test("stops the start with a sentence and exit status 1", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      const bytes = await goodFile(path);
      await putFile(path, bytes.subarray(0, 500));
      const args = ["--listenaddr", "127.0.0.1:0", "--snapshot-file", path];
      const { status, errors } = await runMscache(args);
      const last = errors.trimEnd().split("\n").at(-1);
      expect(status).toBe(1);
      expect(last).toMatch(
        /^mscache: the file \S*dump\.rdb is broken: .* at byte \d+; --snapshot-corrupt /,
      );
    });
  });

  whenShort(() => {
    test("is moved aside with --snapshot-corrupt ignore, and the node starts empty", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      const bytes = await goodFile(path);
      bytes[200] ^= 4;
      await putFile(path, bytes);
      await using node = await start(path, "--snapshot-corrupt", "ignore");
      expect(node.log()).toContain("dump.rdb is broken");
      expect(await ask(node.port, "DBSIZE")).toBe(":0");
      expect(await ask(node.port, "SAVE")).toBe("+OK");
      expect((await readdir(directory.path)).sort()).toEqual(["dump.rdb", "dump.rdb.broken"]);
    });
  });

  whenShort(() => {
    test("that is a directory, or in a missing directory, stops the start with a sentence", async () => {
      await using directory = await temporaryDirectory();
      for (const path of [directory.path, join(directory.path, "nowhere/dump.rdb")]) {
        const args = ["--listenaddr", "127.0.0.1:0", "--snapshot-file", path];
        const { status, errors } = await runMscache([...args, "--snapshot-corrupt", "ignore"]);
        expect(status).toBe(1);
        expect(errors).toContain(`mscache: the snapshot ${path} cannot be loaded: `);
        expect(errors).not.toContain("shutdown:"); // it has not started
      }
    });
  });
});

whenShort(() => {
  describe("an interrupted save", () => {
    test("by SIGKILL leaves the last file and an unfinished one, which the next start removes", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      {
        await using node = await start(path);
        await ask(node.port, "SET", "kept", "good");
        expect(await ask(node.port, "SAVE")).toBe("+OK");
        await fillMegabytes(node.port, 100);
        expect(await ask(node.port, "BGSAVE")).toBe("+Background saving started");
        await waitFor(async () => unfinished(await readdir(directory.path)).length > 0, {
          message: "an unfinished file",
        });
        node.process.kill("SIGKILL");
        await node.process.exited;
      }
      expect(unfinished(await readdir(directory.path))).toHaveLength(1);
      await using again = await start(path);
      expect(await ask(again.port, "DBSIZE")).toBe(":1");
      expect(await ask(again.port, "GET", "kept")).toBe("$good");
      expect(await readdir(directory.path)).toEqual(["dump.rdb"]);
      expect(again.log()).toContain("left by a save that was cut short");
    });

    test("by a full disk is logged, leaves the last file, and works again when there is room", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      // A limit on the size of files is refused by the same call as a full disk, and needs no root.
      const limited = ["bash", "-c", 'ulimit -f 3000; exec "$@"', "mscache", ...nodeCommand];
      const args = ["--snapshot-file", path, "--max-memory", "64mb"];
      await using node = await spawnNode(args, { command: limited });
      await untilReady(node);
      await ask(node.port, "SET", "kept", "good");
      expect(await ask(node.port, "SAVE")).toBe("+OK");
      const good = await Bun.file(path).bytes();
      await fillMegabytes(node.port, 8);
      expect(await ask(node.port, "SAVE")).toMatch(/^-ERR the snapshot was not saved to .*EFBIG/);
      expect(await Bun.file(path).bytes()).toEqual(good);
      expect(await readdir(directory.path)).toEqual(["dump.rdb"]);
      expect(await infoField(node.port, "rdb_last_bgsave_status")).toBe("err");
      expect(node.log().match(/error the snapshot was not saved/g)).toHaveLength(1);
      await ask(node.port, "FLUSHALL");
      expect(await ask(node.port, "SAVE")).toBe("+OK");
      expect(await infoField(node.port, "rdb_last_bgsave_status")).toBe("ok");
    });

    test("by a missing directory is reported in INFO and in one log line; the node keeps running", async () => {
      await using directory = await temporaryDirectory();
      const home = join(directory.path, "home");
      await Bun.write(join(home, "other"), "");
      const path = join(home, "dump.rdb");
      await using node = await start(path);
      await ask(node.port, "SET", "a", "1");
      await rename(home, join(directory.path, "elsewhere"));
      expect(await ask(node.port, "BGSAVE")).toBe("+Background saving started");
      await untilSaved(node.port);
      expect(await infoField(node.port, "rdb_last_bgsave_status")).toBe("err");
      expect(node.log().match(/error the snapshot was not saved to .*ENOENT/g)).toHaveLength(1);
      expect(await ask(node.port, "GET", "a")).toBe("$1");
      await rename(join(directory.path, "elsewhere"), home);
      expect(await ask(node.port, "SAVE")).toBe("+OK");
    });

    test("after the file has its name is told as what it is, and the next save is due", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      let isBroken = true;
      const sync = async () => {
        if (isBroken) throw new NotDurableError(new Error("the disk is broken"));
      };
      using bed = new Bed({ path, sync });
      await bed.persistence.load(false);
      bed.set("a", "1");
      const sentence =
        `the snapshot may not last in ${path}: the new file is in its place, but a power failure may ` +
        "undo that: the disk is broken";
      expect((await bed.persistence.save())?.text).toBe(sentence);
      expect(bed.lines.filter((line) => line === sentence)).toHaveLength(1);
      const info = new Map(bed.persistence.info(false));
      expect([info.get("rdb_last_bgsave_status"), info.get("rdb_changes_since_last_save")]).toEqual(
        [...["err", 1]],
      );
      expect(await readdir(directory.path)).toEqual(["dump.rdb"]);
      using reader = new Bed({ path });
      await reader.persistence.load(false);
      expect(reader.get("a")).toBe("1");
      isBroken = false;
      expect(await bed.persistence.save()).toBeNull();
      expect(new Map(bed.persistence.info(false)).get("rdb_changes_since_last_save")).toBe(0);
      for (const { persistence } of [bed, reader]) persistence.close();
    });

    test("when an embedded server closes is reported to its owner, and the server ends", async () => {
      await using directory = await temporaryDirectory();
      const home = join(directory.path, "home");
      await Bun.write(join(home, "other"), "");
      const node = await startNode({ snapshotFile: join(home, "dump.rdb") });
      await rm(home, { recursive: true });
      const problem = await node[Symbol.asyncDispose]().then(
        String,
        (error: Error) => error.message,
      );
      expect(problem).toMatch(/^the snapshot was not saved to .*ENOENT/);
      expect(await Peer.connect(node.port).catch((error) => error.code)).toBe("ECONNREFUSED");
    });

    test("by a full sync, which replaces the data, is aborted", async () => {
      await using directory = await temporaryDirectory();
      using bed = new Bed({ path: join(directory.path, "dump.rdb") });
      await bed.persistence.load(false);
      for (let i = 0; i < 100; i++) bed.set(`key:${i}`, new Uint8Array(10_000));
      const saving = bed.persistence.save();
      bed.replication.dataReplaced.emit();
      expect((await saving)?.text).toContain("a full sync replaces the data");
      expect(await readdir(directory.path)).toEqual([]);
      expect(await bed.persistence.save()).toBeNull();
    });

    test("is not even started by a shutdown in the middle of a full sync into an empty node", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      const good = Buffer.from(await goodFile(path));
      using leader = leaderThatStops();
      await using node = await start(path);
      await waitFor(async () => (await ask(node.port, "FLUSHALL")) === "+OK");
      await ask(node.port, "REPLICAOF", "127.0.0.1", leader.port);
      await waitFor(async () => (await infoField(node.port, "loading")) === "1");
      node.process.kill("SIGTERM");
      expect(await node.process.exited).toBe(0);
      expect(node.log()).toContain("no snapshot is saved: a full sync was in progress");
      expect(good.equals(await Bun.file(path).bytes())).toBe(true);
    });

    test("at a shutdown in the middle of a full sync has the old data", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      await goodFile(path);
      using leader = leaderThatStops();
      await using node = await start(path, "--leaderaddr", `127.0.0.1:${leader.port}`);
      await waitFor(async () => (await infoField(node.port, "async_loading")) === "1");
      expect(await infoField(node.port, "loading")).toBe("0");
      node.process.kill("SIGTERM");
      expect(await node.process.exited).toBe(0);
      using after = new Bed({ path });
      await after.persistence.load(true);
      expect([after.store.count(), after.get("key:29")]).toEqual([33, "value 29"]);
    });

    test("of another process that is still alive is not removed", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      const others = [`dump.rdb.${process.ppid}.tmp`, "dump.rdb.1x.tmp", "dump.rdbx.999999999.tmp"];
      const abandoned = ["dump.rdb.999999999.tmp", `dump.rdb.${process.pid}.tmp`];
      for (const name of [...others, ...abandoned])
        await Bun.write(join(directory.path, name), "x");
      using bed = new Bed({ path });
      await bed.persistence.load(false);
      expect((await readdir(directory.path)).sort()).toEqual(others.sort());
    });
  });
});

describe("what is in the way of a snapshot", () => {
  test("a leftover that cannot be removed is logged and does not stop the start", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await goodFile(path);
    // As in a directory that may not be written to, but for root too.
    await mkdir(`${path}.999999999.tmp`);
    await using node = await spawnNode(["--snapshot-file", path]);
    await untilReady(node);
    expect(await ask(node.port, "DBSIZE")).toBe(":33");
    expect(node.log()).toContain("cannot remove dump.rdb.999999999.tmp");
    expect(await ask(node.port, "SAVE")).toBe("+OK");
  });

  test("a link with the name of the draft is replaced and not followed", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    const victim = join(directory.path, "victim");
    await Bun.write(victim, "keep");
    using bed = new Bed({ path });
    await bed.persistence.load(false);
    await symlink(victim, `${path}.${process.pid}.tmp`);
    expect(await bed.persistence.save()).toBeNull();
    expect(await Bun.file(victim).text()).toBe("keep");
    expect((await lstat(path)).isFile()).toBe(true);
  });

  test.each(["directory", "pipe"])(
    "a %s in its place is refused at the start and by a save",
    async (kind) => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "dump.rdb");
      using bed = new Bed({ path });
      await bed.persistence.load(false);
      Bun.spawnSync([kind === "pipe" ? "mkfifo" : "mkdir", path]);
      expect((await bed.persistence.save())?.text).toContain("and not a regular file");
      using other = new Bed({ path });
      await expect(other.persistence.load(false)).rejects.toThrow("and not a regular file");
      expect(await readdir(directory.path)).toEqual(["dump.rdb"]);
    },
  );
});

/** A leader that sends the beginning of a snapshot and nothing more. */
function leaderThatStops(): Bun.TCPSocketListener {
  const answers: [RegExp, string][] = [
    [/PING\r/g, "+PONG\r\n"],
    [/REPLCONF\r/g, "+OK\r\n"],
    [/PSYNC\r/g, `+FULLRESYNC ${"a".repeat(40)} 0\r\n$1000\r\nREDIS0009`],
  ];
  const data = (socket: Bun.Socket, chunk: Uint8Array) => {
    const text = Buffer.from(chunk).toString("latin1");
    for (const [pattern, answer] of answers) {
      for (const _ of text.matchAll(pattern)) socket.write(answer);
    }
  };
  return Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data } });
}
