// Scripts that hold, extend and release locks, and others that change a value which is still the
// expected one. Each returns false, and has done nothing, if its arguments are not the usual ones.

import { latin1Bytes } from "../../../base/bytes.ts";
import type { Reply } from "../../../protocol/reply.ts";
import type { NativeCalls } from "./native-calls.ts";
import { type Called, call } from "./native-commands.ts";

const px = latin1Bytes("PX");
/** Longer leases are left to the VM, ms: 30 years. */
const leaseMsMax = 1e12;
const leaseSecondsMax = 1e9;

/** KEYS key; ARGV value. The key goes if it has the value: its number of removed keys, 1 or 0. */
export function unlock(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 1)) return false;
  reply.integer(c.holds(0, 0) ? c.start(call.DEL).key(0).run() : 0);
  return true;
}

/** KEYS key; ARGV old, new. The key gets the new value and no expiry if it has the old: 1 or 0. */
export function compareAndSet(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 2)) return false;
  const isEqual = c.holds(0, 0);
  if (isEqual) c.start(call.SET).key(0).argument(1).run();
  reply.integer(isEqual ? 1 : 0);
  return true;
}

/** KEYS key; ARGV value, ms. The key lives so long from now if it has the value: 1 or 0. */
export function refresh(c: NativeCalls, reply: Reply): boolean {
  return extendIn(c, reply, call.PEXPIRE, leaseMsMax);
}

/** KEYS key; ARGV value, seconds. As refresh(). */
export function refreshSeconds(c: NativeCalls, reply: Reply): boolean {
  return extendIn(c, reply, call.EXPIRE, leaseSecondsMax);
}

function extendIn(c: NativeCalls, reply: Reply, called: Called, max: number): boolean {
  if (!c.has(1, 2) || !c.isUpTo(1, max)) return false;
  const isEqual = c.holds(0, 0);
  if (isEqual) c.start(called).key(0).argument(1).run();
  reply.integer(isEqual ? 1 : 0);
  return true;
}

/** KEYS one or more; ARGV value, ms. All get the value if none is there: their number, or 0. */
export function acquireAll(c: NativeCalls, reply: Reply): boolean {
  if (!c.hasArguments(2) || !c.isUpTo(1, leaseMsMax)) return false;
  for (let key = 0; key < c.keyCount; key++) {
    if (c.start(call.EXISTS).key(key).run() === 1) {
      reply.integer(0);
      return true;
    }
  }
  return leaseAll(c, reply);
}

/** KEYS one or more; ARGV value, ms. The lease is renewed if all have the value. */
export function extendAll(c: NativeCalls, reply: Reply): boolean {
  if (!c.hasArguments(2) || !c.isUpTo(1, leaseMsMax)) return false;
  for (let key = 0; key < c.keyCount; key++) {
    if (!c.holds(key, 0)) {
      reply.integer(0);
      return true;
    }
  }
  return leaseAll(c, reply);
}

function leaseAll(c: NativeCalls, reply: Reply): boolean {
  for (let key = 0; key < c.keyCount; key++) {
    c.start(call.SET).key(key).argument(0).word(px).argument(1).run();
  }
  reply.integer(c.keyCount);
  return true;
}

/** KEYS one or more; ARGV value. Those that have the value go: their number. */
export function releaseAll(c: NativeCalls, reply: Reply): boolean {
  if (!c.hasArguments(1)) return false;
  let count = 0;
  for (let key = 0; key < c.keyCount; key++) {
    if (!c.holds(key, 0)) continue;
    c.start(call.DEL).key(key).run();
    count++;
  }
  reply.integer(count);
  return true;
}

/** KEYS key; ARGV value, seconds. Stores the value if there is none: OK, or nil. */
export function add(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 2) || !c.isUpTo(1, leaseSecondsMax)) return false;
  if (c.start(call.EXISTS).key(0).run() >= 1) {
    reply.nil();
    return true;
  }
  c.start(call.SETEX).key(0).argument(1).argument(0).run();
  reply.ok();
  return true;
}

/** KEYS key; ARGV delta. Adds to a value that is there: the sum, or nil. */
export function addToExisting(c: NativeCalls, reply: Reply): boolean {
  if (!c.has(1, 1) || Number.isNaN(c.integerOf(0)) || !c.isReadCounter(0)) return false;
  if (c.start(call.EXISTS).key(0).run() === 1) {
    reply.integer(c.start(call.INCRBY).key(0).argument(0).run());
  } else reply.nil();
  return true;
}
