// CONFIG REWRITE and SHUTDOWN on nodes with a configuration file: what is written, when, and that a
// node restarted from the file is as before. For the text of the file, see
// unit/config/file.test.ts.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { caseMsMax, spawnNode, temporaryDirectory, waitFor } from "../harness.ts";
import { replicationField } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

const fileText = "# Ours.\nmax-memory 64mb\nmax-clients 100\n";

async function bench(text = fileText) {
  const directory = await temporaryDirectory();
  const path = join(directory.path, "node.conf");
  await Bun.write(path, text);
  const read = () => Bun.file(path).text();
  return {
    path,
    read,
    directory: directory.path,
    [Symbol.asyncDispose]: directory[Symbol.asyncDispose],
  };
}

describe("CONFIG REWRITE", () => {
  test("writes what CONFIG SET has changed, and nothing else", async () => {
    await using file = await bench();
    await using node = await spawnNode(["--config", file.path, "--idle-timeout", "70"]);
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
    expect(await file.read()).toBe(fileText);
    await peer.ask("CONFIG", "SET", "maxclients", "200", "slave-priority", "7");
    expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
    const text = fileText.replace("max-clients 100", "max-clients 200");
    expect(await file.read()).toBe(`${text}follower-priority 7\n`);
    expect(readdirSync(file.directory)).toEqual(["node.conf"]);
  });

  test("the leader of a follower is written, read at the next start, and removed by a promotion", async () => {
    await using file = await bench();
    await using leader = await spawnNode();
    const command = ["--config", file.path, "--leaderaddr", "127.0.0.1:1"];
    {
      await using node = await spawnNode(command);
      await using peer = await Peer.connect(node.port);
      await peer.ask("REPLICAOF", "127.0.0.1", leader.port);
      expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
      expect(await peer.ask("CONFIG", "GET", "replicaof")).toBe(
        `*[$replicaof $127.0.0.1 ${leader.port}]`,
      );
    }
    {
      await using node = await spawnNode(command);
      await waitFor(async () => (await replicationField(node.port, "master_link_status")) === "up");
      expect(await replicationField(node.port, "master_port")).toBe(`${leader.port}`);
      await using peer = await Peer.connect(node.port);
      expect(await peer.ask("REPLICAOF", "NO", "ONE")).toBe("+OK");
      expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
    }
    await using node = await spawnNode(command);
    expect(await replicationField(node.port, "role")).toBe("master");
    expect(await file.read()).toStartWith(fileText);
  });

  test.each(["deleted", "emptied"])("writes all that a file said that was %s", async (fate) => {
    const said = ["listenaddr 127.0.0.1:0", "max-clients 100", "password secret", "user eve off"];
    await using file = await bench(`${said.join("\n")}\n`);
    await using node = await spawnNode(["--config", file.path]);
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("AUTH", "secret")).toBe("+OK");
    const { mode } = statSync(file.path);
    if (fate === "deleted") rmSync(file.path);
    else await Bun.write(file.path, "");
    expect(await peer.ask("CONFIG", "SET", "maxclients", "200")).toBe("+OK");
    expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
    const lines = (await file.read()).split("\n");
    expect(lines.toSorted()).toEqual(
      ["", ...said.map((line) => line.replace("100", "200"))].toSorted(),
    );
    expect(statSync(file.path).mode & 0o7).toBe(0);
    expect(mode & 0o7).toBe(0o4);
  });

  test("keeps the mode of the file, and says why a write failed", async () => {
    await using file = await bench();
    chmodSync(file.path, 0o600);
    await using node = await spawnNode(["--config", file.path]);
    await using peer = await Peer.connect(node.port);
    await peer.ask("CONFIG", "SET", "maxclients", "200");
    expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    chmodSync(file.path, 0o644);
    for (const [name, mode] of [
      ["maxclients", 0o644],
      ["requirepass", 0o640],
    ] as const) {
      await peer.ask("CONFIG", "SET", name, "300");
      expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
      expect(statSync(file.path).mode & 0o777).toBe(mode);
    }
    await Bun.write(file.path, "no-value\n");
    expect(await peer.ask("CONFIG", "REWRITE")).toStartWith("-ERR Rewriting config file: ");
    expect(await file.read()).toBe("no-value\n");
  });
});

describe("SHUTDOWN", () => {
  test.each([[["SHUTDOWN"]], [["SHUTDOWN", "NOSAVE"]], [["SHUTDOWN", "NOW", "FORCE"]]])(
    "%p ends the process in order, and the client sees the connection close",
    async (args) => {
      await using node = await spawnNode();
      await using peer = await Peer.connect(node.port);
      peer.send(...args);
      expect((await peer.raw.closed()).length).toBe(0);
      expect(await node.process.exited).toBe(0);
    },
  );

  test("SHUTDOWN saves if there is a snapshot file, and NOSAVE does not", async () => {
    await using file = await bench();
    const snapshot = join(file.directory, "dump.rdb");
    for (const [word, isThere] of [
      ["NOSAVE", false],
      ["SAVE", true],
    ] as const) {
      await using node = await spawnNode(["--snapshot-file", snapshot]);
      await using peer = await Peer.connect(node.port);
      // Refused for as long as the node loads.
      await waitFor(async () => (await peer.ask("SET", "a", "1")) === "+OK");
      peer.send("SHUTDOWN", word);
      expect(await node.process.exited).toBe(0);
      expect(await Bun.file(snapshot).exists()).toBe(isThere);
    }
  });

  test("SHUTDOWN SAVE without a snapshot file is refused, and the node keeps running", async () => {
    await using node = await spawnNode();
    await using peer = await Peer.connect(node.port);
    const refusal = "-ERR Errors trying to SHUTDOWN. Check logs.";
    expect(await peer.ask("SHUTDOWN", "SAVE")).toBe(refusal);
    expect(await peer.ask("PING")).toBe("+PONG");
  });
});
