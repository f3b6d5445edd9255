// Formats of the library `struct`: what each option means, with the size, the byte order and the
// alignment that hold for it. A format is read while it is used, as in Redis, so that a fault
// counts where a call meets it: it is an item of its own, the last one.
// Invariant: an item is never changed, so calls share a short format; of a long one none is kept.
// Hot path: StructFormats.at() and item(): no allocation for a format that was met before.

import { latin1 } from "../base/bytes.ts";

const integerBytesMax = 32;
const intMax = 2 ** 31 - 1;
const intBytes = 4;
const defaultAlignment = 8;
const fixedSizes: Readonly<Record<string, number>> = {
  ...{ b: 1, B: 1, h: 2, H: 2, l: 8, L: 8, T: 8, f: 4, d: 8, x: 1 },
};

/** What an option stands for. */
export const kind = {
  SIGNED: 0,
  UNSIGNED: 1,
  PADDING: 2,
  FLOAT: 3,
  /** `c`, of the item's size; 0: as long as the argument, or as the last value says. */
  BYTES: 4,
  STRING: 5,
  /** No value: a byte order, an alignment, a space. */
  CONTROL: 6,
  /** No option; and an alignment that is none. */
  INVALID: 7,
  /** A number that is too large, which is met before all else of its option. */
  OVERFLOW: 8,
} as const;

type Kind = (typeof kind)[keyof typeof kind];

const kinds: Readonly<Record<string, Kind>> = {
  ...{ b: kind.SIGNED, h: kind.SIGNED, l: kind.SIGNED, i: kind.SIGNED },
  ...{ B: kind.UNSIGNED, H: kind.UNSIGNED, L: kind.UNSIGNED, T: kind.UNSIGNED, I: kind.UNSIGNED },
  ...{ x: kind.PADDING, f: kind.FLOAT, d: kind.FLOAT, c: kind.BYTES, s: kind.STRING },
  ...{ "<": kind.CONTROL, ">": kind.CONTROL, "!": kind.CONTROL, " ": kind.CONTROL },
};

export interface Item {
  readonly kind: Kind;
  readonly option: string;
  /** In bytes. */
  readonly size: number;
  readonly isLittle: boolean;
  /** The item begins at a multiple of it, a power of two. */
  readonly alignment: number;
  /** Why INVALID or OVERFLOW: an error with a position; "" for an argument that is wrong. */
  readonly fault: string;
}

export class StructFormat {
  private readonly items: Item[];
  private readonly text: string;
  private readonly isKept: boolean;
  private isLittle: boolean;
  private alignment: number;
  private at: number;
  private fault: string;

  constructor(text: string, isKept: boolean) {
    this.items = [];
    this.text = text;
    this.isKept = isKept;
    this.isLittle = true;
    this.alignment = 1;
    this.at = 0;
    this.fault = "";
  }

  /** An item after all those before it; null at the end. */
  item(index: number): Item | null {
    if (index < this.items.length) return this.items[index];
    if (this.at >= this.text.length || this.fault !== "") return null;
    const item = this.read();
    if (this.isKept) this.items.push(item);
    return item;
  }

  private read(): Item {
    const option = this.text[this.at++];
    const size = this.sizeOf(option);
    if (this.fault !== "") return this.itemOf(kind.OVERFLOW, option, 0);
    const what = kinds[option] ?? kind.INVALID;
    if (what === kind.CONTROL) this.control(option);
    return this.itemOf(this.fault === "" ? what : kind.INVALID, option, size);
  }

  private itemOf(what: Kind, option: string, size: number): Item {
    const { isLittle, fault } = this;
    const isAligned = size > 0 && what !== kind.BYTES;
    const alignment = isAligned ? Math.min(size, this.alignment) : 1;
    return { kind: what, option, size, isLittle, alignment, fault };
  }

  private control(option: string): void {
    if (option === ">") this.isLittle = false;
    else if (option === "<") this.isLittle = true;
    else if (option === "!") this.align(this.number(defaultAlignment));
  }

  private align(alignment: number): void {
    if (this.fault !== "") return;
    if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
      this.fault = `alignment ${alignment} is not a power of 2`;
    } else this.alignment = alignment;
  }

  private sizeOf(option: string): number {
    if (option === "c") return this.number(1);
    if (option !== "i" && option !== "I") return fixedSizes[option] ?? 0;
    const size = this.number(intBytes);
    if (size > integerBytesMax && this.fault === "") {
      this.fault = `integral size ${size} is larger than limit of ${integerBytesMax}`;
    }
    return size;
  }

  private number(otherwise: number): number {
    if (!this.isDigit()) return otherwise;
    let value = 0;
    while (this.isDigit()) {
      value = value * 10 + Number(this.text[this.at++]);
      if (value > intMax) {
        this.fault = "integral size overflow";
        return 0;
      }
    }
    return value;
  }

  private isDigit(): boolean {
    const code = this.text.charCodeAt(this.at);
    return code >= 0x30 && code <= 0x39;
  }
}

/** A power of two. Two formats of one slot displace each other; longer ones are read each time. */
const slotCount = 32;
const keptBytesMax = 64;

interface Kept {
  readonly bytes: Uint8Array;
  readonly format: StructFormat;
}

/** The formats that a VM has met lately, by their bytes. */
export class StructFormats {
  private readonly slots: (Kept | null)[];

  constructor() {
    this.slots = new Array(slotCount).fill(null);
  }

  /** The format in these bytes, up to a NUL. */
  at(bytes: Uint8Array, start: number, length: number): StructFormat {
    if (length > keptBytesMax) return new StructFormat(textOf(bytes, start, length), false);
    let slot = length;
    for (let i = start; i < start + length; i++) slot = (Math.imul(slot, 31) + bytes[i]) | 0;
    slot &= slotCount - 1;
    const kept = this.slots[slot];
    if (kept !== null && isSame(kept.bytes, bytes, start, length)) return kept.format;
    const format = new StructFormat(textOf(bytes, start, length), true);
    this.slots[slot] = { bytes: bytes.slice(start, start + length), format };
    return format;
  }
}

function textOf(bytes: Uint8Array, start: number, length: number): string {
  const end = bytes.indexOf(0, start); // every string of Lua ends with one
  return latin1(bytes, start, Math.min(end, start + length));
}

function isSame(kept: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (kept.length !== length) return false;
  for (let i = 0; i < length; i++) if (kept[i] !== bytes[start + i]) return false;
  return true;
}
