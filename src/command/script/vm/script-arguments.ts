// The arguments of a command that a script calls, as a request: strings by their bytes, numbers as
// Redis writes them. One request and one buffer serve all calls of a VM, or of native scripts.
// Invariant: the bytes are copies, since the memory of a VM moves when it grows, and they are
// contiguous, as those of a client's request are.
// Hot path: nothing is allocated, except for numbers that are not safe integers.

import { writeInteger } from "../../../base/ascii.ts";
import { copyBytes, latin1Bytes } from "../../../base/bytes.ts";
import { scriptArgumentBytesKept } from "../../../base/limits.ts";
import { type } from "../../../lua/exports.ts";
import type { Lua } from "../../../lua/lua.ts";
import { Request } from "../../../protocol/request.ts";
import { numberText } from "./number-text.ts";

const firstBytes = 4096;
const digitsMax = 24;

export class ScriptArguments {
  readonly request: Request;
  private bytes: Uint8Array;
  private length: number;

  constructor() {
    this.request = new Request();
    this.bytes = new Uint8Array(firstBytes);
    this.length = 0;
  }

  /** Reads `count` arguments from the stack; false if one is neither a string nor a number. */
  read(lua: Lua, l: number, count: number): boolean {
    this.clear();
    for (let index = 1; index <= count; index++) {
      const kind = lua.api.lua_type(l, index);
      if (kind === type.STRING) this.addString(lua, l, index);
      else if (kind === type.NUMBER) this.addNumber(lua.api.lua_tonumber(l, index));
      else return false;
    }
    this.finish();
    return true;
  }

  clear(): void {
    this.request.argc = 0;
    this.length = 0;
  }

  /** After the last argument. */
  finish(): void {
    this.request.buf = this.bytes;
  }

  private addString(lua: Lua, l: number, index: number): void {
    lua.readString(l, index);
    this.addBytes(lua.bytes, lua.at, lua.at + lua.length);
  }

  addBytes(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    copyBytes(source, start, end, this.bytes, this.length);
    this.add(end - start);
  }

  addNumber(value: number): void {
    this.reserve(digitsMax);
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.add(writeInteger(this.bytes, this.length, value) - this.length);
      return;
    }
    const text = latin1Bytes(numberText(value));
    this.reserve(text.length);
    this.bytes.set(text, this.length);
    this.add(text.length);
  }

  private add(length: number): void {
    this.request.push(this.length, this.length + length);
    this.length += length;
  }

  private reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  /** After a script: gives back what is more than is kept. */
  shrink(): void {
    this.request.shrink();
    if (this.bytes.length <= scriptArgumentBytesKept) return;
    this.bytes = new Uint8Array(firstBytes);
    this.request.buf = this.bytes;
  }
}
