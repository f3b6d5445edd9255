// Modules of WebAssembly as bytes: for the few functions that cannot be JavaScript, because a
// script cannot be suspended while a frame of JavaScript is on its stack (suspension.ts, shims.ts).
// Only what they need is here; numbers of instructions are those of the specification.

export const i32 = 0x7f;
export const externref = 0x6f;
const funcref = 0x70;

export const op = {
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  drop: 0x1a,
  localGet: 0x20,
  localSet: 0x21,
  globalSet: 0x24,
  load: 0x28,
  store: 0x36,
  i32Const: 0x41,
  isZero: 0x45,
  subtract: 0x6b,
  /** The type of a block without a result. */
  nothing: 0x40,
} as const;

/** Parameters, then results. */
export type FunctionType = readonly [readonly number[], readonly number[]];

export interface Code {
  readonly types: readonly FunctionType[];
  readonly imports: readonly Import[];
  /** Of each function: its type, how many locals of i32 it has, and its instructions. */
  readonly functions: readonly (readonly [number, number, readonly number[]])[];
  /** The type of each tag of its own. */
  readonly tags?: readonly number[];
  readonly exports: readonly (readonly [string, number])[];
}

/** All are from the module `e`. A function and a tag have a type. */
export type Import =
  | readonly ["function", string, number]
  | readonly ["tag", string, number]
  | readonly ["table", string]
  | readonly ["memory", string]
  | readonly ["thrown", string];

export function assemble(code: Code): Uint8Array<ArrayBuffer> {
  const { types, imports, functions, tags = [], exports } = code;
  const first = imports.filter(([kind]) => kind === "function").length;
  const sections = [
    section(1, list(types.map(([from, to]) => [0x60, ...bytes(from), ...bytes(to)]))),
    section(2, list(imports.map(importBytes))),
    section(3, list(functions.map(([type]) => [type]))),
    tags.length === 0 ? [] : section(13, list(tags.map((type) => [0, type]))),
    section(7, list(exports.map(([name, at]) => [...text(name), 0, ...unsigned(first + at)]))),
    section(10, list(functions.map(([, locals, body]) => functionBytes(locals, body)))),
  ];
  return new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
}

function importBytes([kind, name, type = 0]: Import): number[] {
  const head = [...text("e"), ...text(name)];
  switch (kind) {
    case "function":
      return [...head, 0, type];
    case "table":
      return [...head, 1, funcref, 0, 0];
    case "memory":
      return [...head, 2, 0, 0];
    case "thrown":
      return [...head, 3, externref, 1];
    default:
      return [...head, 4, 0, type];
  }
}

function functionBytes(locals: number, body: readonly number[]): number[] {
  const declared = locals === 0 ? [0] : [1, ...unsigned(locals), i32];
  return bytes([...declared, ...body, op.end]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...bytes(content)];
}

function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function bytes(content: readonly number[]): number[] {
  return [...unsigned(content.length), ...content];
}

function text(name: string): number[] {
  return bytes([...Buffer.from(name)]);
}

/** A constant as an instruction. */
export function constant(value: number): number[] {
  const encoded = [op.i32Const as number];
  for (let rest = value | 0; ; rest >>= 7) {
    const low = rest & 0x7f;
    const isLast = rest >> 6 === 0 || rest >> 6 === -1;
    encoded.push(isLast ? low : low | 0x80);
    if (isLast) return encoded;
  }
}

export function unsigned(value: number): number[] {
  const encoded: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    encoded.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...encoded, rest];
}
