// What the module of Lua exports, as far as it is used: the functions of Lua 5.1's C API by their
// own names (its manual describes them), and what Emscripten adds. Addresses, states (`l`) and
// indexes of functions are numbers. Nothing here checks anything: an invalid index into the stack
// corrupts the memory of the VM, and so does a push without room (lua_checkstack; a host function
// has room for 20).

export interface LuaExports {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  __wasm_call_ctors(): void;
  malloc(bytes: number): number;
  free(at: number): void;
  stackSave(): number;
  stackRestore(stack: number): void;
  setThrew(threw: number, value: number): void;

  luaL_newstate(): number;
  luaL_loadbuffer(l: number, code: number, bytes: number, name: number): number;
  luaL_ref(l: number, table: number): number;
  luaL_unref(l: number, table: number, ref: number): void;
  luaL_where(l: number, level: number): void;
  luaL_argerror(l: number, argument: number, textAt: number): number;
  luaL_typerror(l: number, argument: number, typeNameAt: number): number;
  luaL_checknumber(l: number, argument: number): number;
  luaopen_base(l: number): number;
  luaopen_table(l: number): number;
  luaopen_string(l: number): number;
  luaopen_math(l: number): number;

  lua_checkstack(l: number, slots: number): number;
  lua_gettop(l: number): number;
  lua_settop(l: number, index: number): void;
  lua_pushvalue(l: number, index: number): void;
  lua_remove(l: number, index: number): void;
  lua_insert(l: number, index: number): void;
  lua_replace(l: number, index: number): void;

  lua_type(l: number, index: number): number;
  lua_isnumber(l: number, index: number): number;
  lua_isstring(l: number, index: number): number;
  lua_iscfunction(l: number, index: number): number;
  lua_tonumber(l: number, index: number): number;
  lua_toboolean(l: number, index: number): number;
  lua_tolstring(l: number, index: number, lengthAt: number): number;
  lua_objlen(l: number, index: number): number;
  lua_topointer(l: number, index: number): number;
  lua_touserdata(l: number, index: number): number;
  lua_tocfunction(l: number, index: number): number;
  lua_typename(l: number, type: number): number;

  lua_pushnil(l: number): void;
  lua_pushnumber(l: number, value: number): void;
  lua_pushboolean(l: number, value: number): void;
  lua_pushlstring(l: number, at: number, bytes: number): void;
  lua_pushcclosure(l: number, index: number, upvalues: number): void;
  lua_pushlightuserdata(l: number, at: number): void;

  lua_gettable(l: number, index: number): void;
  lua_settable(l: number, index: number): void;
  lua_getfield(l: number, index: number, name: number): void;
  lua_setfield(l: number, index: number, name: number): void;
  lua_rawget(l: number, index: number): void;
  lua_rawset(l: number, index: number): void;
  lua_rawgeti(l: number, index: number, n: number): void;
  lua_rawseti(l: number, index: number, n: number): void;
  lua_createtable(l: number, array: number, hash: number): void;
  lua_newuserdata(l: number, bytes: number): number;
  lua_getmetatable(l: number, index: number): number;
  lua_setmetatable(l: number, index: number): number;
  lua_next(l: number, index: number): number;
  lua_concat(l: number, values: number): void;

  lua_call(l: number, args: number, results: number): void;
  lua_pcall(l: number, args: number, results: number, handler: number): number;
  lua_error(l: number): number;
  lua_gc(l: number, what: number, data: number): number;
  lua_sethook(l: number, hook: number, mask: number, count: number): number;
  lua_getstack(l: number, level: number, record: number): number;
  lua_getinfo(l: number, what: number, record: number): number;
}

/** Types of values, as lua_type() gives them. */
export const type = {
  NONE: -1,
  NIL: 0,
  BOOLEAN: 1,
  LIGHT_USERDATA: 2,
  NUMBER: 3,
  STRING: 4,
  TABLE: 5,
  FUNCTION: 6,
  USERDATA: 7,
  THREAD: 8,
} as const;

/** What lua_pcall() and luaL_loadbuffer() return. */
export const status = {
  OK: 0,
  RUNTIME_ERROR: 2,
  SYNTAX_ERROR: 3,
  NO_MEMORY: 4,
  ERROR_IN_HANDLER: 5,
} as const;

/** Pseudo-indexes. */
export const registryIndex = -10_000;
export const globalsIndex = -10_002;
/** All results, for lua_pcall() and lua_call(). */
export const allResults = -1;
