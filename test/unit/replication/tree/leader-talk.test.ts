/**
 * What goes between nodes beside the stream: a leader says it between two effects or groups, and a
 * follower counts no byte of it, so that both offsets stay what the journal has. Not what is said:
 * that is in tree-report.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { treeReportBytesMax } from "../../../../src/base/limits.ts";
import { Journal, reserveJournal } from "../../../../src/journal/journal.ts";
import { Handshake } from "../../../../src/replication/follower/handshake.ts";
import { LeaderStream } from "../../../../src/replication/follower/leader-stream.ts";
import { LeaderReplication } from "../../../../src/replication/leader/leader.ts";
import { LeaderTalk } from "../../../../src/replication/tree/leader-talk.ts";
import { SmallStore } from "../../../support/small-store.ts";
import { encodeCommand } from "../../../support/wire.ts";
import { applyTo, FakeNode, FakePeer, FakeSocket, until } from "../fakes.ts";

const note = encodeCommand(["REPLCONF", "mscache-way", "text"]);
const upstream = { isFollower: false, isServing: true, streamDatabase: 0 };

async function online(tellsTree = true) {
  const node = new FakeNode();
  const leader = new LeaderReplication({ ...node, upstream, serverVersion: "7.2.4" });
  const socket = new FakeSocket();
  const link = leader.psync(socket, new FakePeer(node.clock, { eof: false, tellsTree }), "?", -1);
  const isEarly = link.interject(note);
  await until(() => link.state === "online", "the link is online");
  socket.take();
  return { node, leader, socket, link, isEarly };
}

describe("a leader", () => {
  test("says it to a follower that has all of the stream, and no offset moves", async () => {
    const { node, leader, socket, link, isEarly } = await online();
    expect(isEarly).toBe(false); // it had no snapshot yet
    node.set("a", "1");
    expect(link.interject(note)).toBe(false);
    leader.flush();
    socket.take();
    const { offset } = node.journal;
    expect(link.interject(note)).toBe(true);
    expect(socket.take()).toEqual(note);
    expect([node.journal.offset, link.position]).toEqual([offset, offset]);
  });

  test("says it neither within a group nor while the socket is full", async () => {
    const { node, leader, socket, link } = await online();
    node.journal.enter();
    expect(link.interject(note)).toBe(false);
    node.journal.leave();
    socket.room = 5;
    expect(link.interject(note)).toBe(true);
    node.set("a", "1");
    leader.flush();
    expect(link.interject(note)).toBe(false);
    socket.room = Number.POSITIVE_INFINITY;
    link.onDrain();
    expect(socket.take().toString().startsWith(note.toString())).toBe(true); // then the stream
    expect(link.position).toBe(node.journal.offset);
  });

  test("keeps what a follower of ours tells until its link ends, and nothing of another", async () => {
    const { leader, link } = await online();
    const text = "1 0123456789abcdef 0";
    link.tellTree(text);
    expect(link.told.report?.id).toBe("0123456789abcdef");
    link.onClose();
    expect(leader.heldReports.bytes).toBe(0);
    link.tellTree(text);
    expect(link.told.report).toBeNull();
    const { link: other } = await online(false);
    other.tellTree(text);
    expect(other.told.report).toBeNull();
  });
});

describe("a follower", () => {
  function streamOf(told: ((text: string) => void) | null) {
    const journal = new Journal(reserveJournal(1 << 16));
    journal.start(1000);
    const store = new SmallStore();
    const stream = new LeaderStream({
      ...{ journal, database: 0, apply: applyTo(store), acknowledge: () => {}, told },
    });
    return { journal, store, stream };
  }

  test("hears a leader of ours, byte by byte too, and counts nothing of it", () => {
    const heard: string[] = [];
    const { journal, store, stream } = streamOf((text) => heard.push(text));
    const set = encodeCommand(["SET", "a", "1"]);
    for (const byte of Buffer.concat([note, set, note])) stream.push(Buffer.of(byte));
    expect(heard).toEqual(["text", "text"]);
    expect(journal.offset).toBe(1000 + set.length);
    expect(store.get("a")?.value.toString()).toBe("1");
  });

  test("takes it from any other leader for a part of the stream", () => {
    const { journal, stream } = streamOf(null);
    stream.push(note);
    expect(journal.offset).toBe(1000 + note.length);
  });

  test.each([
    ["+OK mscache-tree", true],
    ["+OK", false],
    ["-ERR Unrecognized REPLCONF option: capa", false],
    ["+OK mscache-tree-2", false],
  ])("that is answered %j knows whether its leader is one of ours: %j", (answer, isOurs) => {
    const sent: string[] = [];
    const handshake = new Handshake(
      {
        ...{ listeningPort: 1, announceIp: "", user: "", password: "", resume: null },
        isFailover: false,
      },
      (command) => sent.push(command.join(" ")),
    );
    handshake.push(Buffer.from(`+PONG\r\n+OK\r\n${answer}\r\n`));
    expect(sent[2]).toBe("REPLCONF capa eof capa psync2 capa mscache-tree");
    expect(handshake.isOurs).toBe(isOurs);
    expect(sent[3]).toBe("PSYNC ? -1");
  });

  test("tells a leader of ours what has changed, and nothing to another or while it takes nothing", () => {
    let report = "one";
    const sent: (readonly string[])[] = [];
    const line = { unsentBytes: 0, send: (command: readonly string[]) => void sent.push(command) };
    const talk = new LeaderTalk(() => report);
    talk.tell(line);
    expect(sent).toEqual([]);
    talk.begin(true);
    talk.tell(line);
    talk.tell(line);
    expect(sent).toEqual([["REPLCONF", "mscache-tree", "one"]]);
    report = "two";
    talk.tell({ ...line, unsentBytes: 1 });
    expect(sent.length).toBe(1);
    talk.tell(line);
    expect(sent[1]).toEqual(["REPLCONF", "mscache-tree", "two"]);
    talk.hear("1 0123456789abcdef whole");
    expect(talk.told?.isWhole).toBe(true);
    talk.hear("x".repeat(treeReportBytesMax));
    expect(talk.told).toBeNull();
    talk.begin(true); // the next link knows nothing
    talk.tell(line);
    expect(sent.length).toBe(3);
  });
});
