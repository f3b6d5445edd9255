// The scripts that were found lately, by the bytes that clients send: their SHA1 or their text. So
// most calls find their script without a string and without a hash of the text.
// Hot path: find(): no allocation.

import { sameBytes } from "../../base/bytes.ts";
import type { Script } from "../core/script-record.ts";

/** A power of two. Two scripts of one slot displace each other. */
const slotCount = 64;

export class RecentScripts {
  private readonly slots: (Script | null)[];
  private readonly keyOf: (script: Script) => Uint8Array;

  constructor(keyOf: (script: Script) => Uint8Array) {
    this.slots = new Array(slotCount).fill(null);
    this.keyOf = keyOf;
  }

  find(buf: Uint8Array, start: number, end: number): Script | null {
    const script = this.slots[slotOf(buf, start, end)];
    if (script === null) return null;
    const key = this.keyOf(script);
    if (key.length !== end - start) return null;
    return sameBytes(key, 0, buf, start, key.length) ? script : null;
  }

  note(script: Script, buf: Uint8Array, start: number, end: number): void {
    this.slots[slotOf(buf, start, end)] = script;
  }

  /** A script is gone. */
  clear(): void {
    this.slots.fill(null);
  }
}

function slotOf(buf: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 4) return length;
  const middle = start + (length >> 1);
  const mixed = length + 3 * buf[start] + 5 * buf[middle] + 7 * buf[middle + 1] + 11 * buf[end - 2];
  return mixed & (slotCount - 1);
}
