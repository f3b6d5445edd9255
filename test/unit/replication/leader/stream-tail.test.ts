/**
 * Followers that do not read, many at once and each at its own place in the stream: what the
 * journal has no longer is kept once for all of them, goes back when the last has taken it, and
 * each gets every byte.
 */
import { expect, test } from "bun:test";
import { LeaderReplication } from "../../../../src/replication/leader/leader.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { FakeNode, FakePeer, FakeSocket, until } from "../fakes.ts";

const MiB = 1 << 20;
const seed = seedFor("TAIL_SEED");

class Bed {
  readonly node: FakeNode;
  readonly leader: LeaderReplication;
  /** The whole stream, read before the journal forgets it. */
  stream = Buffer.alloc(0);

  constructor(journalBytes: number) {
    this.node = new FakeNode(journalBytes);
    this.leader = new LeaderReplication({
      ...this.node,
      upstream: { isFollower: false, isServing: true, streamDatabase: 0 },
      serverVersion: "7.2.4",
    });
  }

  async online() {
    const socket = new FakeSocket();
    const peer = new FakePeer(this.node.clock, { eof: false });
    const link = this.leader.psync(socket, peer, "?", -1);
    await until(() => link.state === "online", "the link is online");
    socket.take();
    return { socket, link, position: link.position };
  }

  resumed(position: number) {
    const socket = new FakeSocket();
    socket.room = 0;
    const peer = new FakePeer(this.node.clock);
    const link = this.leader.psync(socket, peer, this.node.history.replid, position + 1);
    expect(link.state).toBe("online");
    return { socket, link, position };
  }

  write(bytes: number): void {
    this.node.set("k", Buffer.alloc(bytes, "x"));
    this.leader.flush();
  }
}

test("twenty followers that never read cost what one does, and nothing when they are gone", async () => {
  const bed = new Bed(MiB);
  const stalled = [];
  for (let i = 0; i < 20; i++) {
    stalled.push(await bed.online());
    stalled[i].socket.room = 0;
    bed.write(100_000);
  }
  for (let i = 0; i < 50; i++) bed.write(MiB);
  expect(bed.leader.queuedBytes).toBeLessThan(54 * MiB);
  expect(bed.leader.queuedBytes).toBeGreaterThan(50 * MiB);
  for (const { link } of stalled.slice(1)) link.onClose();
  expect(bed.leader.queuedBytes).toBeGreaterThan(50 * MiB);
  stalled[0].link.onClose();
  expect(bed.leader.queuedBytes).toBe(0);
  expect(bed.node.journal.needed).toBe(Number.POSITIVE_INFINITY);
});

test("what was taken by all goes back, while the last still reads", async () => {
  const bed = new Bed(MiB);
  const slow = await bed.online();
  slow.socket.room = 0;
  for (let i = 0; i < 20; i++) bed.write(MiB);
  const before = bed.leader.queuedBytes;
  slow.socket.room = 10 * MiB;
  slow.link.onDrain();
  bed.leader.flush();
  expect(bed.leader.queuedBytes).toBeLessThan(before - 9 * MiB);
});

test("one that resumes behind all others gets every byte", async () => {
  const bed = new Bed(4 * MiB);
  await bed.online();
  const start = bed.node.journal.offset;
  bed.write(MiB);
  const slow = await bed.online();
  slow.socket.room = 0;
  for (let i = 0; i < 5; i++) bed.write(MiB / 2);
  // Now the tail begins at `slow`, and the journal still has what was before.
  const late = bed.resumed(start);
  for (let i = 0; i < 10; i++) bed.write(MiB);
  for (const { socket, link } of [slow, late]) {
    socket.take();
    socket.room = Number.POSITIVE_INFINITY;
    link.onDrain();
    bed.leader.flush();
    expect(link.position).toBe(bed.node.journal.offset);
  }
  expect(late.socket.received.length).toBeGreaterThan(slow.socket.received.length);
  expect(late.socket.received.subarray(-slow.socket.received.length)).toEqual(slow.socket.received);
  expect(bed.leader.queuedBytes).toBe(0);
});

test("followers that read by fits and starts all get the same stream", async () => {
  const random = new Random(seed);
  const bed = new Bed(64 * 1024);
  const followers = [];
  for (let i = 0; i < 5; i++) followers.push(await bed.online());
  const [reference, ...others] = followers;
  for (let round = 0; round < 2_000; round++) {
    bed.write(random.below(5_000));
    for (const { socket, link } of others) {
      socket.room = random.chance(0.3) ? random.below(200_000) : 0;
      if (random.chance(0.5)) link.onDrain();
    }
    expect(bed.node.journal.needed).toBeGreaterThanOrEqual(bed.node.journal.first);
  }
  for (const { socket, link, position } of others) {
    socket.room = Number.POSITIVE_INFINITY;
    link.onDrain();
    expect(socket.received.length).toBe(bed.node.journal.offset - position);
    const start = position - reference.position;
    expect(Buffer.compare(socket.received, reference.socket.received.subarray(start))).toBe(0);
  }
});
