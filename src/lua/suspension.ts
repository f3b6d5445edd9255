// A script in the middle of which the event loop goes on: the hook that counts instructions may
// suspend the stack of WebAssembly (JavaScript Promise Integration). So a VM runs a script by
// `run`, which leaves word of its outcome in the memory of the VM, as a promise would come too late
// for the many scripts that nobody suspends; and its hook is a function that can be suspended.
// Invariant: what `suspend` has begun is always followed by `resumed`: with 0 after a wait, and at
// once with 1 if a frame of JavaScript on the stack of the script stands in the way.

import type { LuaExports } from "./exports.ts";
import { assemble, constant, externref, i32, op, unsigned } from "./wasm-code.ts";

/** What run() leaves in the memory, as words: how it ended, and what lua_pcall() returned. */
const UNFINISHED = 0;
export const FINISHED = 1;
export const THREW = 2;

export interface SuspensionHost {
  /** After each so many instructions: whether to suspend. It may raise an error. */
  count(l: number): number;
  suspend(): Promise<void>;
  resumed(l: number, hasFailed: number): void;
  /** Called at the end of a script that was suspended. */
  finished(): void;
}

export interface Suspension {
  /** Runs lua_pcall(). The promise says only that it has trapped, by being rejected. */
  readonly run: (l: number, args: number, results: number, handler: number) => Promise<void>;
  /** For lua_sethook(). */
  readonly hook: (l: number, record: number) => void;
  /** An exception of a function of ours. */
  readonly thrown: { value: unknown };
}

/** What TypeScript does not know yet. */
interface PromiseIntegration {
  promising(call: unknown): Suspension["run"];
  Suspending: new (call: () => Promise<void>) => Bun.WebAssembly.ImportValue;
  JSTag: Bun.WebAssembly.ImportValue;
  Global: new (type: { value: string; mutable: boolean }, value: unknown) => { value: unknown };
}

const type = { run: 0, call: 1, plain: 2, count: 3, resumed: 4, thrown: 5, hook: 4 } as const;
const call = { pcall: 0, count: 1, suspend: 2, resumed: 3, finished: 4 } as const;
const get = (index: number) => [op.localGet, index];
const hasFailed = 2;

const hook = [
  ...[...get(0), op.call, call.count, op.if, op.nothing],
  ...[op.try, op.nothing, op.call, call.suspend],
  ...[op.catch, 0, op.drop, ...constant(1), op.localSet, hasFailed, op.end],
  ...[...get(0), ...get(hasFailed), op.call, call.resumed],
  op.end,
];

/** `at`: where to leave the outcome. The word behind the second says that it was suspended. */
function runner(at: number): number[] {
  const store = (offset: number) => [op.store, 2, ...unsigned(offset)];
  const outcome = 4;
  return [
    ...[...constant(at), ...constant(UNFINISHED), ...store(0)],
    ...[op.try, op.nothing],
    ...[...get(0), ...get(1), ...get(2), ...get(3), op.call, call.pcall, op.localSet, outcome],
    ...[...constant(at), ...get(outcome), ...store(4)],
    ...[...constant(at), ...constant(FINISHED), ...store(0)],
    ...[op.catch, 0, op.globalSet, 0, ...constant(at), ...constant(THREW), ...store(0), op.end],
    ...[...constant(at), op.load, 2, 8, op.if, op.nothing, op.call, call.finished, op.end],
  ];
}

export function makeSuspension(api: LuaExports, at: number, host: SuspensionHost): Suspension {
  const web = WebAssembly as unknown as PromiseIntegration;
  const code = assemble({
    types: [
      [[i32, i32, i32, i32], []],
      [[i32, i32, i32, i32], [i32]],
      [[], []],
      [[i32], [i32]],
      [[i32, i32], []],
      [[externref], []],
    ],
    imports: [
      ["function", "pcall", type.call],
      ["function", "count", type.count],
      ["function", "suspend", type.plain],
      ["function", "resumed", type.resumed],
      ["function", "finished", type.plain],
      ["memory", "memory"],
      ["thrown", "thrown"],
      ["tag", "exception", type.thrown],
    ],
    functions: [
      [type.run, 1, runner(at)],
      [type.hook, 1, hook],
    ],
    exports: [
      ["run", 0],
      ["hook", 1],
    ],
  });
  const thrown = new web.Global({ value: "externref", mutable: true }, null);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), {
    e: {
      ...{ pcall: api.lua_pcall, memory: api.memory, exception: web.JSTag },
      thrown: thrown as unknown as WebAssembly.Global,
      ...{ count: host.count, resumed: host.resumed, finished: host.finished },
      suspend: new web.Suspending(host.suspend),
    },
  });
  const { run, hook: hooked } = exports as unknown as Suspension;
  return { run: web.promising(run), hook: hooked, thrown };
}
