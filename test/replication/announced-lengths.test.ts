/**
 * A leader, or a file, that announces more than it sends: the node refuses the value by its header,
 * counts it, and takes no memory for it. For the reader byte by byte, see unit/rdb.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { caseMsMax, temporaryDirectory, waitFor } from "../harness.ts";
import { infoField, start } from "../persistence/bed.ts";
import { replicationField } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { peakBytes, residentBytes, tellsMemory } from "../support/process-memory.ts";
import { ScriptedLeader } from "../support/scripted-leader.ts";
import { ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const MiB = 1 << 20;
const bombs = 4;
/** 24 MB of values that say they are half a gigabyte each, and one that is none. */
const snapshot = Buffer.concat([
  Buffer.from("REDIS0009\xfe\0", "latin1"),
  ...Array.from({ length: bombs }, (_, i) => bomb(`bomb${i}`)),
  Buffer.from("\0\x05plain\x05value\xff\0\0\0\0\0\0\0\0", "latin1"),
]);

function bomb(key: string): Buffer {
  const packed = Buffer.alloc(6_200_000);
  const lengths = Buffer.alloc(11, "\xc3\x80____\x80", "latin1");
  lengths.writeUInt32BE(packed.length, 2);
  lengths.writeUInt32BE((1 << 29) - 1, 7);
  return Buffer.concat([Buffer.from([0, key.length]), Buffer.from(key), lengths, packed]);
}

function fullSync(payload: Buffer, behind: Buffer | string = ""): Buffer {
  const head = `+FULLRESYNC ${"5eed".repeat(10)} 1\r\n$${payload.length}\r\n`;
  return Buffer.concat([Buffer.from(head), payload, Buffer.from(behind)]);
}

test.skipIf(!tellsMemory)(
  "a leader's packed values that are too large are refused by their headers",
  async () => {
    await using leader = await ScriptedLeader.start(() => {
      return { bytes: fullSync(snapshot), staysOpen: true };
    });
    await using node = await ours.start();
    const before = residentBytes(node.process.pid);
    await using peer = await Peer.connect(node.port);
    await peer.ask("REPLICAOF", "127.0.0.1", `${leader.port}`);
    const status = () => replicationField(node.port, "master_link_status");
    await waitFor(async () => (await status()) === "up");
    expect(await peer.ask("GET", "plain")).toBe("$value");
    expect(await replicationField(node.port, "mscache_sync_refused_items")).toBe(`${bombs}`);
    expect(peakBytes(node.process.pid) - before).toBeLessThan(160 * MiB);
  },
);

test.skipIf(!tellsMemory)(
  "a file's packed values that are too large are refused by their headers",
  async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "dump.rdb");
    await Bun.write(path, snapshot);
    await using node = await start(path);
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("GET", "plain")).toBe("$value");
    expect(await infoField(node.port, "mscache_last_load_refused_items")).toBe(`${bombs}`);
    expect(peakBytes(node.process.pid)).toBeLessThan(300 * MiB);
  },
);

test.skipIf(!tellsMemory)(
  "an argument of a stream that is announced but not sent takes no memory",
  async () => {
    const empty = Buffer.from("REDIS0009\xff\0\0\0\0\0\0\0\0", "latin1");
    const announced = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nonly this much";
    await using leader = await ScriptedLeader.start(() => {
      return { bytes: fullSync(empty, announced), staysOpen: true };
    });
    await using node = await ours.start();
    const before = residentBytes(node.process.pid);
    await using peer = await Peer.connect(node.port);
    await peer.ask("REPLICAOF", "127.0.0.1", `${leader.port}`);
    const status = () => replicationField(node.port, "master_link_status");
    await waitFor(async () => (await status()) === "up");
    expect(await peer.ask("PING")).toBe("+PONG");
    expect(peakBytes(node.process.pid) - before).toBeLessThan(64 * MiB);
  },
);
