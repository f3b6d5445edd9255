// The RDB format as data: opcodes, and the shape of each type that a cache of strings cannot hold,
// so that the reader can skip its values. Nothing is read or written here.
// Sources: redis 7.2 `rdb.c`/`rdb.h`; for Redis 8.x, librdb 2.3 and the notes of readers of
// versions 13 to 15. Types above 21 and opcodes below 0xf4 differ between Redis 7.4+ and Valkey 9.

export const opcode = {
  /** Redis: the field names that many hashes share. Valkey: an update in the middle. */
  HASH_TEMPLATE: 0xf2,
  /**
   * Redis: metadata that modules attached to the key that follows. Valkey: the import of a slot.
   */
  KEY_METADATA: 0xf3,
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

/** Redis has used small numbers so far; a higher one is indistinguishable from garbage. */
export const redisVersionMax = 99;

/** First bytes that mark a string in another form instead of a length. */
export const special = { INT8: 0xc0, INT16: 0xc1, INT32: 0xc2, LZF: 0xc3 } as const;
export const LENGTH_32 = 0x80;
export const LENGTH_64 = 0x81;

/**
 * One part of a value: a string, a length, a double as text, a module's tagged parts, an array's
 * head, one of its tagged elements, the fields of a template, the values of a hash that uses one; a
 * number of bytes; or a repetition.
 */
export type Step =
  | ("string" | "length" | "double" | "module" | "array" | "element" | "template" | "templated")
  | number
  | Repeat;
/** A length, then these parts that many times. */
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

/**
 * Entry ids take 16 bytes, times 8. A group has its pending entries, then consumers with theirs.
 */
function stream(
  head: Step[],
  group: Step[],
  consumer: Step[],
  groupTail: Step[] = [],
  tail: Step[] = [],
): Shape {
  const pending = many(16, 8, "length");
  const consumers = many("string", 8, ...consumer, many(16));
  const groups = many("string", "length", "length", ...group, pending, consumers, ...groupTail);
  return {
    name: "stream",
    steps: [many("string", "string"), "length", "length", "length", ...head, groups, ...tail],
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

/** Redis 8.6: what a stream remembers about its producers, so that no entry is added twice. */
const idempotence: Step[] = [
  "length",
  "length",
  many("string", many("string", "length", "length")),
  "length",
  "length",
];

/** Hashes with expiring fields, streams with more state, arrays, hashes that share field names. */
const redisOnly: Readonly<Record<number, Shape>> = {
  22: { name: "hash", steps: [many("length", "string", "string")] },
  23: { name: "hash", steps: ["string"] },
  24: { name: "hash", steps: [8, many("length", "string", "string")] },
  25: { name: "hash", steps: [8, "string"] },
  26: stream(five, ["length"], [8], [], idempotence),
  27: stream(five, ["length"], [8], [many(16)], idempotence),
  28: { name: "array", steps: ["array"] },
  29: { name: "hash", steps: [many("string"), "string"] },
  30: { name: "hash", steps: ["string"] },
  31: { name: "hash", steps: [many("string", "string")] },
  32: { name: "hash", steps: ["templated"] },
};
const valkeyOnly: Readonly<Record<number, Shape>> = {
  22: { name: "hash", steps: [many("string", "string", 8)] },
};

/** The shape of a type to be skipped; undefined if it is not known. */
export function shapeOf(type: number, isValkey: boolean): Shape | undefined {
  return common[type] ?? (isValkey ? valkeyOnly : redisOnly)[type];
}

/** What follows a skipped opcode, and the name under which it is counted if it holds data. */
interface Ignored {
  readonly name?: string;
  readonly steps: readonly Step[];
}

const commonIgnored: Readonly<Record<number, Ignored>> = {
  [opcode.RESIZE_DATABASE]: { steps: ["length", "length"] },
  [opcode.IDLE]: { steps: ["length"] },
  [opcode.FREQUENCY]: { steps: [1] },
  [opcode.SLOT_INFO]: { steps: ["length", "length", "length"] },
  [opcode.FUNCTION]: { name: "function", steps: ["string"] },
  [opcode.MODULE_AUX]: { steps: ["length", "length", "length", "module"] },
};

const redisIgnored: Readonly<Record<number, Ignored>> = {
  [opcode.HASH_TEMPLATE]: { steps: ["length", "template"] },
  [opcode.KEY_METADATA]: { name: "key metadata", steps: [many(4, "module")] },
};

export function ignoredAfter(code: number, isValkey: boolean): Ignored | undefined {
  return commonIgnored[code] ?? (isValkey ? undefined : redisIgnored[code]);
}

/** A module's parts by tag: signed, unsigned, float, double, string. Tag 0 ends them. */
export const moduleParts: Readonly<Record<number, Step>> = {
  1: "length",
  2: "length",
  3: 4,
  4: 8,
  5: "string",
};

/** The elements of an array by tag: text, integer, double, short text. */
export const elementParts: Readonly<Record<number, Step>> = {
  0: "string",
  1: 8,
  2: 8,
  3: "string",
};

/** The bytes are not a valid snapshot; `offset` is where that was noticed. */
export class RdbError extends Error {
  override readonly name = "RdbError";
  readonly offset: number;

  constructor(text: string, offset: number) {
    super(`snapshot: ${text} at byte ${offset}`);
    this.offset = offset;
  }
}
