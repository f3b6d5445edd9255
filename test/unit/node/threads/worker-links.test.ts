// Both ends of a link whose connection another thread holds, joined here by a list of messages
// instead of threads, with a socket that takes as much as a test lets it.

import { describe, expect, test } from "bun:test";
import { Session } from "../../../../src/command/terms/session.ts";
import type { Connection } from "../../../../src/node/connection/connection.ts";
import type { LinkEvent, LinkOrder } from "../../../../src/node/threads/thread-messages.ts";
import { RemoteLink, RemoteLinkSocket } from "../../../../src/node/threads/worker-links.ts";

const windowBytes = 1024 * 1024;

/** The part of a connection that a link uses. */
class FakeConnection {
  readonly session = new Session(7, "127.0.0.1:1", "127.0.0.1:2", 0, true);
  readonly written: number[] = [];
  room = Number.POSITIVE_INFINITY;
  isEnded = false;

  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    this.room -= count;
    this.written.push(...bytes.subarray(0, count));
    return count;
  }

  end(): void {
    this.isEnded = true;
  }
}

function controlEnd(address = "10.0.0.1:5000") {
  const orders: LinkOrder[] = [];
  const socket = new RemoteLinkSocket(7, address, (order) => orders.push(order));
  return { socket, orders };
}

function dataEnd(wantsData = false) {
  const connection = new FakeConnection();
  const events: LinkEvent[] = [];
  const link = new RemoteLink(connection as unknown as Connection, wantsData, (event) => {
    events.push(event);
  });
  return { connection, link, events };
}

describe("the control thread's end", () => {
  test("what is written while the link is made comes after the connection was taken over", () => {
    const { socket, orders } = controlEnd();
    expect(socket.write(Uint8Array.of(1, 2))).toBe(2);
    socket.begin(true);
    socket.write(Uint8Array.of(3));
    expect(orders).toEqual([
      { kind: "takeOver", id: 7, wantsData: true },
      { kind: "linkWrite", id: 7, bytes: Uint8Array.of(1, 2) },
      { kind: "linkWrite", id: 7, bytes: Uint8Array.of(3) },
    ]);
  });

  test("a link that ends while it is made hands over what it wrote, and ends once", () => {
    const { socket, orders } = controlEnd();
    socket.write(Uint8Array.of(1));
    socket.end();
    socket.begin(false);
    expect(orders.map(({ kind }) => kind)).toEqual(["takeOver", "linkWrite", "linkEnd"]);
  });

  test("bytes are copied: the link may use its buffer again", () => {
    const { socket, orders } = controlEnd();
    socket.begin(false);
    const buffer = Buffer.from([1, 2, 3]);
    socket.write(buffer);
    buffer.fill(0);
    expect(orders.at(-1)).toEqual({ kind: "linkWrite", id: 7, bytes: Uint8Array.of(1, 2, 3) });
  });

  test("it takes a window of bytes and no more, until half of them have left", () => {
    const { socket } = controlEnd();
    socket.begin(false);
    const chunk = new Uint8Array(windowBytes - 10);
    expect(socket.write(chunk)).toBe(windowBytes - 10);
    expect(socket.write(chunk)).toBe(10);
    expect(socket.write(chunk)).toBe(0);
    expect(socket.taken(100)).toBe(false);
    expect(socket.write(chunk)).toBe(100);
    expect(socket.taken(windowBytes / 2)).toBe(true);
    expect(socket.taken(1)).toBe(false); // nobody found it full since
  });

  test.each([
    ["127.0.0.1:5000", "127.0.0.1"],
    ["[::1]:5000", "::1"],
  ])("%s comes from %s", (address, host) => {
    expect(controlEnd(address).socket.remoteAddress).toBe(host);
  });
});

describe("the data thread's end", () => {
  test("it writes in order and reports what the socket took", () => {
    const { connection, link, events } = dataEnd();
    connection.room = 3;
    link.write(Uint8Array.of(1, 2));
    link.write(Uint8Array.of(3, 4));
    link.write(Uint8Array.of(5));
    expect(connection.written).toEqual([1, 2, 3]);
    connection.room = 10;
    link.onDrain();
    expect(connection.written).toEqual([1, 2, 3, 4, 5]);
    const taken = events.map((event) => (event.kind === "linkTaken" ? event.bytes : 0));
    expect(taken).toEqual([2, 1, 2]);
  });

  test("only a link that wants the bytes that come gets them", () => {
    const chunk = Uint8Array.of(1);
    expect(dataEnd(false).link.onData).toBeUndefined();
    const { link, events } = dataEnd(true);
    link.onData?.(chunk);
    expect(events).toEqual([{ kind: "linkData", id: 7, chunk }]);
  });

  test("the end of either side reaches the other", () => {
    const { connection, link, events } = dataEnd();
    link.end();
    expect(connection.isEnded).toBe(true);
    link.onClose();
    expect(events).toEqual([{ kind: "linkClosed", id: 7 }]);
  });

  test("activity is reported once for each change", () => {
    const { connection, link, events } = dataEnd();
    link.reportActivity();
    connection.session.lastActiveMs = 99;
    link.reportActivity();
    link.reportActivity();
    expect(events).toEqual([{ kind: "linkActive", id: 7, atMs: 99 }]);
  });
});
