// Where an error of a script happened. The handler of errors notes source and line in the error,
// which it makes a table first, as the handler of redis 7.0 `eval.c` does; read() makes the text
// for the client of it.

import { type } from "../../../lua/exports.ts";
import type { Lua } from "../../../lua/lua.ts";
import { cText } from "../../../lua/lua-arguments.ts";

/** Fields of lua_Debug, in bytes, on a machine of 32 bits. */
const WHAT = 12;
const SOURCE = 16;
const LINE = 20;
const recordBytes = 128;
const C = 0x43;

export class ErrorPlace {
  private readonly lua: Lua;
  private readonly record: number;
  private readonly what: number;

  constructor(lua: Lua) {
    this.lua = lua;
    this.record = lua.api.malloc(recordBytes);
    this.what = lua.name("Sl");
  }

  /** The handler: gets the error, and returns it as a table. */
  add(l: number): number {
    const { lua } = this;
    const { api } = lua;
    if (api.lua_type(l, 1) !== type.TABLE) {
      const text = this.textOf(l);
      api.lua_createtable(l, 0, 3);
      lua.pushText(l, `ERR ${text}`);
      api.lua_setfield(l, -2, lua.name("err"));
      api.lua_replace(l, 1);
    }
    api.lua_settop(l, 1);
    // Level 0 is this handler; a function of C that raised an error was called by the next one.
    if (!this.look(l, 1)) return 1;
    if (this.isInC() && !this.look(l, 2)) return 1;
    const { bytes } = lua;
    const source = this.word(SOURCE);
    let end = source;
    while (bytes[end] !== 0) end++;
    const line = this.word(LINE);
    lua.pushBytes(l, bytes.slice(source, end), 0, end - source);
    api.lua_setfield(l, 1, lua.name("source"));
    api.lua_pushnumber(l, line);
    api.lua_setfield(l, 1, lua.name("line"));
    return 1;
  }

  /** As tostring() makes it of what is not a table. */
  private textOf(l: number): string {
    const { lua } = this;
    switch (lua.api.lua_type(l, 1)) {
      case type.STRING:
      case type.NUMBER:
        return lua.text(l, 1);
      case type.BOOLEAN:
        return lua.api.lua_toboolean(l, 1) !== 0 ? "true" : "false";
      case type.NIL:
        return "nil";
      default:
        return "(error object is not a string)";
    }
  }

  private look(l: number, level: number): boolean {
    const { api } = this.lua;
    if (api.lua_getstack(l, level, this.record) === 0) return false;
    return api.lua_getinfo(l, this.what, this.record) !== 0;
  }

  private isInC(): boolean {
    const at = this.word(WHAT);
    return this.lua.bytes[at] === C && this.lua.bytes[at + 1] === 0;
  }

  private word(offset: number): number {
    const { buffer } = this.lua.bytes;
    return new DataView(buffer).getInt32(this.record + offset, true);
  }

  /** The text for the client of the error on the top of the stack, and whether it is counted. */
  read(l: number, sha: string): { text: string; isCounted: boolean } {
    const { lua } = this;
    const err = cText(this.field(l, "err") ?? "ERR unknown error");
    const source = this.field(l, "source") ?? "";
    const line = this.field(l, "line") ?? "";
    const isCounted = this.field(l, "ignore_error_stats_update") !== null;
    const place = source !== "" && line !== "" ? ` script: ${sha}, on ${source}:${line}.` : "";
    lua.api.lua_settop(l, -2);
    return { text: err + place, isCounted };
  }

  /** As text; null, if it is neither a text nor true. */
  private field(l: number, name: string): string | null {
    const { api } = this.lua;
    this.lua.pushText(l, name);
    api.lua_rawget(l, -2);
    const isTrue = api.lua_type(l, -1) === type.BOOLEAN && api.lua_toboolean(l, -1) !== 0;
    const isText = isTrue || api.lua_isstring(l, -1) !== 0;
    const text = isTrue ? "true" : this.lua.text(l, -1);
    api.lua_settop(l, -2);
    return isText ? text : null;
  }
}
