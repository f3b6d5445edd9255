// Makes functions of ours callable from WebAssembly through its table of functions. A table takes
// only functions of WebAssembly, so ours become the imports of a module that does nothing but
// export them again. One module serves all functions that were added since the last one: a module
// for each took 45 us, which was most of the start of a VM.
// Invariant: a function has its index at once; Lua can call it after link().

import { assemble, i32 } from "./wasm-code.ts";

/** lua_CFunction is `int (lua_State*)`. */
export type HostFunction = (l: number) => unknown;

export class HostFunctions {
  private readonly table: WebAssembly.Table;
  private readonly firstIndex: number;
  private readonly all: HostFunction[];
  private waiting: HostFunction[];

  constructor(table: WebAssembly.Table) {
    this.table = table;
    this.firstIndex = table.length;
    this.all = [];
    this.waiting = [];
  }

  /** Returns the index of the function in the table, which is its pointer. */
  add(call: HostFunction): number {
    this.waiting.push(call);
    return this.firstIndex + this.all.push(call) - 1;
  }

  /** The function with this index: one of ours as it was added, or one of the module. */
  get(index: number): HostFunction {
    return this.all[index - this.firstIndex] ?? this.table.get(index);
  }

  get isLinked(): boolean {
    return this.waiting.length === 0;
  }

  /** Puts into the table what was added. */
  link(): void {
    const added = this.waiting;
    this.waiting = [];
    const module = new WebAssembly.Module(reExport(added.length));
    const imports = Object.fromEntries(added.map((call, i) => [nameOf(i), call]));
    const { exports } = new WebAssembly.Instance(module, { e: imports });
    const first = this.table.grow(added.length);
    for (let i = 0; i < added.length; i++) this.table.set(first + i, exports[nameOf(i)]);
  }
}

function nameOf(index: number): string {
  return String(index);
}

/** A module that imports each function from `e` by its number and exports it under that. */
function reExport(count: number): Uint8Array<ArrayBuffer> {
  const names = Array.from({ length: count }, (_, i) => nameOf(i));
  return assemble({
    types: [[[i32], [i32]]],
    imports: names.map((name) => ["function", name, 0] as const),
    functions: [],
    exports: names.map((name, i) => [name, i - count] as const),
  });
}
