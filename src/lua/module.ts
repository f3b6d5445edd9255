// The module of Lua 5.1.5 in WebAssembly, as `wasmoon-lua5.1` builds it: its bytes, checked against
// their hash, and the few functions of a system that it imports. The package's own JavaScript is
// not used: its strings are UTF-8, and it starts asynchronously. Files, processes and the
// environment are not there: what would reach them fails.
// Invariant: nothing is read or compiled before the first call of instantiate().

import { readFileSync } from "node:fs";
import path from "wasmoon-lua5.1/dist/liblua5.1.wasm" with { type: "file" };
import { wallClockMs } from "../base/clock.ts";
import { numeralBytesMax } from "../base/limits/script-limits.ts";
import type { LuaExports } from "./exports.ts";
import { type Jumps, makeJumps } from "./jumps.ts";
import { constant } from "./wasm-code.ts";

/** SHA-256 of the module of wasmoon-lua5.1 1.18.10. */
const expectedHash = "cba969b97e8a319eba8996b5df488aed5cdd22a56f2de53b42598e474014e610";
/**
 * Lua 5.1 hashes 32 characters of a string at most: every `length >> 5` plus one. Redis's hashes
 * all, so that strings of a client's choice do not collide, and so its tables have their keys in
 * another order. Here is the constant of that shift; by 20 bits, all characters of a string below
 * 1 MiB count, and a million of a longer one: hashing all was most of what joining strings of 100
 * MB took, and too few of those have room to collide.
 */
const hashShiftAt = 108_405;
const wholeStringShift = 20;
/**
 * `0x` alone is no number in Redis. Where strtod() has stopped at an x, Lua asks strtoul(), which
 * takes it for 0 here (musl). As strtod() reads hexadecimal numbers itself, that never helps, so
 * the x that Lua compares with becomes a character that does not occur: a letter without bit 5.
 */
const hexLetterAt = 82_192;
const neverLetter = 0xd8;
/**
 * strtod() reads a text to its end, which it takes to be at -1, and has shlim() limit that to 0
 * characters: not at all. Here are these two numbers. Others are longer, so the sizes of the
 * function and of all code, whose last seven bits are here, grow by as much.
 */
const textEndAt = 82_034;
const numeralLimitAt = 82_046;
const sizesAround = [4_106, 81_980];
const endOfAddresses = 0x7fff_ffff;
const pageBytes = 64 * 1024;

type ModuleImports = Record<string, (...args: number[]) => unknown>;

/** A thread compiles the module once (46 ms), also if its VM is replaced later. */
let compiled: WebAssembly.Module | null = null;

export interface Instance {
  api: LuaExports;
  /** The memory, as bytes and as 32-bit words. New views each time that it grows. */
  bytes: Uint8Array;
  words: Int32Array;
  onGrowth: () => void;
}

/** A new instance, whose memory ends at `memoryBytesMax`: then an allocation fails. */
export function instantiate(memoryBytesMax: number): Instance {
  compiled ??= new WebAssembly.Module(moduleBytes());
  const instance = {
    api: notYet,
    bytes: new Uint8Array(0),
    words: new Int32Array(0),
    onGrowth: () => undefined,
  };
  const jumps = makeJumps();
  const { exports } = new WebAssembly.Instance(compiled, system(instance, memoryBytesMax, jumps));
  instance.api = exports as unknown as LuaExports;
  jumps.follow(instance.api);
  renewViews(instance);
  instance.api.__wasm_call_ctors();
  return instance;
}

/** A view is kept, because a new one counts as new memory: making one took 80 us (measured). */
function renewViews(instance: Instance): void {
  const { buffer } = instance.api.memory;
  instance.bytes = new Uint8Array(buffer);
  instance.words = new Int32Array(buffer);
}

/** The imports refer to the exports, which the instance gives. */
const notYet = null as unknown as LuaExports;

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(readFileSync(path));
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  if (hash !== expectedHash) throw new Error(`${path} is not the Lua that was tested: ${hash}`);
  bytes[hashShiftAt] = wholeStringShift;
  bytes[hexLetterAt] = neverLetter;
  const end = constant(endOfAddresses).slice(1);
  const limit = constant(numeralBytesMax).slice(1);
  for (const at of sizesAround) bytes[at] += end.length + limit.length - 2;
  const before = bytes.subarray(0, textEndAt);
  const between = bytes.subarray(textEndAt + 1, numeralLimitAt);
  return concatenated([before, end, between, limit, bytes.subarray(numeralLimitAt + 1)]);
}

function concatenated(parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const nothing = () => undefined;
const zero = () => 0;
const fails = () => -1;

function system(
  instance: Instance,
  memoryBytesMax: number,
  jumps: Jumps,
): Record<string, ModuleImports> {
  return {
    env: {
      exit: (code: number) => {
        throw new Error(`Lua has ended itself with code ${code}`);
      },
      invoke_vii: jumps.invoke,
      _emscripten_throw_longjmp: jumps.jump,
      ...memory(instance, memoryBytesMax),
      emscripten_date_now: wallClockMs,
      ...named(["_emscripten_get_now_is_monotonic", "strftime", "_emscripten_system"], zero),
      ...named(["_tzset_js", "_localtime_js", "_gmtime_js"], nothing),
      _mktime_js: fails,
      ...named(["__syscall_openat", "__syscall_fcntl64", "__syscall_ioctl"], fails),
      ...named(["__syscall_dup3", "__syscall_unlinkat", "__syscall_rmdir"], fails),
      ...named(["__syscall_renameat", "__syscall_readlinkat"], fails),
    },
    wasi_snapshot_preview1: {
      ...named(["fd_write", "fd_read", "fd_close", "fd_seek"], fails),
      environ_sizes_get: (countAt: number, bytesAt: number) => {
        instance.words[countAt >> 2] = 0;
        instance.words[bytesAt >> 2] = 0;
        return 0;
      },
      environ_get: zero,
    },
  };
}

function named(names: readonly string[], result: () => unknown): ModuleImports {
  return Object.fromEntries(names.map((name) => [name, result]));
}

function memory(instance: Instance, memoryBytesMax: number): ModuleImports {
  return {
    emscripten_memcpy_js: (to: number, from: number, length: number) => {
      instance.bytes.copyWithin(to, from, from + length);
    },
    emscripten_resize_heap: (bytes: number) => {
      const needed = bytes >>> 0;
      if (needed > memoryBytesMax) return 0;
      const { memory } = instance.api;
      const now = instance.bytes.length;
      // A fifth more than is needed, so that it does not grow for each small allocation.
      const wanted = Math.min(memoryBytesMax, needed + Math.floor(now / 5));
      try {
        memory.grow(Math.ceil((wanted - now) / pageBytes));
      } catch {
        return 0; // the system has no more: for Lua that is the same as its limit
      }
      renewViews(instance);
      instance.onGrowth();
      return 1;
    },
  };
}
