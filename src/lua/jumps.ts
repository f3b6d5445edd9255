// setjmp() and longjmp() of the module of Lua, by which it raises an error and catches it, as
// functions of WebAssembly: with JavaScript in their place, no script could be suspended
// (suspension.ts), and each pcall() would cost a third more (measured). Emscripten calls a function
// that may catch through `invoke_vii`. These functions exist before the module does, so they reach
// its functions through a table, which follow() fills.
// Invariant: an exception that is not Lua's passes through, and the VM is then in doubt.

import type { LuaExports } from "./exports.ts";
import { assemble, type Code, constant, i32, op } from "./wasm-code.ts";

/** More functions than the module has (it has 250). */
const functionsMax = 1024;
const stackSave = functionsMax;
const stackRestore = functionsMax + 1;
const setThrew = functionsMax + 2;
const tableSize = functionsMax + 3;

const types = { invoke: 0, plain: 1, save: 2, restore: 3, pair: 4 } as const;

function callOf(type: number, at?: number): number[] {
  return [...(at === undefined ? [] : constant(at)), op.callIndirect, type, 0];
}

const argument = (index: number) => [op.localGet, index];
const stack = 3;

const invoke = [
  ...callOf(types.save, stackSave),
  ...[op.localSet, stack, op.try, op.nothing],
  ...[...argument(1), ...argument(2), ...argument(0), ...callOf(types.pair)],
  ...[op.catch, 0],
  ...[...argument(stack), ...callOf(types.restore, stackRestore)],
  ...[...constant(1), ...constant(0), ...callOf(types.pair, setThrew)],
  op.end,
];

const code: Code = {
  types: [
    [[i32, i32, i32], []],
    [[], []],
    [[], [i32]],
    [[i32], []],
    [[i32, i32], []],
  ],
  imports: [["table", "functions"]],
  functions: [
    [types.invoke, 1, invoke],
    [types.plain, 0, [op.throw, 0]],
  ],
  tags: [types.plain],
  exports: [
    ["invoke", 0],
    ["jump", 1],
  ],
};

export interface Jumps {
  readonly invoke: () => void;
  readonly jump: () => void;
  /** Makes the functions of the module known; those that are added later catch nothing. */
  follow(api: LuaExports): void;
}

export function makeJumps(): Jumps {
  const functions = new WebAssembly.Table({ element: "anyfunc", initial: tableSize });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble(code)), {
    e: { functions },
  });
  const { invoke: invoking, jump } = exports as unknown as Jumps;
  return {
    invoke: invoking,
    jump,
    follow: (api) => {
      const table = api.__indirect_function_table;
      if (table.length > functionsMax) throw new Error("the module of Lua has more functions");
      for (let i = 0; i < table.length; i++) functions.set(i, table.get(i));
      functions.set(stackSave, api.stackSave);
      functions.set(stackRestore, api.stackRestore);
      functions.set(setThrew, api.setThrew);
    },
  };
}
