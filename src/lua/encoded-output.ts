// The bytes that an encoder of a script writes, before they become a string of Lua. One buffer
// serves all calls of a VM: an encoder calls no code of a script, so no two are at work at once.
// Invariant: room is made before a byte is written, and a buffer beyond what is kept is let go.
// Hot path: byte() and text() run for every piece of a value.

import { copyBytes } from "../base/bytes.ts";
import { encodedBytesKept, encodedBytesMax } from "../base/limits.ts";
import type { Lua } from "./lua.ts";

const firstBytes = 4096;
const valuesPerCheck = 0xfff;

export class Output {
  bytes: Uint8Array;
  length: number;
  private readonly lua: Lua;
  private values: number;

  constructor(lua: Lua) {
    this.lua = lua;
    this.bytes = new Uint8Array(firstBytes);
    this.length = 0;
    this.values = 0;
  }

  clear(): void {
    this.length = 0;
    this.values = 0;
    if (this.bytes.length > encodedBytesKept) this.bytes = new Uint8Array(firstBytes);
  }

  /** Makes room for `more` bytes. */
  reserve(l: number, more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    if (needed > encodedBytesMax) this.lua.raiseText(l, "not enough memory");
    this.lua.checkTime(l);
    const grown = new Uint8Array(Math.min(needed * 2, encodedBytesMax));
    copyBytes(this.bytes, 0, this.length, grown, 0);
    this.bytes = grown;
  }

  /** To be called for each value: a table may refer to others without end. */
  count(l: number): void {
    if ((++this.values & valuesPerCheck) === 0) this.lua.checkTime(l);
  }

  byte(l: number, byte: number): void {
    if (this.length === this.bytes.length) this.reserve(l, 1);
    this.bytes[this.length++] = byte;
  }

  /** Characters up to U+007F. */
  text(l: number, text: string): void {
    this.reserve(l, text.length);
    let at = this.length;
    for (let i = 0; i < text.length; i++) this.bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** A part of the VM's memory. */
  copy(l: number, start: number, length: number): void {
    this.reserve(l, length);
    copyBytes(this.lua.bytes, start, start + length, this.bytes, this.length);
    this.length += length;
  }

  /** A part of bytes that are not in the VM's memory. */
  part(l: number, bytes: Uint8Array, start: number, end: number): void {
    this.reserve(l, end - start);
    copyBytes(bytes, start, end, this.bytes, this.length);
    this.length += end - start;
  }

  /** Pushes what was written. */
  push(l: number): void {
    this.lua.pushBytes(l, this.bytes, 0, this.length);
  }
}
