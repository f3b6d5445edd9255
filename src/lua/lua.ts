// One VM of Lua 5.1.5: its C API (`api`), and what the API lacks for callers outside of its memory,
// which is bytes in and bytes out, functions of ours, and a hook. It knows no command and no
// library. Any byte may be in a string; nothing is decoded.
//
// An error of Lua is a JavaScript exception on its way through our functions, which must not catch
// it: `raise` and every call of the API that may run out of memory throw one. Outside of
// protectedCall() such an error ends the VM, and so does a trap: `isBroken`, and the owner makes a
// new one.
// Invariant: a view of the memory (`bytes`) is valid until the next allocation.
// Hot path: pushBytes(), readString(): no allocation.

import { copyBytes } from "../base/bytes.ts";
import { spentStepsPerCheck } from "../base/limits/script-limits.ts";
import { HostFunctions } from "./callable.ts";
import { type LuaExports, status } from "./exports.ts";
import { type Instance, instantiate } from "./module.ts";
import { FINISHED, makeSuspension, type Suspension, THREW } from "./suspension.ts";

/** Strings up to this length reach Lua through one buffer. */
const scratchBytes = 64 * 1024;
const maskCount = 1 << 3;
const collect = 2;
const count = 3;
const countRest = 4;
const outcomeBytes = 12;
/** The first byte of compiled code. */
export const compiledMark = 0x1b;
const SPACE = 0x20;

/** What start() returns for a script that goes on later. */
export const SUSPENDED = -1;

/** Who suspends scripts, and learns of their ends. */
export interface Suspender {
  /** A script is suspended until the promise resolves. */
  suspend(): Promise<void>;
  /** It goes on; `hasFailed`: at once, as it could not be suspended here. */
  resumed(hasFailed: boolean): void;
  /** It is to be suspended, but a function of ours is at work. */
  held(): void;
  /** It has ended after it was suspended: so, or by an exception of a function of ours. */
  ended(outcome: number, thrown: unknown): void;
  /** ended() has thrown. */
  failed(error: unknown): void;
}

export class Lua {
  readonly api: LuaExports;
  /** The main state. A function of ours gets the state that called it: that of a coroutine. */
  readonly main: number;
  /** What readString() found: an address in `bytes`, and a length. */
  at: number;
  length: number;
  /** An error or a trap has left the VM in an unknown state: it must not be used again. */
  isBroken: boolean;
  private readonly instance: Instance;
  private readonly scratch: number;
  private readonly lengthAt: number;
  private readonly names: Map<string, number>;
  private readonly functions: HostFunctions;
  private readonly suspension: Suspension;
  private readonly outcomeAt: number;
  private suspender: Suspender | null;
  /** A script that start() has begun waits to go on. */
  isSuspended: boolean;
  private readonly hook: number;
  private onCheck: (l: number) => unknown;
  private spent: number;

  constructor(memoryBytesMax: number) {
    this.instance = instantiate(memoryBytesMax);
    this.api = this.instance.api;
    this.at = 0;
    this.length = 0;
    this.isBroken = false;
    this.scratch = this.api.malloc(scratchBytes);
    this.lengthAt = this.api.malloc(8);
    this.names = new Map();
    this.suspender = null;
    this.isSuspended = false;
    this.onCheck = () => undefined;
    this.spent = 0;
    this.outcomeAt = this.api.malloc(outcomeBytes);
    this.suspension = this.makeSuspension();
    const table = this.api.__indirect_function_table;
    this.hook = table.grow(1);
    table.set(this.hook, this.suspension.hook);
    this.functions = new HostFunctions(table);
    this.main = this.api.luaL_newstate();
  }

  private makeSuspension(): Suspension {
    return makeSuspension(this.api, this.outcomeAt, {
      count: (l) => (this.onCheck(l) === true ? 1 : 0),
      suspend: () => this.suspend(),
      resumed: (_l, hasFailed) => {
        this.isSuspended = false;
        this.suspender?.resumed(hasFailed !== 0);
      },
      finished: () => this.ended(),
    });
  }

  /** The memory. Read it again after each allocation: it may have grown. */
  get bytes(): Uint8Array {
    return this.instance.bytes;
  }

  // ---- bytes in ------------------------------------------------------------------------------

  /** Pushes a string of these bytes. */
  pushBytes(l: number, source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const at = this.reserve(l, length);
    copyBytes(source, start, end, this.bytes, at);
    this.pushReserved(l, at, length);
  }

  /** Pushes a text of characters up to U+00FF, one byte each. */
  pushText(l: number, text: string): void {
    const at = this.reserve(l, text.length);
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    this.pushReserved(l, at, text.length);
  }

  /** Room for a string; write it at once into `bytes`, and then call pushReserved(). */
  reserve(l: number, length: number): number {
    if (length <= scratchBytes) return this.scratch;
    const at = this.api.malloc(length);
    return at === 0 ? this.raiseText(l, "not enough memory") : at;
  }

  /** Pushes the string that was written to an address that reserve() gave. */
  pushReserved(l: number, at: number, length: number): void {
    // If it runs out of memory here, the room is lost, but so is the VM soon.
    this.api.lua_pushlstring(l, at, length);
    if (at !== this.scratch) this.api.free(at);
  }

  /** The address of a name as a C string, for lua_getfield() and lua_setfield(). For ever. */
  name(text: string): number {
    const known = this.names.get(text);
    if (known !== undefined) return known;
    const at = this.api.malloc(text.length + 1);
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    bytes[at + text.length] = 0;
    this.names.set(text, at);
    return at;
  }

  // ---- bytes out -----------------------------------------------------------------------------

  /**
   * Finds the string at `index`; its bytes are `bytes` from `at` on, `length` of them, as long as
   * it is on the stack. As in C, it changes a number on the stack into its string. False, if it is
   * neither.
   */
  readString(l: number, index: number): boolean {
    const at = this.api.lua_tolstring(l, index, this.lengthAt);
    this.at = at;
    this.length = at === 0 ? 0 : this.instance.words[this.lengthAt >> 2];
    return at !== 0;
  }

  /** The string at `index` as text with one character per byte; "" if it is none. */
  text(l: number, index: number): string {
    if (!this.readString(l, index)) return "";
    return Buffer.from(this.bytes.buffer, this.at, this.length).toString("latin1");
  }

  /** The same as a copy of its bytes. */
  copy(l: number, index: number): Uint8Array {
    this.readString(l, index);
    return this.bytes.slice(this.at, this.at + this.length);
  }

  // ---- functions and errors ------------------------------------------------------------------

  /**
   * Makes a function of ours known; the index that it returns is for lua_pushcclosure(). The
   * function gets the calling state with its arguments on the stack, from 1 on; it pushes its
   * results and returns how many they are. Lua can call it from the next protectedCall() on.
   */
  register(call: (l: number) => number): number {
    return this.functions.add(call);
  }

  /** The function of C or of ours with this index. */
  functionAt(index: number): (l: number) => number {
    return this.functions.get(index) as (l: number) => number;
  }

  /** Sets field `name` of the table on the top of the stack to a function of ours. */
  setFunction(l: number, name: string, call: (l: number) => number): void {
    this.api.lua_pushcclosure(l, this.register(call), 0);
    this.api.lua_setfield(l, -2, this.name(name));
  }

  /** Raises the value on the top of the stack as an error. */
  raise(l: number): never {
    this.api.lua_error(l);
    throw new Error("lua_error() has returned");
  }

  /** Raises a text as an error, with the position in the script before it, as luaL_error() does. */
  raiseAt(l: number, text: string): never {
    this.api.luaL_where(l, 1);
    this.pushText(l, text);
    this.api.lua_concat(l, 2);
    return this.raise(l);
  }

  /** Raises a text as an error, without a position. */
  raiseText(l: number, text: string): never {
    this.pushText(l, text);
    return this.raise(l);
  }

  /** For a function of ours that works for long: ends the script if its time is over. */
  checkTime(l: number): void {
    if (this.onCheck(l) === true) this.suspender?.held();
  }

  /**
   * Calls `onCount` after each `instructions` of the VM. 0 of them: no more. If it returns true, a
   * script that was begun by start() is suspended.
   */
  setHook(l: number, onCount: Lua["onCheck"], instructions: number): void {
    this.onCheck = onCount;
    this.hookEach(l, instructions);
  }

  /** Calls `then` when the memory has grown, in the middle of whatever Lua does; and by spend(). */
  onGrowth(then: () => void): void {
    this.instance.onGrowth = then;
  }

  /**
   * Counts what a function does within C, in steps of 10 ns: after many, the hook is called at the
   * next instruction, as a few instructions may call very many such functions.
   */
  spend(l: number, steps: number): void {
    this.spent += steps;
    if (this.spent < spentStepsPerCheck) return;
    this.spent = 0;
    this.instance.onGrowth();
    this.hookEach(l, 1);
  }

  /** Changes how often the hook is called, in this state. */
  hookEach(l: number, instructions: number): void {
    this.api.lua_sethook(l, this.hook, instructions === 0 ? 0 : maskCount, instructions);
  }

  // ---- running -------------------------------------------------------------------------------

  /**
   * Compiles a chunk; pushes the function, or the text of the error. `name` is as Lua wants it:
   * `@name` for a file, `=name` for a text of its own. Compiled code, which could do anything to
   * the VM, is read as text, in which its first byte is an error.
   */
  load(l: number, code: Uint8Array, name: string): number {
    const skipped = code[0] === compiledMark ? 1 : 0;
    const length = code.length + skipped;
    const at = this.api.malloc(Math.max(1, length));
    if (at === 0) {
      this.pushText(l, "not enough memory");
      return status.NO_MEMORY;
    }
    this.bytes[at] = SPACE;
    this.bytes.set(code, at + skipped);
    const result = this.api.luaL_loadbuffer(l, at, length, this.name(name));
    this.api.free(at);
    return result;
  }

  /**
   * lua_pcall() from outside of any Lua. A trap (its stack is exhausted, for one) breaks the VM and
   * is reported as NO_MEMORY, with nothing pushed.
   */
  protectedCall(l: number, args: number, results: number, handler: number): number {
    if (!this.functions.isLinked) this.functions.link();
    try {
      return this.api.lua_pcall(l, args, results, handler);
    } catch (thrown) {
      this.isBroken = true;
      if (!isTrap(thrown)) throw thrown; // an exception of a function of ours
      return status.NO_MEMORY;
    }
  }

  // ---- suspending ----------------------------------------------------------------------------

  /** Lets scripts be suspended that start() has begun. */
  setSuspender(suspender: Suspender): void {
    this.suspender = suspender;
  }

  /** protectedCall() of a script that the hook may suspend; SUSPENDED if it has. */
  start(l: number, args: number, results: number, handler: number): number {
    const { instance, suspension } = this;
    const at = this.outcomeAt >> 2;
    if (!this.functions.isLinked) this.functions.link();
    const promise = suspension.run(l, args, results, handler);
    const state = instance.words[at];
    if (state === FINISHED) return instance.words[at + 1];
    if (this.isSuspended) {
      instance.words[at + 2] = 1;
      promise.catch((error) => this.failed(error));
      return SUSPENDED;
    }
    promise.catch(() => undefined); // what it was rejected with, a trap, is all there is to know
    const thrown = this.takeThrown();
    if (thrown !== null) throw thrown;
    return status.NO_MEMORY;
  }

  private suspend(): Promise<void> {
    if (this.suspender === null) throw new Error("nobody suspends scripts");
    this.isSuspended = true;
    return this.suspender.suspend();
  }

  /** After a script that was suspended. */
  private ended(): void {
    const at = this.outcomeAt >> 2;
    const { words } = this.instance;
    words[at + 2] = 0;
    const isFinished = words[at] === FINISHED;
    const outcome = isFinished ? words[at + 1] : status.NO_MEMORY;
    this.suspender?.ended(outcome, isFinished ? null : this.takeThrown());
  }

  /** The exception of a function of ours that has ended a script; null: it was a trap. */
  private takeThrown(): unknown {
    this.isBroken = true;
    const { thrown } = this.suspension;
    const { value } = thrown;
    thrown.value = null;
    return this.instance.words[this.outcomeAt >> 2] === THREW && !isTrap(value) ? value : null;
  }

  private failed(error: unknown): void {
    if (!isTrap(error)) return this.suspender?.failed(error);
    this.isBroken = true;
    this.suspender?.ended(status.NO_MEMORY, null);
  }

  // ---- memory --------------------------------------------------------------------------------

  /** Bytes that Lua's values take. */
  get usedBytes(): number {
    const { api, main } = this;
    return api.lua_gc(main, count, 0) * 1024 + api.lua_gc(main, countRest, 0);
  }

  /** Bytes of the VM's memory. It never shrinks. */
  get heldBytes(): number {
    return this.bytes.length;
  }

  /** A full collection. */
  collect(): void {
    this.api.lua_gc(this.main, collect, 0);
  }
}

/** What WebAssembly throws: for a trap, and when the stack of the thread is exhausted. */
function isTrap(thrown: unknown): boolean {
  if (thrown instanceof WebAssembly.RuntimeError) return true;
  return thrown instanceof RangeError && thrown.message.includes("call stack");
}
