// Functions of Lua's API that call Lua, with code of ours around it, as functions of WebAssembly: a
// script in them can be suspended, and their usual case needs no JavaScript.
// Invariant: no JavaScript is on the stack while Lua runs.

import type { LuaExports } from "./exports.ts";
import { assemble, type Code, constant, type FunctionType, i32, op } from "./wasm-code.ts";
import type { HostFunction } from "./wrapping.ts";

const types: readonly FunctionType[] = [
  [[i32], [i32]],
  [[i32, i32], []],
  [[i32, i32, i32, i32], [i32]],
];
const type = { function: 0, pair: 1, pcall: 2 } as const;
const get = (index: number) => [op.localGet, index];
const l = get(0);
const count = 1;
const allResults = constant(-1);

/** Runs `before` and then `original`, which it must not call itself. */
export function sequence(before: (l: number) => void, original: HostFunction): HostFunction {
  return instantiate(sequenceCode, { before, original });
}

/** Runs `other` if `before` says so, else `original`; `before` must call neither. */
export function choice(
  before: (l: number) => boolean,
  original: HostFunction,
  other: HostFunction,
): HostFunction {
  return instantiate(choiceCode, { before, original, other });
}

const choiceCode: Code = {
  types: [types[type.function]],
  imports: [
    ["function", "before", 0],
    ["function", "original", 0],
    ["function", "other", 0],
  ],
  functions: [
    [
      0,
      0,
      [
        ...[...l, op.call, 0, op.if, op.nothing, ...l, op.call, 2, op.return, op.end],
        ...[...l, op.call, 1],
      ],
    ],
  ],
  exports: [["f", 0]],
};

const sequenceCode: Code = {
  types: [types[type.function], [[i32], []]],
  imports: [
    ["function", "before", 1],
    ["function", "original", 0],
  ],
  functions: [[0, 0, [...l, op.call, 0, ...l, op.call, 1]]],
  exports: [["f", 0]],
};

/**
 * pcall(): `failed` makes the results of an error, which is on the top of the stack; without an
 * argument, `refuse` raises an error.
 */
export function protectedCalls(
  api: LuaExports,
  refuse: HostFunction,
  failed: HostFunction,
): HostFunction {
  return instantiate(pcallCode, { ...callsOf(api), refuse, failed });
}

const call = { gettop: 0, settop: 1, push: 2, insert: 3, pcall: 4, refuse: 5, next: 6 } as const;
const imports = (push: string, next: string) =>
  [
    ["function", "gettop", type.function],
    ["function", "settop", type.pair],
    ["function", push, type.pair],
    ["function", "insert", type.pair],
    ["function", "pcall", type.pcall],
    ["function", "refuse", type.function],
    ["function", next, type.function],
  ] as const;

const pcallCode: Code = {
  types,
  imports: imports("pushboolean", "failed"),
  functions: [
    [
      type.function,
      1,
      [
        ...[...l, op.call, call.gettop, op.localSet, count],
        ...[...get(count), op.isZero, op.if, op.nothing],
        ...[...l, op.call, call.refuse, op.return, op.end],
        ...[...l, ...constant(1), op.call, call.push, ...l, ...constant(1), op.call, call.insert],
        ...[...l, ...get(count), ...constant(1), op.subtract, ...allResults, ...constant(0)],
        ...[op.call, call.pcall, op.if, op.nothing, ...l, op.call, call.next, op.return, op.end],
        ...[...l, op.call, call.gettop],
      ],
    ],
  ],
  exports: [["f", 0]],
};

/** xpcall() of a function and a handler: `done` makes the results, `failed` calls the handler. */
export function handledCalls(
  api: LuaExports,
  refuse: HostFunction,
  done: HostFunction,
  failed: HostFunction,
): HostFunction {
  return instantiate(xpcallCode, { ...callsOf(api), refuse, done, failed });
}

const xpcallCode: Code = {
  types,
  imports: [...imports("pushvalue", "failed"), ["function", "done", type.function]],
  functions: [
    [
      type.function,
      0,
      [
        // `refuse` raises an error if there are less than two, and takes off the others.
        ...[...l, op.call, call.refuse, op.drop],
        ...[...l, ...constant(1), op.call, call.push],
        ...[...l, ...constant(0), ...allResults, ...constant(0), op.call, call.pcall],
        ...[op.if, op.nothing, ...l, op.call, call.next, op.return, op.end],
        ...[...l, op.call, call.next + 1],
      ],
    ],
  ],
  exports: [["f", 0]],
};

function callsOf(api: LuaExports) {
  return {
    gettop: api.lua_gettop,
    settop: api.lua_settop,
    pushboolean: api.lua_pushboolean,
    pushvalue: api.lua_pushvalue,
    insert: api.lua_insert,
    pcall: api.lua_pcall,
  };
}

function instantiate(
  code: Code,
  functions: Record<string, (l: number, ...more: number[]) => unknown>,
): HostFunction {
  const module = new WebAssembly.Module(assemble(code));
  const { exports } = new WebAssembly.Instance(module, { e: functions });
  return exports.f as HostFunction;
}
