// What threads say to each other survives the structured clone that a message is, and comes back to
// life as what it was.

import { describe, expect, test } from "bun:test";
import { Session } from "../../../../src/command/terms/session.ts";
import { pack } from "../../../../src/node/threads/packed-requests.ts";
import {
  changesOf,
  commandOf,
  reviveRequest,
  reviveSession,
  summaryOf,
} from "../../../../src/node/threads/thread-messages.ts";
import { mscache } from "../../../../src/protocol/mscache/protocol.ts";
import { Request } from "../../../../src/protocol/request.ts";
import { resp } from "../../../../src/protocol/resp/protocol.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function someSession(): Session {
  const session = new Session(42, "127.0.0.1:1000", "127.0.0.1:5000", 1234, true);
  session.name = "somebody";
  session.protocol = 3;
  session.replconf.listeningPort = 7000;
  session.replconf.eof = true;
  const request = Request.of([bytes("INCR"), bytes("k")]);
  const other = Request.of([bytes("GET"), bytes("other")]);
  session.transaction = { requests: [request, other], bytes: 5, flags: 0, failed: false };
  session.watched = {
    keys: new Map([["\0k", { version: 1, clears: 0, generation: 0, lived: true, handle: 7 }]]),
    bytes: 1,
  };
  return session;
}

describe("a session", () => {
  test("arrives with all that it has, a queued transaction included", () => {
    const session = someSession();
    const requests = session.transaction?.requests ?? [];
    const clone = structuredClone({ ...summaryOf(session), watched: session.watched }) as Session;
    const revived = reviveSession(clone, structuredClone(pack(requests)));
    expect(revived).toBeInstanceOf(Session);
    expect(revived.watched).toEqual(session.watched);
    expect(revived.transaction?.bytes).toBe(5);
    const texts = revived.transaction?.requests.map((it) => [it.text(0), it.text(1)]);
    expect(texts).toEqual([
      ["INCR", "k"],
      ["GET", "other"],
    ]);
  });

  test("is reported without what it has queued and watched", () => {
    const summary = reviveSession(structuredClone(summaryOf(someSession())));
    expect(summary.name).toBe("somebody");
    expect(summary.transaction?.requests).toEqual([]);
    expect(summary.transaction?.bytes).toBe(5);
    expect(summary.watched?.keys.size).toBe(0);
  });

  test("tells what a command changed in it, and nothing else", () => {
    const before = structuredClone(someSession());
    const after = reviveSession(structuredClone(before));
    expect(changesOf(before, after)).toEqual({});
    after.kind = "follower";
    after.closing = true;
    after.transaction = null;
    const changes = { kind: "follower", closing: true, transaction: null } as const;
    expect(changesOf(before, after)).toEqual(changes);
  });
});

describe("a request", () => {
  test("arrives with its arguments", () => {
    const request = Request.of([bytes("CONFIG"), bytes("GET"), new Uint8Array([0, 255])]);
    const revived = reviveRequest(structuredClone(request));
    expect(revived.argc).toBe(3);
    expect([revived.text(0), revived.text(1)]).toEqual(["CONFIG", "GET"]);
    expect(revived.bytes(2)).toEqual(new Uint8Array([0, 255]));
  });

  test("is found in the table by its name, and in the binary protocol by its opcode", () => {
    const list = Request.of([bytes("client"), bytes("LIST")]);
    expect(commandOf(list, resp).name).toBe("client|list");
    const join = Request.of([Uint8Array.of(4)]);
    expect(commandOf(join, mscache).name).toBe("mscache|join");
    expect(() => commandOf(Request.of([bytes("nonsense")]), resp)).toThrow("nonsense");
  });
});
