// What a script returns, as the reply to its client: redis 7.0 `script_lua.c`
// (luaReplyToRedisReply). Tables with a field `err`, `ok`, `double`, `map`, `set`, `big_number` or
// `verbatim_string` are such replies; any other is an array up to its first nil.
// Invariant: one value is replied and the value is taken off the stack, whatever it is.

import { ErrorReply, errorReply } from "../../../base/errors.ts";
import { scriptErrorBytesMax, scriptReplyDepthMax } from "../../../base/limits.ts";
import { type } from "../../../lua/exports.ts";
import type { Lua } from "../../../lua/lua.ts";
import { cText } from "../../../lua/lua-arguments.ts";
import type { Reply } from "../../../protocol/reply.ts";

const tooDeep = errorReply("reached lua stack limit");
const slotsPerLevel = 6;
const valuesPerCheck = 0xffff;
const int64Min = -(2n ** 63n);
const int64Limit = 2 ** 63;

/** Replies with the value on the top of the stack. */
export class ResultWriter {
  /** The script asked for RESP3: its booleans are booleans. */
  resp3: boolean;
  private depth: number;
  private values: number;
  private readonly lua: Lua;
  private readonly checkTime: () => void;
  /** Replies with an error that a command has counted already. */
  private readonly uncounted: (error: ErrorReply, reply: Reply) => void;

  /** `checkTime` throws if a reply takes too long, which then ends the connection. */
  constructor(
    lua: Lua,
    checkTime: () => void,
    uncounted: (error: ErrorReply, reply: Reply) => void,
  ) {
    this.resp3 = false;
    this.depth = 0;
    this.values = 0;
    this.lua = lua;
    this.checkTime = checkTime;
    this.uncounted = uncounted;
  }

  /** The next value is a whole reply. */
  begin(): void {
    this.resp3 = false;
    this.depth = 0;
  }

  write(l: number, reply: Reply): void {
    const { api } = this.lua;
    // A table that refers to another twice, and so on, doubles the reply with each level.
    if ((++this.values & valuesPerCheck) === 0) this.checkTime();
    if (++this.depth > scriptReplyDepthMax || api.lua_checkstack(l, slotsPerLevel) === 0) {
      reply.error(tooDeep);
    } else {
      this.writeValue(l, reply);
    }
    this.depth--;
    api.lua_settop(l, -2);
  }

  private writeValue(l: number, reply: Reply): void {
    const { lua } = this;
    switch (lua.api.lua_type(l, -1)) {
      case type.STRING:
        lua.readString(l, -1);
        return reply.bulk(lua.bytes, lua.at, lua.at + lua.length);
      case type.NUMBER:
        return reply.integer(truncated(lua.api.lua_tonumber(l, -1)));
      case type.BOOLEAN:
        return this.writeBoolean(lua.api.lua_toboolean(l, -1) !== 0, reply);
      case type.TABLE:
        return this.writeTable(l, reply);
      default:
        return reply.nil();
    }
  }

  private writeBoolean(value: boolean, reply: Reply): void {
    if (this.resp3) reply.boolean(value);
    else if (value) reply.integer(1);
    else reply.nil();
  }

  // ---- tables ----------------------------------------------------------------------------------

  private writeTable(l: number, reply: Reply): void {
    if (this.hasField(l, "err", type.STRING)) return this.writeError(l, reply);
    if (this.hasField(l, "ok", type.STRING))
      return reply.statusLine(singleLine(cText(this.taken(l))));
    if (this.hasField(l, "double", type.NUMBER)) {
      const value = this.lua.api.lua_tonumber(l, -1);
      this.lua.api.lua_settop(l, -2);
      return reply.double(value);
    }
    if (this.hasField(l, "map", type.TABLE)) return this.writePairs(l, reply, true);
    if (this.hasField(l, "set", type.TABLE)) return this.writePairs(l, reply, false);
    if (this.hasField(l, "big_number", type.STRING)) {
      return reply.bigNumber(singleLine(this.taken(l)));
    }
    if (this.hasField(l, "verbatim_string", type.TABLE)) {
      if (this.writeVerbatim(l, reply)) return;
    }
    this.writeArray(l, reply);
  }

  /** Pushes the field of the table on the top and returns true, if it has this type. */
  private hasField(l: number, name: string, wanted: number): boolean {
    const { api } = this.lua;
    this.lua.pushText(l, name);
    api.lua_rawget(l, -2);
    if (api.lua_type(l, -1) === wanted) return true;
    api.lua_settop(l, -2);
    return false;
  }

  /** The string on the top, taken off. */
  private taken(l: number): string {
    const text = this.lua.text(l, -1);
    this.lua.api.lua_settop(l, -2);
    return text;
  }

  private writeError(l: number, reply: Reply): void {
    const error = errorOf(this.taken(l));
    if (!this.hasField(l, "ignore_error_stats_update", type.BOOLEAN)) return reply.error(error);
    this.lua.api.lua_settop(l, -2);
    this.uncounted(error, reply);
  }

  /** The table on the top is that of the field; it is taken off. */
  private writePairs(l: number, reply: Reply, isMap: boolean): void {
    const { api } = this.lua;
    const size = this.sizeOf(l);
    if (isMap) reply.map(size);
    else reply.set(size);
    api.lua_pushnil(l);
    while (api.lua_next(l, -2) !== 0) {
      if (!isMap) api.lua_settop(l, -2); // of a set, only the keys count
      api.lua_pushvalue(l, isMap ? -2 : -1);
      this.write(l, reply);
      if (isMap) this.write(l, reply);
    }
    api.lua_settop(l, -2);
  }

  private sizeOf(l: number): number {
    const { api } = this.lua;
    let size = 0;
    api.lua_pushnil(l);
    while (api.lua_next(l, -2) !== 0) {
      size++;
      api.lua_settop(l, -2);
    }
    return size;
  }

  /** False, with the field taken off, if it is not such a string. */
  private writeVerbatim(l: number, reply: Reply): boolean {
    const { api } = this.lua;
    const hasFormat = this.hasField(l, "format", type.STRING);
    const format = hasFormat ? this.taken(l) : "";
    const isWhole = hasFormat && this.hasField(l, "string", type.STRING);
    if (isWhole) {
      reply.formatted(format.padEnd(3, " ").slice(0, 3), this.lua.copy(l, -1));
      api.lua_settop(l, -2);
    }
    api.lua_settop(l, -2);
    return isWhole;
  }

  private writeArray(l: number, reply: Reply): void {
    const { api } = this.lua;
    let length = 0;
    for (;;) {
      api.lua_rawgeti(l, -1, length + 1);
      const isEnd = api.lua_type(l, -1) === type.NIL;
      api.lua_settop(l, -2);
      if (isEnd) break;
      length++;
    }
    reply.array(length);
    for (let i = 1; i <= length; i++) {
      api.lua_rawgeti(l, -1, i);
      this.write(l, reply);
    }
  }
}

/** As C casts a double to a 64-bit integer. */
export function truncated(value: number): number | bigint {
  if (Number.isSafeInteger(value)) return value;
  if (!(Math.abs(value) < int64Limit)) return int64Min;
  const whole = Math.trunc(value);
  return Number.isSafeInteger(whole) ? whole : BigInt(whole);
}

/** An error as a script gives it: its first word is the code. */
export function errorOf(message: string): ErrorReply {
  const text = cText(message).slice(0, scriptErrorBytesMax); // as Redis's, it is a string of C
  const space = text.indexOf(" ");
  if (space < 0) return new ErrorReply(text, "");
  return new ErrorReply(text.slice(0, space), text.slice(space + 1), text);
}

function singleLine(text: string): string {
  return text.replace(/[\r\n]/g, " ");
}
