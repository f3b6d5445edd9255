/**
 * Snapshots of every version that Redis or Valkey has ever written, made by
 * scripts/rdb-fixtures.ts, which names their origin: read whole and cut anywhere, loaded by a node
 * at start and from a leader. redis-check-rdb judges the files themselves, up to the version that
 * it knows.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type RdbFixture, rdbFixtures } from "../../scripts/rdb-fixtures.ts";
import { RdbReader } from "../../src/rdb/reader.ts";
import { caseMsMax, redisInstalled, temporaryDirectory, waitFor } from "../harness.ts";
import { replicationField } from "../support/line-ups.ts";
import { ScriptedLeader } from "../support/scripted-leader.ts";
import { ours, redisNote } from "../support/servers.ts";
import { contentsOf } from "../support/write-load.ts";
import { infoField, start } from "./bed.ts";

setDefaultTimeout(caseMsMax);

/** The last version that the redis-check-rdb of Redis 7.0 knows. */
const checkedFile = "redis0010.rdb";

function readIn({ bytes }: RdbFixture, pieceBytes: number): { strings: string[]; skipped: object } {
  const strings: string[] = [];
  const latin1 = (from: Uint8Array, start: number, end: number) =>
    Buffer.from(from.subarray(start, end)).toString("latin1");
  const reader = new RdbReader({
    item: (key, ks, ke, value, vs, ve, expiresAt) => {
      strings.push(`${latin1(key, ks, ke)}=${latin1(value, vs, ve)}@${expiresAt}`);
    },
  });
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    reader.push(new Uint8Array(bytes.subarray(at, at + pieceBytes)));
  }
  reader.finish();
  return { strings: strings.sort(), skipped: Object.fromEntries(reader.skipped) };
}

/** A node's data as a fixture tells them; no value in it is long enough to be shown by its hash. */
async function stringsOf(port: number): Promise<string[]> {
  const contents = [...(await contentsOf(port))];
  return contents.map(([key, shown]) => `${key}=${shown.replace(" until :", "@")}`).sort();
}

function asShown({ strings }: RdbFixture): string[] {
  const lines = strings.filter((line) => !line.startsWith("long="));
  return lines.map((line) => line.replace("=", "=$").replace(/@0$/, "@-1")).sort();
}

/** What a node cannot hold; it loads the libraries of functions, which the reader alone skips. */
function skippedIn({ skipped: { function: _libraries, ...rest } }: RdbFixture): number {
  return Object.values(rest).reduce((sum, count) => sum + count, 0);
}

async function expectStrings(port: number, fixture: RdbFixture): Promise<void> {
  const got = await stringsOf(port);
  expect(got.filter((line) => !line.startsWith("long="))).toEqual(asShown(fixture));
  expect(got).toHaveLength(fixture.strings.length);
}

describe.each(rdbFixtures.map((it) => [it.name, it.origin, it] as const))(
  "%s, %s",
  (_, __, fixture) => {
    test("is read alike whole and in pieces of every size", () => {
      const expected = { strings: [...fixture.strings].sort(), skipped: fixture.skipped };
      for (let size = 1; size <= fixture.bytes.length; size++) {
        expect(readIn(fixture, size)).toEqual(expected);
      }
    });

    test("is refused if it is cut off anywhere", () => {
      for (let length = 0; length < fixture.bytes.length; length++) {
        const cut = { ...fixture, bytes: fixture.bytes.subarray(0, length) };
        expect(() => readIn(cut, length + 1)).toThrow("it ends in the middle");
      }
    });
  },
);

const checked = rdbFixtures.filter(({ name }) => name <= checkedFile);
test.skipIf(!redisInstalled()).each(checked.map((it) => [it.name, it] as const))(
  `redis-check-rdb accepts %s${redisNote}`,
  async (name, { bytes }) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, name);
    await Bun.write(path, bytes);
    const { stdout } = Bun.spawnSync(["redis-check-rdb", path]);
    expect(stdout.toString()).toContain("RDB looks OK!");
  },
);

test("a node starts with the oldest and the newest of them", async () => {
  for (const fixture of [rdbFixtures[0], rdbFixtures[11], rdbFixtures[14], rdbFixtures[15]]) {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await Bun.write(path, fixture.bytes);
    await using node = await start(path);
    await expectStrings(node.port, fixture);
    const name = "mscache_last_load_skipped_values";
    expect(await infoField(node.port, name)).toBe(`${skippedIn(fixture)}`);
  }
});

test("a follower loads each of them from a leader, and counts what it cannot hold", async () => {
  let present = rdbFixtures[0];
  await using leader = await ScriptedLeader.start(() => {
    const head = `+FULLRESYNC ${"5eed".repeat(10)} 1\r\n$${present.bytes.length}\r\n`;
    return { bytes: Buffer.concat([Buffer.from(head), present.bytes]), staysOpen: true };
  });
  for (const fixture of rdbFixtures) {
    present = fixture;
    await using node = await ours.start(["--leaderaddr", `127.0.0.1:${leader.port}`]);
    const status = () => replicationField(node.port, "master_link_status");
    await waitFor(async () => (await status()) === "up");
    await expectStrings(node.port, fixture);
    const skipped = skippedIn(fixture);
    const name = "mscache_sync_skipped_values";
    expect(await replicationField(node.port, name)).toBe(`${skipped}`);
    expect(node.log().match(/has data that this cache cannot hold/g) ?? []).toHaveLength(
      skipped && 1,
    );
  }
});
