// Makes functions of ours callable from WebAssembly through its table of functions. A table takes
// only functions of WebAssembly, so ours become the imports of a module that does nothing but
// export them again. One module serves all functions that were added since the last one: a module
// for each took 45 us, which was most of the start of a VM.
// Invariant: a function has its index at once; Lua can call it after link().

/** The types of functions that Lua calls through pointers. */
export type Signature = "function" | "hook";

const i32 = 0x7f;
const functionType = 0x60;
/** lua_CFunction is `int (lua_State*)`, lua_Hook is `void (lua_State*, lua_Debug*)`. */
const types: Readonly<Record<Signature, readonly number[]>> = {
  function: [functionType, 1, i32, 1, i32],
  hook: [functionType, 2, i32, i32, 0],
};
const typeIndexes: Readonly<Record<Signature, number>> = { function: 0, hook: 1 };

export type HostFunction = (l: number, record: number) => unknown;

interface Added {
  readonly signature: Signature;
  readonly call: HostFunction;
}

export class HostFunctions {
  private readonly table: WebAssembly.Table;
  private readonly firstIndex: number;
  private readonly all: HostFunction[];
  private waiting: Added[];

  constructor(table: WebAssembly.Table) {
    this.table = table;
    this.firstIndex = table.length;
    this.all = [];
    this.waiting = [];
  }

  /** Returns the index of the function in the table, which is its pointer. */
  add(signature: Signature, call: HostFunction): number {
    this.waiting.push({ signature, call });
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
    const module = new WebAssembly.Module(reExport(added));
    const imports = Object.fromEntries(added.map(({ call }, i) => [nameOf(i), call]));
    const { exports } = new WebAssembly.Instance(module, { e: imports });
    const first = this.table.grow(added.length);
    for (let i = 0; i < added.length; i++) this.table.set(first + i, exports[nameOf(i)]);
  }
}

function nameOf(index: number): string {
  return String(index);
}

/** A module that imports each function from `e` by its number and exports it under that. */
function reExport(added: readonly Added[]): Uint8Array<ArrayBuffer> {
  const imports = added.map(({ signature }, i) => [
    ...[...text("e"), ...text(nameOf(i))],
    ...[0, typeIndexes[signature]],
  ]);
  const exports = added.map((_, i) => [...text(nameOf(i)), 0, ...unsigned(i)]);
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic number and version
    ...section(1, [types.function, types.hook]),
    ...section(2, imports),
    ...section(7, exports),
  ]);
}

/** A section is a vector: its number of items, and these. */
function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = [...unsigned(items.length), ...items.flat()];
  return [id, ...unsigned(content.length), ...content];
}

function text(characters: string): number[] {
  return [...unsigned(characters.length), ...Buffer.from(characters)];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}
