// Transactions on a test bed: their effects in the journal, WATCH, and that they end. Their
// replies are compared with redis-server in conformance/transactions.test.ts.

import { beforeEach, describe, expect, test } from "bun:test";
import { Output } from "../../../../src/base/output.ts";
import { execute } from "../../../../src/command/run/execute.ts";
import { find } from "../../../../src/command/table.ts";
import { enqueue, isQueued } from "../../../../src/command/transaction/transaction.ts";
import { RespReply } from "../../../../src/protocol/resp/resp-reply.ts";
import { type Argument, Bed, latin1, now, ok, request } from "../bed.ts";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

/** As a connection does it: an open transaction takes what is not its own end. */
function send(...args: Argument[]): string {
  const out = new Output(64);
  const reply = new RespReply(out);
  const asked = request(...args);
  const command = find(asked);
  if (command === undefined) throw new Error(`no command ${args[0]}`);
  if (bed.session.transaction !== null && isQueued(command)) enqueue(bed.x, command, asked, reply);
  else execute(bed.x, command, asked, reply);
  return latin1(out.view());
}

function sendAll(...lines: string[]): string {
  return lines.map((line) => send(...line.split(" "))).join("");
}

/** Another connection's write, between two commands of this one. */
function elsewhere(...args: Argument[]): void {
  const own = bed.session.transaction;
  bed.session.transaction = null;
  send(...args);
  bed.session.transaction = own;
}

const queued = "+QUEUED\r\n";
const conflict = "*-1\r\n";

describe("the journal", () => {
  test("holds the effects of a transaction as one group", () => {
    sendAll("MULTI", "SET a 1", "INCR a", "GET a", "DEL none", "EXEC");
    expect(bed.recorded()).toEqual(["MULTI", "SET a 1", "SET a 2", "EXEC"]);
  });

  test("holds nothing of a transaction that changes nothing, or is discarded, or fails", () => {
    sendAll(
      "MULTI",
      "GET a",
      "EXEC",
      "MULTI",
      "SET a 1",
      "DISCARD",
      "MULTI",
      "SET a 1",
      "SET",
      "EXEC",
    );
    expect(bed.recorded()).toEqual([]);
  });

  test("holds the group of the commands that succeeded when others of the transaction failed", () => {
    sendAll("SET text x", "MULTI", "SET a 1", "INCR text", "SET b 2", "EXEC");
    expect(bed.recorded()).toEqual(["SET text x", "MULTI", "SET a 1", "SET b 2", "EXEC"]);
  });

  test("is free for the next command after a transaction", () => {
    sendAll("MULTI", "SET a 1", "EXEC", "SET b 2");
    expect(bed.recorded().at(-1)).toBe("SET b 2");
    bed.journal.invariants();
  });
});

describe("a queued command", () => {
  test("keeps its arguments when the input buffer is reused", () => {
    send("MULTI");
    const asked = request("SET", "key", "value");
    const command = find(asked);
    if (command === undefined) throw new Error("no SET");
    enqueue(bed.x, command, asked, new RespReply(new Output(64)));
    asked.buf.fill(0);
    send("EXEC");
    expect(send("GET", "key")).toBe("$5\r\nvalue\r\n");
  });

  test("is refused on a follower, and the transaction fails with it", () => {
    send("MULTI");
    bed.standing.follow("10.0.0.1:5000");
    expect(send("SET", "a", "1")).toStartWith("-READONLY ");
    expect(send("EXEC")).toBe("-EXECABORT Transaction discarded because of previous errors.\r\n");
  });

  test("does not run if the node has become a follower meanwhile", () => {
    sendAll("MULTI", "SET a 1");
    bed.standing.follow("10.0.0.1:5000");
    const reason =
      "READONLY You can't write against a read only replica. Its leader is 10.0.0.1:5000.";
    expect(send("EXEC")).toBe(`-EXECABORT Transaction discarded because of: ${reason}\r\n`);
    expect(send("EXEC")).toBe("-ERR EXEC without MULTI\r\n");
    bed.standing.follow(null);
    expect(send("GET", "a")).toBe("$-1\r\n");
  });
});

describe("WATCH", () => {
  const guarded = (): string => sendAll("MULTI", "GET a", "EXEC");

  test.each([
    ["is written", () => elsewhere("SET", "a", "2")],
    ["is written with the same value", () => elsewhere("SET", "a", "1")],
    ["is deleted", () => elsewhere("DEL", "a")],
    ["gets a time", () => elsewhere("EXPIRE", "a", "100")],
    ["goes by FLUSHALL", () => elsewhere("FLUSHALL")],
  ])("fails the transaction when its key %s", (_, change) => {
    sendAll("SET a 1", "WATCH a");
    change();
    expect(guarded()).toBe(ok + queued + conflict);
    expect(guarded()).not.toContain(conflict);
  });

  test("fails the transaction when its key is created", () => {
    send("WATCH", "a");
    elsewhere("SET", "a", "1");
    expect(guarded()).toBe(ok + queued + conflict);
  });

  test("fails the transaction when its key has expired, even if no command has accessed it since", () => {
    sendAll("SET a 1 PX 100", "WATCH a");
    bed.x.now = now + 101;
    expect(guarded()).toBe(ok + queued + conflict);
  });

  test("ignores the removal of a key that had already expired", () => {
    sendAll("SET a 1 PX 100");
    bed.x.now = now + 101;
    send("WATCH", "a");
    expect(guarded()).toBe(`${ok + queued}*1\r\n$-1\r\n`);
  });

  test("ignores reads and the transaction's own writes", () => {
    sendAll("SET a 1", "WATCH a", "GET a", "MULTI", "SET a 2");
    expect(send("EXEC")).toBe(`*1\r\n${ok}`);
  });

  test.each(["UNWATCH", "DISCARD", "EXEC"])("is over after %s", (end) => {
    sendAll("SET a 1", "WATCH a");
    if (end !== "UNWATCH") send("MULTI");
    send(end);
    elsewhere("SET", "a", "2");
    expect(guarded()).toBe(`${ok + queued}*1\r\n$1\r\n2\r\n`);
  });
});
