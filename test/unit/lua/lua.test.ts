// The binding of Lua: bytes, functions of ours, errors, the hook, and the ends of memory and stack.
// What the libraries of a script do is not tested here.

import { describe, expect, test } from "bun:test";
import { globalsIndex, status, type } from "../../../src/lua/exports.ts";
import { Lua, SUSPENDED } from "../../../src/lua/lua.ts";

const memoryBytesMax = 64 * 1024 * 1024;

function vm(): Lua {
  const lua = new Lua(memoryBytesMax);
  lua.api.luaopen_base(lua.main);
  lua.api.luaopen_string(lua.main);
  lua.api.lua_settop(lua.main, 0);
  return lua;
}

/** The first result of a chunk, or its error. */
function run(lua: Lua, code: string): string {
  const { api, main } = lua;
  if (lua.load(main, Buffer.from(code), "@user_script") === status.OK) {
    lua.protectedCall(main, 0, 1, 0);
  }
  const text = lua.text(main, -1);
  api.lua_settop(main, 0);
  return text;
}

describe("the binding of Lua", () => {
  test("runs Lua 5.1", () => {
    const lua = vm();
    expect(run(lua, "return _VERSION")).toBe("Lua 5.1");
    expect(run(lua, "return 10 / 2 .. ' ' .. 10 / 3 .. ' ' .. 2 ^ 53")).toBe(
      "5 3.3333333333333 9.007199254741e+15",
    );
    expect(run(lua, "return unpack({ 'a', 'b' })")).toBe("a");
    expect(run(lua, "return +")).toBe("user_script:1: unexpected symbol near '+'");
    expect(run(lua, "error('no')")).toBe("user_script:1: no");
  });

  test("takes and gives every byte, in short strings and in long ones", () => {
    const lua = vm();
    const { api, main } = lua;
    for (const length of [0, 256, 65_536, 65_537, 1_000_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i & 0xff);
      lua.pushBytes(main, bytes, 0, length);
      expect(lua.copy(main, -1)).toEqual(bytes);
      api.lua_settop(main, 0);
    }
  });

  test("calls functions of ours, and takes their errors", () => {
    const lua = vm();
    const { api, main } = lua;
    api.lua_pushvalue(main, globalsIndex);
    lua.setFunction(main, "twice", (l) => {
      if (api.lua_type(l, 1) !== type.NUMBER) return lua.raiseAt(l, "a number, please");
      api.lua_pushnumber(l, 2 * api.lua_tonumber(l, 1));
      return 1;
    });
    api.lua_settop(main, 0);
    expect(run(lua, "return twice(21)")).toBe("42");
    expect(run(lua, "return select(2, pcall(twice, {}))")).toBe("a number, please");
    expect(run(lua, "local x = twice('x')")).toBe("user_script:1: a number, please");
    expect(run(lua, "return coroutine.wrap(function() return twice(4) end)()")).toBe("8");
  });

  test("calls each of many functions, also of those that come later", () => {
    const lua = vm();
    const { api, main } = lua;
    const expectAll = (from: number, to: number) => {
      api.lua_pushvalue(main, globalsIndex);
      for (let i = from; i < to; i++) {
        lua.setFunction(main, `f${i}`, (l) => {
          api.lua_pushnumber(l, i);
          return 1;
        });
      }
      api.lua_settop(main, 0);
      const calls = Array.from({ length: to - from }, (_, i) => `f${from + i}()`);
      const sum = ((from + to - 1) * (to - from)) / 2;
      expect(run(lua, `local s = 0 s = s + ${calls.join(" s = s + ")} return s`)).toBe(`${sum}`);
    };
    expectAll(0, 300);
    expectAll(300, 301);
    expectAll(301, 450);
  });

  test("ends an endless loop by its hook, in pcall and in coroutines too", () => {
    const lua = vm();
    const { main } = lua;
    let isOver = false;
    const onCount = (l: number) => {
      if (!isOver) isOver = lua.api.lua_gettop(l) >= 0;
      lua.hookEach(l, 1);
      lua.raiseAt(l, "too long");
    };
    for (const code of [
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    ]) {
      isOver = false;
      lua.setHook(main, onCount, 1000);
      expect(run(lua, code)).toEndWith("too long");
    }
  });

  test("has a limit of memory, and lives on after it", () => {
    const lua = vm();
    const bomb = "local t = {} for i = 1, 1e9 do t[i] = { i, i, i, i, i, i, i, i } end";
    expect(run(lua, bomb)).toBe("not enough memory");
    expect(lua.heldBytes).toBeLessThanOrEqual(memoryBytesMax);
    lua.collect();
    expect(run(lua, "return string.rep('x', 1e9)")).toBe("not enough memory");
    lua.collect();
    expect(lua.usedBytes).toBeLessThan(4 * 1024 * 1024);
    expect(run(lua, "return 'alive'")).toBe("alive");
    expect(lua.isBroken).toBe(false);
  });

  test("survives deep recursion in Lua and in C", () => {
    const lua = vm();
    expect(run(lua, "local function f(n) return 1 + f(n + 1) end return f(1)")).toContain(
      "stack overflow",
    );
    const inC = "local function f() return (string.gsub('a', 'a', f)) end return f()";
    expect(run(lua, inC)).toContain("stack overflow");
    expect(run(lua, `return ${"(".repeat(500)}1${")".repeat(500)}`)).toContain("too many");
    expect(lua.isBroken).toBe(false);
  });

  test("suspends a script that the hook lets wait, and goes on with it", async () => {
    const lua = vm();
    const { main } = lua;
    const ended = Promise.withResolvers<number>();
    let slices = 0;
    lua.setSuspender({
      suspend: () => new Promise((resolve) => setImmediate(resolve)),
      resumed: (hasFailed) => {
        if (!hasFailed) slices++;
      },
      held: () => undefined,
      ended: (outcome) => ended.resolve(outcome),
      failed: (error) => ended.reject(error),
    });
    lua.setHook(main, () => slices < 3, 1000);
    lua.load(main, Buffer.from("local s = 0 for i = 1, 1e5 do s = s + i end return s"), "@s");
    expect(lua.start(main, 0, 1, 0)).toBe(SUSPENDED);
    Bun.gc(true);
    expect(await ended.promise).toBe(status.OK);
    expect(slices).toBe(3);
    expect(lua.text(main, -1)).toBe("5000050000");
    lua.load(main, Buffer.from("return 1"), "@s");
    expect(lua.start(main, 0, 1, 0)).toBe(status.OK); // at once
  });
});
