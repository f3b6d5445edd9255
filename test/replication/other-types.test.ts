/**
 * `--other-types refuse`: a node, which holds only strings, does not follow a Redis that has other
 * types and does not start from its file; it says which type it met. For skipping them, the
 * default, see redis-stream.test.ts and persistence/rdb-versions.test.ts.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { rdbFixtures } from "../../scripts/rdb-fixtures.ts";
import { caseMsMax, redisInstalled, runMscache, temporaryDirectory, waitFor } from "../harness.ts";
import { type Member, replicationField, untilCaughtUp } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const startLeader = () => {
  return oracle.start(["--databases", "2", "--repl-diskless-sync-delay", "0"]) as Promise<Member>;
};
const linkOf = (node: Member) => replicationField(node.port, "master_link_status");

async function untilLogged(node: { log(): string }, line: string): Promise<void> {
  await waitFor(() => node.log().includes(line), { message: line });
}

describe.skipIf(!redisInstalled())(`a node that refuses other types${redisNote}`, () => {
  test("refuses a snapshot that has one, and loads the next one that has none", async () => {
    await using leader = await startLeader();
    await using peer = await Peer.connect(leader.port);
    await peer.ask("SET", "a", "1");
    await peer.ask("HSET", "hash", "field", "value");
    const options = ["--leaderaddr", `127.0.0.1:${leader.port}`, "--other-types", "refuse"];
    await using node = await ours.start(options);
    await untilLogged(node, "snapshot: a value of type hash, and --other-types is refuse, at byte");
    expect(await linkOf(node)).toBe("down");
    await peer.ask("DEL", "hash");
    await untilCaughtUp(leader, [node]);
    await using reader = await Peer.connect(node.port);
    expect(await reader.ask("GET", "a")).toBe("$1");
  });

  test("does not continue a stream that has one, even inside a transaction", async () => {
    await using leader = await startLeader();
    const options = ["--leaderaddr", `127.0.0.1:${leader.port}`, "--other-types", "refuse"];
    await using node = await ours.start(options);
    await untilCaughtUp(leader, [node]);
    await using peer = await Peer.connect(leader.port);
    peer.write("MULTI\r\nSET a 1\r\nLPUSH list 1\r\nEXEC\r\n");
    await peer.replies(4);
    await untilLogged(node, "the leader sent LPUSH, a command of type list, and --other-types is");
    await untilLogged(node, "snapshot: a value of type list, and --other-types is refuse, at byte");
    await using client = await Peer.connect(node.port);
    expect(await client.ask("CONFIG", "SET", "other-types", "skip")).toBe("+OK");
    await untilCaughtUp(leader, [node]);
    expect(await client.ask("GET", "a")).toBe("$1");
    expect(await replicationField(node.port, "mscache_sync_skipped_values")).toBe("1");
  });

  test("does not count databases that it does not have and functions as other types", async () => {
    await using leader = await startLeader();
    await using peer = await Peer.connect(leader.port);
    const library = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    expect(await peer.ask("FUNCTION", "LOAD", library)).toBe("$lib");
    await peer.askRaw("SELECT 1\r\n");
    await peer.ask("RPUSH", "list", "1");
    const options = ["--leaderaddr", `127.0.0.1:${leader.port}`, "--other-types", "refuse"];
    await using node = await ours.start([...options, "--databases", "1"]);
    await untilCaughtUp(leader, [node]);
    await peer.ask("RPUSH", "list", "2");
    expect(await peer.ask("FUNCTION", "DELETE", "lib")).toBe("+OK");
    await untilCaughtUp(leader, [node]);
    expect(node.log()).not.toContain("--other-types is refuse");
  });
});

test("a file with other types stops the start if they are refused", async () => {
  const fixture = rdbFixtures.find(({ skipped }) => "list" in skipped);
  if (fixture === undefined) throw new Error("no fixture has a list");
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "dump.rdb");
  await Bun.write(path, fixture.bytes);
  const options = ["--snapshot-file", path, "--other-types", "refuse"];
  const result = await runMscache(["--listenaddr", "127.0.0.1:0", ...options]);
  expect(result.status).toBe(1);
  expect(result.errors).toMatch(/dump\.rdb is broken: snapshot: a value of type \w+, and --other/);
  expect(await Bun.file(path).exists()).toBe(true);
});
