/**
 * What an operator must know is in the log at warn or error: once when it begins, and not again
 * each time (base/recurring.ts counts the rest). Every occurrence is in the log at info.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import {
  caseMsMax,
  freePort,
  type SpawnedNode,
  spawnNode,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

function linesOf(node: SpawnedNode, level: string, text: string): string[] {
  return node
    .log()
    .split("\n")
    .filter((line) => line.includes(` ${level} `) && line.includes(text));
}

/** Waits until it was logged four times, and expects one of them to be the operator's. */
async function expectToldOnce(node: SpawnedNode, text: string, level = "warn"): Promise<void> {
  await waitFor(() => linesOf(node, "info", text).length >= 3, {
    message: node.log(),
  });
  expect(linesOf(node, level, text)).toHaveLength(1);
}

describe("at warn a follower says once", () => {
  test("that its password is wrong, and that the link is up again", async () => {
    await using leader = await spawnNode(["--password", "right"]);
    await using follower = await spawnNode([
      "--leaderaddr",
      leader.address,
      "--leader-password",
      "wrong",
    ]);
    await expectToldOnce(follower, "refused the password: -WRONGPASS");
    expect(follower.log()).not.toContain("wrong");
  });

  test("that it has no password and needs one", async () => {
    await using leader = await spawnNode(["--password", "right"]);
    await using follower = await spawnNode(["--leaderaddr", leader.address]);
    await expectToldOnce(follower, "answered PSYNC with -NOAUTH");
  });

  test("that no leader is there", async () => {
    await using follower = await spawnNode(["--leaderaddr", `127.0.0.1:${await freePort()}`]);
    await expectToldOnce(follower, "connecting -> connect (");
  });

  test("that its leader is still loading", async () => {
    const loading = createServer((socket) => {
      // "close" follows.
      socket.on("error", () => undefined);
      socket.on("data", () => socket.write("-LOADING Redis is loading the dataset in memory\r\n"));
    });
    await new Promise<void>((resolve) => loading.listen(0, "127.0.0.1", resolve));
    const address = loading.address();
    const port = typeof address === "object" ? address?.port : 0;
    try {
      await using follower = await spawnNode(["--leaderaddr", `127.0.0.1:${port}`]);
      await expectToldOnce(follower, "answered PING with -LOADING");
    } finally {
      loading.close();
    }
  });
});

test("at warn a leader says once that followers get full syncs instead of partial ones", async () => {
  await using leader = await spawnNode();
  for (let i = 0; i < 4; i++) {
    await using peer = await Peer.connect(leader.port);
    expect(await peer.ask("PSYNC", "f".repeat(40), 17 + i)).toStartWith("+FULLRESYNC");
  }
  await expectToldOnce(leader, "no partial sync: it has history ffff");
});

test("at error a node says once that snapshots cannot be saved, and when they can again", async () => {
  await using directory = await temporaryDirectory();
  await using node = await spawnNode(["--snapshot-file", `${directory.path}/dump.rdb`]);
  await using peer = await Peer.connect(node.port);
  await waitFor(async () => (await peer.ask("PING")) === "+PONG");
  await rm(directory.path, { recursive: true });
  for (let i = 0; i < 4; i++) expect(await peer.ask("SAVE")).toStartWith("-ERR");
  await expectToldOnce(node, "the snapshot was not saved", "error");
  await Bun.write(`${directory.path}/there`, "again");
  expect(await peer.ask("SAVE")).toBe("+OK");
  await waitFor(() => linesOf(node, "error", "snapshots are saved").length === 1);
});
