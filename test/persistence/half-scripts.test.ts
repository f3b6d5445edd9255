/**
 * Snapshot files beside scripts that take longer than busy-reply-threshold: a file has all that
 * such a script does or nothing of it, whatever made the file.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ScriptState } from "../../src/command/core/script-state.ts";
import { caseMsMax, temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { variants, whenShort } from "../support/repetitions.ts";
import { Bed, infoField, start } from "./bed.ts";

setDefaultTimeout(caseMsMax);

const busy = /^-BUSY /;
/** Writes, works for so many milliseconds, and writes again. */
const slow =
  "local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end " +
  "redis.call('SET', 'begun', 1) local from = now() while now() - from < tonumber(ARGV[1]) do end " +
  "redis.call('SET', 'done', 1) return 'done'";

async function has(path: string): Promise<readonly [begun: boolean, done: boolean]> {
  using bed = new Bed({ path });
  await bed.persistence.load(false);
  return [bed.get("begun") !== null, bed.get("done") !== null];
}

/** Calls `look` with each file that appears under the name, until `isOver`. */
async function eachFile(path: string, isOver: () => boolean): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  while (!isOver()) {
    const bytes = await readFile(path).catch(() => null); // not yet there
    if (bytes !== null) files.set(Bun.hash(bytes).toString(), bytes);
    await Bun.sleep(20); // the pause between two looks at the file
  }
  return files;
}

for (const threads of variants(["2"], ["1"])) {
  const flags = ["--threads", threads, "--busy-reply-threshold", "50"];

  test(`the saves of an interval: ${threads} data threads`, async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path, "--snapshot-interval", "1", ...flags);
    await using caller = await Peer.connect(node.port);
    await using other = await Peer.connect(node.port);
    caller.send("EVAL", slow, "0", 1_300); // in which there is a save
    await waitFor(async () => busy.test(await other.ask("PING")));
    let reply = "";
    void caller.shown().then((text) => {
      reply = text;
    });
    const files = await eachFile(path, () => reply !== "");
    expect(reply).toBe("$done");
    const copy = join(directory.path, "copy.rdb");
    for (const bytes of files.values()) {
      await writeFile(copy, bytes);
      expect(await has(copy)).not.toEqual([true, false]);
    }
    await waitFor(async () => (await infoField(node.port, "rdb_changes_since_last_save")) === "0");
    expect(await has(path)).toEqual([true, true]);
  });

  test(`SIGTERM waits for a script that has written: ${threads} data threads`, async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path, "--shutdown-timeout", "60", ...flags);
    await using caller = await Peer.connect(node.port);
    await using other = await Peer.connect(node.port);
    caller.send("EVAL", slow, "0", 500);
    await waitFor(async () => busy.test(await other.ask("PING")));
    node.process.kill("SIGTERM");
    expect(await node.process.exited).toBe(0);
    expect(await has(path)).toEqual([true, true]);
  });
}

whenShort(() =>
  test("SIGTERM ends a script without end after the shutdown timeout", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path, "--shutdown-timeout", "1", "--busy-reply-threshold", "50");
    await using caller = await Peer.connect(node.port);
    await using other = await Peer.connect(node.port);
    caller.send("EVAL", slow, "0", 1e9);
    await waitFor(async () => busy.test(await other.ask("PING")));
    node.process.kill("SIGTERM");
    expect(await caller.shown()).toStartWith("-ERR Script ended: the node shuts down");
    expect(await node.process.exited).toBe(0);
    // As after any error in its middle: so others would have seen the data.
    expect(await has(path)).toEqual([true, false]);
  }),
);

whenShort(() =>
  test("SHUTDOWN ABORT lets a script go on that SIGTERM waits for", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(
      path,
      "--shutdown-timeout",
      "60",
      "--busy-reply-threshold",
      "50",
    );
    await using caller = await Peer.connect(node.port);
    await using other = await Peer.connect(node.port);
    caller.send("EVAL", slow, "0", 1_200);
    await waitFor(async () => busy.test(await other.ask("PING")));
    node.process.kill("SIGTERM");
    await waitFor(async () => (await other.ask("SHUTDOWN", "ABORT")) === "+OK");
    expect(await caller.shown()).toBe("$done");
    await waitFor(async () => (await other.ask("MGET", "begun", "done")) === "*[$1 $1]");
  }),
);

whenShort(() =>
  test("a save waits for what is half done, and begins again if a script began meanwhile", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    const scripts = new ScriptState(new Int32Array(new SharedArrayBuffer(8)), 0, 1);
    using bed = new Bed({ path, scripts, memoryBytes: 32 * 1024 * 1024 });
    for (let i = 0; i < 20_000; i++) bed.set(`key:${i}`, `value ${i}`);
    scripts.beginHalfDone();
    bed.set("begun", "1");
    const saving = bed.persistence.save();
    await Bun.sleep(50); // in which a save of so little would end
    expect(bed.persistence.isSaving).toBe(true);
    bed.set("done", "1");
    scripts.endHalfDone();
    await Bun.sleep(0); // the walk has begun
    bed.store.databases.clear();
    scripts.beginHalfDone();
    bed.set("begun", "1");
    await Bun.sleep(50); // in which the walk would end
    bed.set("done", "1");
    scripts.endHalfDone();
    expect(await saving).toBeNull();
    expect(await has(path)).toEqual([true, true]);
  }),
);

whenShort(() =>
  test("a save that waits for a script ends when the node has a fault", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    const scripts = new ScriptState(new Int32Array(new SharedArrayBuffer(8)), 0, 1);
    using bed = new Bed({ path, scripts });
    scripts.beginHalfDone();
    const saving = bed.persistence.save();
    bed.persistence.abandon();
    expect((await saving)?.text).toContain("the node has a fault");
  }),
);

whenShort(() =>
  test("a save that is torn while the node has a fault does not wait for the script", async () => {
    await using directory = await temporaryDirectory();
    let looks = 0;
    let fault = () => {};
    const scripts = {
      isHalfDone: false,
      whole: () => new Promise<void>(() => {}), // the script never ends
      /** At the second look, which is in the midst of the walk, a script has begun. */
      get halfDoneSteps() {
        if (looks++ === 1) {
          scripts.isHalfDone = true;
          fault();
        }
        return looks;
      },
    };
    using bed = new Bed({ path: join(directory.path, "dump.rdb"), scripts });
    fault = () => bed.persistence.abandon();
    bed.set("key", "value");
    expect((await bed.persistence.save())?.text).toContain("the node has a fault");
  }),
);
