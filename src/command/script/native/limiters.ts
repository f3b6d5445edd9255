// Scripts that count requests in a window of time. Each returns false, and has done nothing, if its
// arguments or the counter are not plain numbers. A count is a number of Lua: a double, which a
// reply truncates.

import { latin1Bytes } from "../../../base/bytes.ts";
import type { Reply } from "../../../protocol/reply.ts";
import { truncated } from "../vm/result.ts";
import type { NativeCalls } from "./native-calls.ts";
import { call } from "./native-commands.ts";

const px = latin1Bytes("PX");
const ex = latin1Bytes("EX");
const nx = latin1Bytes("NX");
const one = latin1Bytes("1");
const yes = latin1Bytes("true");

/** Longer windows are left to the VM: 30 years. */
const windowMsMax = 1e12;
const windowSecondsMax = 1e9;
const countMax = 1e15;

/** KEYS counter; ARGV window ms. The window begins with its first request: count, ms left. */
export function fixedWindow(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 1) || !c.isUpTo(0, windowMsMax) || !c.isReadCounter(0)) return false;
  const leftMs = c.start(call.PTTL).key(0).run();
  if (leftMs > 0) return pair(reply, c.start(call.INCR).key(0).run(), leftMs);
  const windowMs = c.integerOf(0);
  c.start(call.SET).key(0).number(1).word(px).number(windowMs).run();
  return pair(reply, 1, windowMs);
}

/** KEYS counter. Its value, or nil, and PTTL. */
export function readWindow(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 0)) return false;
  reply.array(2);
  c.start(call.GET).key(0).runInto(reply);
  c.start(call.PTTL).key(0).runInto(reply);
  return true;
}

/** KEYS counter; ARGV points, seconds. Adds points, in a window from the first: sum, ms left. */
export function consume(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 2) || Number.isNaN(c.integerOf(0))) return false;
  if (!c.isUpTo(1, windowSecondsMax) || !c.isCounter(0)) return false;
  c.start(call.SET).key(0).number(0).word(ex).argument(1).word(nx).run();
  const consumed = c.start(call.INCRBY).key(0).argument(0).run();
  const leftMs = c.start(call.PTTL).key(0).run();
  if (leftMs !== -1) return pair(reply, consumed, leftMs);
  c.start(call.EXPIRE).key(0).argument(1).run();
  return pair(reply, consumed, 1000 * c.integerOf(1));
}

/**
 * KEYS counter; ARGV window ms, most, "true" to begin the window again with each request above it,
 * "true" for a backoff, which is left to the VM. Count, ms left.
 */
export function countUpTo(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 4) || !c.isUpTo(0, windowMsMax) || !c.isUpTo(1, countMax)) return false;
  if (c.isText(3, yes) || !c.mayAdd(0)) return false;
  const count = c.start(call.INCR).key(0).run();
  const begins = count === 1 || (count > c.integerOf(1) && c.isText(2, yes));
  if (!begins) return pair(reply, count, c.start(call.PTTL).key(0).run());
  const windowMs = c.integerOf(0);
  c.start(call.PEXPIRE).key(0).number(windowMs).run();
  return pair(reply, count, windowMs);
}

/** KEYS counter; ARGV "1" to begin the window again, window ms. Count, ms left. */
export function countAndReset(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 2) || !c.isUpTo(1, windowMsMax) || !c.mayAdd(0)) return false;
  const count = c.start(call.INCR).key(0).run();
  const leftMs = c.start(call.PTTL).key(0).run();
  if (leftMs > 0 && !c.isText(0, one)) return pair(reply, count, leftMs);
  const windowMs = c.integerOf(1);
  c.start(call.PEXPIRE).key(0).number(windowMs).run();
  return pair(reply, count, windowMs);
}

/** KEYS counter; ARGV seconds, amount. The window begins with the first amount: the sum. */
export function addInWindow(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 2) || !c.isUpTo(0, windowSecondsMax)) return false;
  if (!c.isUpTo(1, countMax) || !c.mayAdd(0)) return false;
  const amount = c.integerOf(1);
  const sum = c.start(call.INCRBY).key(0).number(amount).run();
  if (sum === amount) c.start(call.EXPIRE).key(0).argument(0).run();
  reply.integer(truncated(sum));
  return true;
}

/** KEYS counter; ARGV seconds. The window begins with the first request: the count. */
export function countSeconds(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 1) || !c.isUpTo(0, windowSecondsMax) || !c.mayAdd(0)) return false;
  const count = c.start(call.INCR).key(0).run();
  if (count === 1) c.start(call.EXPIRE).key(0).argument(0).run();
  reply.integer(truncated(count));
  return true;
}

/**
 * KEYS hits, block; ARGV a name, window ms, most hits, block ms. Above the most hits the client is
 * blocked: hits, ms left, whether blocked, ms of the block left.
 */
export function throttle(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(2, 4) || !c.isUpTo(1, windowMsMax) || !c.isUpTo(2, countMax)) return false;
  if (!c.isUpTo(3, windowMsMax) || !c.mayAdd(0)) return false;
  const windowMs = c.integerOf(1);
  let hits = c.start(call.INCR).key(0).run();
  let leftMs = c.start(call.PTTL).key(0).run();
  if (leftMs <= 0) {
    c.start(call.PEXPIRE).key(0).number(windowMs).run();
    leftMs = windowMs;
  }
  let blockMs = 0;
  let isBlocked = c.isThere(1);
  if (isBlocked) blockMs = c.start(call.PTTL).key(1).run();
  else if (hits > c.integerOf(2)) {
    blockMs = c.integerOf(3);
    c.start(call.SET).key(1).number(1).word(px).number(blockMs).run();
    isBlocked = true;
  }
  if (isBlocked && blockMs <= 0) {
    c.start(call.DEL).key(1).run();
    c.start(call.SET).key(0).number(1).word(px).number(windowMs).run();
    hits = 1;
    leftMs = windowMs;
    isBlocked = false;
  }
  reply.array(4);
  reply.integer(truncated(hits));
  reply.integer(leftMs);
  reply.integer(isBlocked ? 1 : 0);
  reply.integer(blockMs);
  return true;
}

function pair(reply: Reply, count: number, ms: number): true {
  reply.array(2);
  reply.integer(truncated(count));
  reply.integer(ms);
  return true;
}
