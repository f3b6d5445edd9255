// The RDB format as data: opcodes, and for every type that a cache of strings cannot hold the shape of
// its value, so that the reader can step over it. Nothing is read or written here.
// From redis 7.2 `rdb.c`/`rdb.h`; types above 21 are numbered differently by Redis 7.4+ and Valkey 9.

export const opcode = {
  SLOT_IMPORT: 0xf3,
  SLOT_INFO: 0xf4,
  FUNCTION: 0xf5,
  MODULE_AUX: 0xf7,
  IDLE: 0xf8,
  FREQUENCY: 0xf9,
  AUX: 0xfa,
  RESIZE_DATABASE: 0xfb,
  EXPIRE_MS: 0xfc,
  EXPIRE_SECONDS: 0xfd,
  SELECT_DATABASE: 0xfe,
  END: 0xff,
} as const;

export const STRING_TYPE = 0;

/** The first byte of a length that is not one: what follows is a string in another form. */
export const special = { INT8: 0xc0, INT16: 0xc1, INT32: 0xc2, LZF: 0xc3 } as const;
export const LENGTH_32 = 0x80;
export const LENGTH_64 = 0x81;

/** One part of a value: a string, a length, a double as text, a module's tagged parts, so many bytes, a list. */
export type Step = "string" | "length" | "double" | "module" | number | Repeat;
/** A length, then as many times these parts. */
export interface Repeat {
  readonly each: readonly Step[];
}

function many(...each: Step[]): Repeat {
  return { each };
}

export interface Shape {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** Entry ids are 16 bytes, times 8; groups hold pending entries, then consumers with theirs. */
function stream(head: Step[], group: Step[], consumer: Step[]): Shape {
  const pending = many(16, 8, "length");
  const consumers = many("string", 8, ...consumer, many(16));
  const groups = many("string", "length", "length", ...group, pending, consumers);
  return {
    name: "stream",
    steps: [many("string", "string"), "length", "length", "length", ...head, groups],
  };
}

const five: Step[] = ["length", "length", "length", "length", "length"];

const common: Readonly<Record<number, Shape>> = {
  1: { name: "list", steps: [many("string")] },
  2: { name: "set", steps: [many("string")] },
  3: { name: "zset", steps: [many("string", "double")] },
  4: { name: "hash", steps: [many("string", "string")] },
  5: { name: "zset", steps: [many("string", 8)] },
  7: { name: "module", steps: ["length", "module"] },
  9: { name: "hash", steps: ["string"] },
  10: { name: "list", steps: ["string"] },
  11: { name: "set", steps: ["string"] },
  12: { name: "zset", steps: ["string"] },
  13: { name: "hash", steps: ["string"] },
  14: { name: "list", steps: [many("string")] },
  15: stream([], [], []),
  16: { name: "hash", steps: ["string"] },
  17: { name: "zset", steps: ["string"] },
  18: { name: "list", steps: [many("length", "string")] },
  19: stream(five, ["length"], []),
  20: { name: "set", steps: ["string"] },
  21: stream(five, ["length"], [8]),
};

/** Hashes whose fields expire. */
const redisOnly: Readonly<Record<number, Shape>> = {
  22: { name: "hash", steps: [many("length", "string", "string")] },
  23: { name: "hash", steps: ["string"] },
  24: { name: "hash", steps: [8, many("length", "string", "string")] },
  25: { name: "hash", steps: [8, "string"] },
};
const valkeyOnly: Readonly<Record<number, Shape>> = {
  22: { name: "hash", steps: [many("string", "string", 8)] },
};

/** The shape of a type that is stepped over; undefined if it is not known. */
export function shapeOf(type: number, isValkey: boolean): Shape | undefined {
  return common[type] ?? (isValkey ? valkeyOnly : redisOnly)[type];
}

/** What follows an opcode that is stepped over. */
export const ignored: Readonly<Record<number, readonly Step[]>> = {
  [opcode.RESIZE_DATABASE]: ["length", "length"],
  [opcode.IDLE]: ["length"],
  [opcode.FREQUENCY]: [1],
  [opcode.SLOT_INFO]: ["length", "length", "length"],
  [opcode.FUNCTION]: ["string"],
  [opcode.MODULE_AUX]: ["length", "length", "length", "module"],
};

/** A module's parts by their tag: signed, unsigned, float, double, string. 0 ends them. */
export const moduleParts: Readonly<Record<number, Step>> = {
  1: "length",
  2: "length",
  3: 4,
  4: 8,
  5: "string",
};

/** Bytes that are no snapshot, with the place at which that was noticed. */
export class RdbError extends Error {
  override readonly name = "RdbError";
  readonly offset: number;

  constructor(text: string, offset: number) {
    super(`snapshot: ${text} at byte ${offset}`);
    this.offset = offset;
  }
}
