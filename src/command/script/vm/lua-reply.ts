// The reply of a command that a script calls: each value becomes a value of Lua, on the stack of
// the caller, as redis 7.0 `script_lua.c` converts RESP2, and RESP3 after redis.setresp(3). Nothing
// is encoded in between.
// Invariant: after a whole reply, exactly one value has been pushed.
// Hot path: integer(), bulk(), bulkFrom(), ok(), nil(): no allocation.

import type { ByteSource } from "../../../base/bytes.ts";
import type { ErrorReply } from "../../../base/errors.ts";
import { stringBytesInVmMax } from "../../../base/limits.ts";
import type { Lua } from "../../../lua/lua.ts";
import type { ErrorSink, Reply } from "../../../protocol/reply.ts";

/** How the elements of an aggregate enter its table. */
const LIST = 0;
const MAP = 1;
const SET = 2;

/** An aggregate whose elements are still coming. */
interface Open {
  kind: number;
  left: number;
  index: number;
}

/** A table, a key and a value of an aggregate, and what is around it. */
const slotsPerLevel = 6;

export class LuaReply implements Reply {
  resp3: boolean;
  /** Whether the reply was an error. */
  isError: boolean;
  private readonly lua: Lua;
  private readonly errors: ErrorSink;
  private l: number;
  private readonly open: Open[];

  constructor(lua: Lua, errors: ErrorSink) {
    this.resp3 = false;
    this.isError = false;
    this.lua = lua;
    this.errors = errors;
    this.l = 0;
    this.open = [];
  }

  /** The next reply goes to the stack of this state. */
  start(l: number): void {
    this.l = l;
    this.isError = false;
    if (this.open.length > 0) this.open.length = 0; // an error has ended the last reply
  }

  // ---- single values ---------------------------------------------------------------------------

  integer(value: number | bigint): void {
    this.lua.api.lua_pushnumber(this.l, Number(value));
    this.settle();
  }

  bulk(bytes: Uint8Array, start: number, end: number): void {
    this.lua.pushBytes(this.l, bytes, start, end);
    this.settle();
  }

  bulkFrom(source: ByteSource, from: number, length: number): void {
    const { lua, l } = this;
    // A list may name one large value thousands of times. Only commands that read reply with lists.
    if (length > stringBytesInVmMax && this.open.length > 0) lua.checkTime(l);
    const at = lua.reserve(l, length);
    source.copyTo(lua.bytes, at, from, length);
    lua.pushReserved(l, at, length);
    this.settle();
  }

  text(text: string): void {
    const bytes = Buffer.from(text);
    this.bulk(bytes, 0, bytes.length);
  }

  nil(): void {
    if (this.resp3) this.lua.api.lua_pushnil(this.l);
    else this.lua.api.lua_pushboolean(this.l, 0);
    this.settle();
  }

  nilArray(): void {
    this.nil();
  }

  ok(): void {
    this.simple("OK");
  }

  simple(text: string): void {
    this.lua.api.lua_createtable(this.l, 0, 1);
    this.lua.pushText(this.l, text);
    this.field("ok");
    this.settle();
  }

  statusLine(text: string): void {
    this.simple(text);
  }

  error(reply: ErrorReply): void {
    this.errors.note(reply);
    this.isError = true;
    pushError(this.lua, this.l, reply.bytes.subarray(1, reply.bytes.length - 2));
    this.settle();
  }

  boolean(value: boolean): void {
    if (!this.resp3) return this.integer(value ? 1 : 0);
    this.lua.api.lua_pushboolean(this.l, value ? 1 : 0);
    this.settle();
  }

  double(value: number | string): void {
    if (!this.resp3) return this.text(doubleText(value));
    this.lua.api.lua_createtable(this.l, 0, 1);
    this.lua.api.lua_pushnumber(this.l, Number(value));
    this.field("double");
    this.settle();
  }

  bigNumber(digits: string): void {
    if (!this.resp3) return this.text(digits);
    this.lua.api.lua_createtable(this.l, 0, 1);
    this.lua.pushText(this.l, digits);
    this.field("big_number");
    this.settle();
  }

  verbatim(text: string | readonly string[]): void {
    this.formatted("txt", Buffer.from(typeof text === "string" ? text : text.join("")));
  }

  formatted(format: string, bytes: Uint8Array): void {
    if (!this.resp3) return this.bulk(bytes, 0, bytes.length);
    const { lua, l } = this;
    lua.api.lua_createtable(l, 0, 1);
    lua.api.lua_createtable(l, 0, 2);
    lua.pushText(l, format);
    this.field("format");
    lua.pushBytes(l, bytes, 0, bytes.length);
    this.field("string");
    this.field("verbatim_string");
    this.settle();
  }

  private field(name: string): void {
    this.lua.api.lua_setfield(this.l, -2, this.lua.name(name));
  }

  // ---- aggregates ------------------------------------------------------------------------------

  array(length: number): void {
    this.begins(LIST, length);
  }

  push(length: number): void {
    this.begins(LIST, length);
  }

  set(length: number): void {
    this.begins(this.resp3 ? SET : LIST, length);
  }

  map(pairs: number): void {
    this.begins(this.resp3 ? MAP : LIST, 2 * pairs);
  }

  private begins(kind: number, left: number): void {
    const { api } = this.lua;
    if (api.lua_checkstack(this.l, slotsPerLevel) === 0) {
      this.lua.raiseText(this.l, "reached lua stack limit");
    }
    if (kind !== LIST) api.lua_createtable(this.l, 0, 1);
    // Not as large as it will be: `#` of a table with nils would differ from Redis's.
    api.lua_createtable(this.l, 0, 0);
    this.open.push({ kind, left, index: 0 });
    if (left === 0) this.close();
  }

  /** A value has been pushed: it enters the aggregate around it. */
  private settle(): void {
    if (this.open.length > 0) this.enter();
  }

  private enter(): void {
    const { api } = this.lua;
    const top = this.open[this.open.length - 1];
    top.left--;
    top.index++;
    if (top.kind === LIST) api.lua_rawseti(this.l, -2, top.index);
    else if (top.kind === SET) this.enterSet();
    else if ((top.index & 1) === 0) api.lua_rawset(this.l, -3);
    if (top.left === 0) this.close();
  }

  private enterSet(): void {
    this.lua.api.lua_pushboolean(this.l, 1);
    this.lua.api.lua_rawset(this.l, -3);
  }

  private close(): void {
    const closed = this.open.pop();
    if (closed?.kind === MAP) this.field("map");
    if (closed?.kind === SET) this.field("set");
    this.settle();
  }

  // ---- what does not concern a script ----------------------------------------------------------

  begin(): void {}
  violation(): void {}
  switchProtocol(): void {}
  attribute(): void {}
}

/** Pushes what redis.pcall() returns for an error that is no command's. */
export function pushUncountedError(lua: Lua, l: number, text: Uint8Array): void {
  lua.api.lua_createtable(l, 0, 2);
  lua.pushBytes(l, text, 0, text.length);
  lua.api.lua_setfield(l, -2, lua.name("err"));
}

/** The same for an error that is counted already. */
export function pushError(lua: Lua, l: number, text: Uint8Array): void {
  const { api } = lua;
  pushUncountedError(lua, l, text);
  api.lua_pushboolean(l, 1);
  api.lua_setfield(l, -2, lua.name("ignore_error_stats_update"));
}

function doubleText(value: number | string): string {
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  return String(value);
}
