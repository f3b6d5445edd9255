// Makes a function of ours callable from WebAssembly through its table of functions. A table takes
// only functions of WebAssembly, so ours becomes the import of a module that does nothing but
// export it again.

/** The types of functions that Lua calls through pointers. */
export type Signature = "function" | "hook";

const i32 = 0x7f;
/** lua_CFunction is `int (lua_State*)`, lua_Hook is `void (lua_State*, lua_Debug*)`. */
const types: Readonly<Record<Signature, readonly number[]>> = {
  function: [0x60, 1, i32, 1, i32],
  hook: [0x60, 2, i32, i32, 0],
};

export type HostFunction = (l: number, record: number) => unknown;

/** Adds `call` to the table and returns its index, which is its pointer. */
export function addTo(table: WebAssembly.Table, signature: Signature, call: HostFunction): number {
  const module = new WebAssembly.Module(reExport(types[signature]));
  const { exports } = new WebAssembly.Instance(module, { e: { f: call } });
  const index = table.grow(1);
  table.set(index, exports.f);
  return index;
}

/** A module that imports `e.f` of this type and exports it as `f`. */
function reExport(type: readonly number[]): Uint8Array<ArrayBuffer> {
  const e = 0x65;
  const f = 0x66;
  const magicAndVersion = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const typeSection = [1, type.length + 1, 1, ...type];
  const importSection = [2, 7, 1, 1, e, 1, f, 0, 0];
  const exportSection = [7, 5, 1, 1, f, 0, 0];
  return new Uint8Array([...magicAndVersion, ...typeSection, ...importSection, ...exportSection]);
}
