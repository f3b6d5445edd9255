// What a native script sees: the keys and arguments of its call, and the commands that it calls.
// They run by the handlers that redis.call() uses, so the data, the effects, the events and the
// statistics are those of the script in the VM. A program looks at its arguments first, and leaves
// whatever is not plain to the VM; from its first command on, no call of it may fail.
// Invariant: the effects of a call are one group of the journal, opened before its first write.
// Hot path: no allocation.

import { NOT_AN_INTEGER, readInteger } from "../../../base/ascii.ts";
import { sameBytes } from "../../../base/bytes.ts";
import type { ErrorReply } from "../../../base/errors.ts";
import type { Reply } from "../../../protocol/reply.ts";
import type { Request } from "../../../protocol/request.ts";
import type { Command } from "../../core/command.ts";
import type { Context } from "../../core/context.ts";
import { makeRoom } from "../../run/make-room.ts";
import { run } from "../../run/run-handler.ts";
import { flag } from "../../terms/flags.ts";
import { ScriptArguments } from "../vm/script-arguments.ts";
import { type Called, call, NativeCommands } from "./native-commands.ts";
import { NativeReply } from "./native-reply.ts";

/** Longer numbers are left to the VM: a double of Lua holds these exactly. */
const plainDigitsMax = 15;
/** The longest key or argument that is compared or copied here, bytes. */
const argumentBytesMax = 64 * 1024;

/** A command has failed, which programs do not expect. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  readonly reply: ErrorReply | null;

  /** Null: nothing has changed, so the script can run in the VM, which tells where it failed. */
  constructor(reply: ErrorReply | null) {
    super("a command of a native script has failed");
    this.reply = reply;
  }
}

export class NativeCalls {
  readonly reply: NativeReply;
  keyCount: number;
  private readonly arguments: ScriptArguments;
  private readonly digits: Uint8Array;
  private x: Context | null;
  private client: Request;
  private firstKey: number;
  /** Its effects are a group of the journal. */
  hasGroup: boolean;
  private hasWritten: boolean;
  private readonly commands: NativeCommands;
  /** The one whose arguments are gathered. */
  private called: Called;
  /** Which of its arguments is the first key of the client, 0 for none; and the key's hash. */
  private firstKeyAt: number;
  private firstKeyHash: number;
  private hasHash: boolean;

  constructor() {
    this.reply = new NativeReply();
    this.keyCount = 0;
    this.arguments = new ScriptArguments();
    this.digits = new Uint8Array(plainDigitsMax);
    this.x = null;
    this.client = this.arguments.request;
    this.firstKey = 0;
    this.hasGroup = false;
    this.hasWritten = false;
    this.commands = new NativeCommands();
    this.called = call.GET;
    this.firstKeyAt = 0;
    this.firstKeyHash = 0;
    this.hasHash = false;
  }

  begin(x: Context, client: Request, firstKey: number, keyCount: number): void {
    this.x = x;
    this.client = client;
    this.firstKey = firstKey;
    this.keyCount = keyCount;
    this.hasGroup = false;
    this.hasWritten = false;
    this.hasHash = false;
    this.reply.failure = null;
  }

  end(): void {
    this.context.store.forget();
    this.x = null;
    this.client = this.arguments.request;
    this.reply.want(this.arguments.request.buf, 0, 0);
    this.arguments.shrink();
  }

  // ---- what it was called with -----------------------------------------------------------------

  /** Whether there are so many keys, and at least so many arguments. */
  has(keys: number, argumentsMin: number): boolean {
    return this.keyCount === keys && this.hasArguments(argumentsMin);
  }

  /** Whether there are at least so many arguments, and none of all is long. */
  hasArguments(least: number): boolean {
    const { client, firstKey, keyCount } = this;
    if (client.argc - firstKey - keyCount < least) return false;
    return client.end[client.argc - 1] - client.start[firstKey] <= argumentBytesMax;
  }

  private argumentAt(index: number): number {
    return this.firstKey + this.keyCount + index;
  }

  /** Argument `index` as an integer that Lua would write again by the same digits, or NaN. */
  integerOf(index: number): number {
    const { buf, start, end } = this.client;
    return plainInteger(buf, start[this.argumentAt(index)], end[this.argumentAt(index)]);
  }

  /** Whether argument `index` is a plain number from 1 to `max`. */
  isUpTo(index: number, max: number): boolean {
    const value = this.integerOf(index);
    return value >= 1 && value <= max;
  }

  /** Whether argument `index` is this text. */
  isText(index: number, text: Uint8Array): boolean {
    const { buf, start, end } = this.client;
    const at = start[this.argumentAt(index)];
    const isAsLong = end[this.argumentAt(index)] - at === text.length;
    return isAsLong && sameBytes(buf, at, text, 0, text.length);
  }

  /**
   * For a script that begins with INCR or INCRBY. If that fails, it has changed nothing, and the VM
   * does it again, so there is no need to look first; but who watches commands sees each once.
   */
  mayAdd(key: number): boolean {
    return !this.context.observer.isOn || this.isCounter(key);
  }

  /**
   * Whether the key has no item, or one that a plain number can be added to. For a script that
   * begins with another write: its group of effects begins, as the look removes what has expired.
   */
  isCounter(key: number): boolean {
    this.openGroup();
    return this.isReadCounter(key);
  }

  /** The same for a script that begins with a read. */
  isReadCounter(key: number): boolean {
    const { store, now } = this.context;
    const { buf, start, end } = this.client;
    const index = this.firstKey + key;
    if (key === 0) store.recall(buf, start[index], end[index], this.hashOfFirstKey());
    if (!store.find(buf, start[index], end[index], now)) return true;
    const { valueLength } = store;
    if (valueLength > plainDigitsMax) return false;
    store.copyTo(this.digits, 0, 0, valueLength);
    return !Number.isNaN(plainInteger(this.digits, 0, valueLength));
  }

  // ---- a command: start(), its arguments, run() ------------------------------------------------

  start(called: Called): this {
    this.arguments.clear();
    this.called = called;
    this.firstKeyAt = 0;
    return this.word(this.commands.names[called]);
  }

  word(word: Uint8Array): this {
    return this.range(word, 0, word.length);
  }

  key(index: number): this {
    if (index === 0) this.firstKeyAt = this.arguments.request.argc;
    const { buf, start, end } = this.client;
    return this.range(buf, start[this.firstKey + index], end[this.firstKey + index]);
  }

  argument(index: number): this {
    const { buf, start, end } = this.client;
    return this.range(buf, start[this.argumentAt(index)], end[this.argumentAt(index)]);
  }

  number(value: number): this {
    this.arguments.addNumber(value);
    return this;
  }

  private range(source: Uint8Array, start: number, end: number): this {
    this.arguments.addBytes(source, start, end);
    return this;
  }

  /** Runs the command and returns the integer that it replied, if it did. */
  run(): number {
    const { reply } = this;
    const isFirst = !this.hasWritten;
    reply.isThere = false;
    this.runInto(reply);
    if (reply.failure !== null) this.fail(reply.failure, isFirst);
    return reply.number;
  }

  private fail(failure: ErrorReply, isFirst: boolean): never {
    if (!isFirst) throw new CallFailed(failure);
    this.context.statistics.calls[this.commands.row(this.called).id]--; // the VM counts it
    throw new CallFailed(null);
  }

  /** Runs a command that cannot fail, with the reply for the client itself. */
  runInto(reply: Reply): void {
    const { context: x } = this;
    const { request } = this.arguments;
    const command = this.commands.row(this.called);
    this.arguments.finish();
    this.tellHash(x, request);
    if ((command.flags & flag.WRITE) !== 0) this.prepareWrite(x, command);
    run(x, command, request, reply);
  }

  /** The last request was in the same bytes, so the store must hear of each. */
  private tellHash({ store }: Context, { buf, start, end }: Request): void {
    const at = this.firstKeyAt;
    if (at === 0) store.forget();
    else store.recall(buf, start[at], end[at], this.hashOfFirstKey());
  }

  /** Most scripts have one key, and call several commands with it. */
  private hashOfFirstKey(): number {
    if (this.hasHash) return this.firstKeyHash;
    const { buf, start, end } = this.client;
    this.hasHash = true;
    this.firstKeyHash = this.context.store.hash(buf, start[this.firstKey], end[this.firstKey]);
    return this.firstKeyHash;
  }

  private prepareWrite(x: Context, command: Command): void {
    const hasRoom =
      (command.flags & flag.DENY_OOM) === 0 || makeRoom(x, command, this.arguments.request);
    if (this.hasWritten) return;
    if (!hasRoom) throw new CallFailed(null);
    this.hasWritten = true;
    this.openGroup();
  }

  private openGroup(): void {
    if (this.hasGroup) return;
    this.hasGroup = true;
    this.context.effects.open();
  }

  /** Whether GET of the key gives argument `index`. */
  holds(key: number, index: number): boolean {
    const { buf, start, end } = this.client;
    this.reply.want(buf, start[this.argumentAt(index)], end[this.argumentAt(index)]);
    this.start(call.GET).key(key).run();
    return this.reply.isWanted;
  }

  /** Whether GET of the key gives a value. */
  isThere(key: number): boolean {
    this.reply.want(this.arguments.request.buf, 0, 0);
    this.start(call.GET).key(key).run();
    return this.reply.isThere;
  }

  private get context(): Context {
    if (this.x === null) throw new Error("no script is running");
    return this.x;
  }
}

/** The integer in a range of bytes; NaN if it has many digits or Lua would write it otherwise. */
function plainInteger(buf: Uint8Array, start: number, end: number): number {
  if (end - start > plainDigitsMax) return Number.NaN;
  const value = readInteger(buf, start, end);
  return value === NOT_AN_INTEGER ? Number.NaN : value;
}
