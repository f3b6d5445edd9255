/**
 * SAVE, BGSAVE, LASTSAVE, periodic saves, and what INFO reports about them. Replies are those of
 * redis-server 7.0; differences are named.
 * Invariant: every node has its own directory and writes nowhere else.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { spawnNode, temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { Random, seedFor } from "../support/seed.ts";
import { fill, WriteLoad } from "../support/write-load.ts";
import { ask, Bed, fillMegabytes, infoField, start, untilSaved } from "./bed.ts";

describe("saving by command", () => {
  test("SAVE replies when the file is there, BGSAVE at once; LASTSAVE returns the time", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path);
    await using peer = await Peer.connect(node.port);
    const began = Math.floor(Date.now() / 1000);
    expect(await peer.ask("SAVE")).toBe("+OK");
    expect(await Bun.file(path).exists()).toBe(true);
    expect(await peer.ask("BGSAVE")).toBe("+Background saving started");
    await untilSaved(node.port);
    expect(await peer.ask("bgsave", "schedule")).toBe("+Background saving started");
    await untilSaved(node.port);
    expect(Number((await peer.ask("LASTSAVE")).slice(1))).toBeGreaterThanOrEqual(began);
    expect(await infoField(node.port, "rdb_saves")).toBe("3");
    expect(await peer.ask("BGSAVE", "now")).toBe("-ERR syntax error");
    expect(await peer.ask("BGSAVE", "SCHEDULE", "x")).toBe("-ERR syntax error");
    expect(await peer.ask("SAVE", "x")).toBe("-ERR wrong number of arguments for 'save' command");
  });

  test("without a snapshot file both are refused, and LASTSAVE returns the start", async () => {
    await using node = await spawnNode();
    const refusal = "-ERR there is no snapshot file: start the node with --snapshot-file";
    expect(await ask(node.port, "SAVE")).toBe(refusal);
    expect(await ask(node.port, "BGSAVE")).toBe(refusal);
    expect(await ask(node.port, "LASTSAVE")).toMatch(/^:\d{10}$/);
    expect(await infoField(node.port, "rdb_bgsave_in_progress")).toBe("0");
  });

  test("only one save runs at a time, and other clients are served meanwhile", async () => {
    await using directory = await temporaryDirectory();
    await using node = await start(join(directory.path, "dump.rdb"));
    await fillMegabytes(node.port, 60);
    await using peer = await Peer.connect(node.port);
    // In one write, so that all of them come during the first save.
    const saves = [["BGSAVE"], ["BGSAVE"], ["SAVE"]];
    peer.sendAll([...saves, ["SET", "meanwhile", "1"], ["INFO", "persistence"]]);
    expect(await peer.shown()).toBe("+Background saving started");
    expect(await peer.shown()).toBe("-ERR Background save already in progress");
    expect(await peer.shown()).toBe("-ERR Background save already in progress");
    expect(await peer.shown()).toBe("+OK");
    const during = await peer.shown();
    expect(during).toContain("rdb_bgsave_in_progress:1");
    expect(during).toContain("rdb_current_bgsave_time_sec:0");
    await untilSaved(node.port);
    expect(await infoField(node.port, "rdb_current_bgsave_time_sec")).toBe("-1");
    expect(Number(await infoField(node.port, "rdb_last_bgsave_time_sec"))).toBeGreaterThanOrEqual(
      0,
    );
    expect(await infoField(node.port, "rdb_changes_since_last_save")).toBe("1");
  });

  test("a save under writes has every key that existed all the time", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await using node = await start(path);
    await fill(node.port, 10_000);
    await using load = await WriteLoad.start(node.port, new Random(seedFor("SAVE_SEED")), true);
    await load.more(100);
    expect(await ask(node.port, "SAVE")).toBe("+OK");
    await load.stop();
    using bed = new Bed({ path, memoryBytes: 128 * 1024 * 1024 });
    await bed.persistence.load(false);
    for (let i = 0; i < 10_000; i++) expect(bed.get(`fill:${i}`)).toBe(`value of ${i}`);
  });
});

describe("INFO", () => {
  test("counts the changes since the last save", async () => {
    await using directory = await temporaryDirectory();
    await using node = await start(join(directory.path, "dump.rdb"));
    const changes = () => infoField(node.port, "rdb_changes_since_last_save");
    expect(await changes()).toBe("0");
    await fill(node.port, 3);
    await ask(node.port, "DEL", "fill:0");
    await ask(node.port, "EXPIRE", "fill:1", "100");
    await ask(node.port, "GET", "fill:1");
    expect(await changes()).toBe("5");
    await ask(node.port, "SAVE");
    expect(await changes()).toBe("0");
    await ask(node.port, "FLUSHALL");
    expect(await changes()).toBe("1");
    await ask(node.port, "SAVE");
    await ask(node.port, "SWAPDB", "0", "1");
    expect(await changes()).toBe("1");
  });
});

describe("--snapshot-interval", () => {
  test("saves only if data have changed; CONFIG SET changes the interval", async () => {
    await using directory = await temporaryDirectory();
    await using node = await start(join(directory.path, "dump.rdb"));
    expect(await ask(node.port, "CONFIG", "SET", "snapshot-interval", "1")).toBe("+OK");
    const saves = () => infoField(node.port, "rdb_saves");
    for (const expected of ["1", "2"]) {
      await ask(node.port, "SET", "a", expected);
      await waitFor(async () => (await saves()) === expected, { message: `save ${expected}` });
    }
    expect(await infoField(node.port, "rdb_changes_since_last_save")).toBe("0");
    // Real time must pass here: two more intervals without a write.
    await Bun.sleep(2_200);
    expect(await saves()).toBe("2");
  });
});
