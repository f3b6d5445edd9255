/**
 * The reply of a muted connection: which parts of a reply pass. conformance/reply-order.test.ts
 * tests that confirmations and messages pass in a running node.
 */
import { expect, test } from "bun:test";
import { errorReply } from "../../../src/base/errors.ts";
import { Output } from "../../../src/base/output.ts";
import { MutedReply } from "../../../src/protocol/muted-reply.ts";
import { RespReply } from "../../../src/protocol/resp/resp-reply.ts";

const bytes = new Uint8Array([0x63]);

function heard(answer: (reply: MutedReply, turn: (isMuted: boolean) => void) => void): string {
  const out = new Output(16);
  let isMuted = true;
  answer(new MutedReply(new RespReply(out), () => isMuted), (value) => {
    isMuted = value;
  });
  return Buffer.from(out.view()).toString("latin1");
}

test("replies of every kind are dropped", () => {
  const text = heard((reply) => {
    reply.array(2);
    reply.map(1);
    reply.set(1);
    reply.ok();
    reply.simple("QUEUED");
    reply.error(errorReply("no"));
    reply.integer(1);
    reply.bulk(bytes, 0, 1);
    reply.text("t");
    reply.verbatim("v");
    reply.nil();
    reply.nilArray();
    reply.boolean(true);
    reply.double(1);
  });
  expect(text).toBe("");
});

test("a push passes with its elements, and nothing around it does", () => {
  const text = heard((reply) => {
    reply.integer(7);
    for (const count of [1, 2]) {
      reply.push(3);
      reply.text("subscribe");
      reply.bulk(bytes, 0, 1);
      reply.integer(count);
    }
    reply.integer(8);
  });
  const push = (count: number) => `*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:${count}\r\n`;
  expect(text).toBe(push(1) + push(2));
});

test("replies pass after they were turned on again", () => {
  const text = heard((reply, turn) => {
    reply.array(2);
    turn(false);
    reply.ok();
    reply.integer(1);
    turn(true);
    reply.integer(2);
  });
  expect(text).toBe("+OK\r\n:1\r\n");
});
