// Hot path: blocks of requests, encoded once and written in one piece. If all values have the same
// length, the layout of a block never changes, and each write only stamps the digits of its keys
// (about 15 ns per request). If lengths differ, the block is assembled again from one template per
// length. It does not send anything.
// Invariant: after `next()`, the bytes of the block are exactly `depth` requests for `block.keys`.

import { type KeyChooser, keyChooser } from "./random.ts";
import { GET, SET, valueLength, type Workload } from "./workload.ts";

const ZERO = 0x30; // 0
const filler = new TextEncoder().encode("abcdefghijklmnopqrstuvwxyz012345");

/** One encoded request, with the positions at which its key and a checked value are stamped. */
interface Template {
  readonly bytes: Uint8Array;
  readonly keyAt: number;
  /** The position at which the value repeats the key, or -1 if it does not. */
  readonly stampAt: number;
}

/** The key with number `id`: a prefix, then the zero-padded number. */
export function keyText(workload: Workload, id: number): string {
  const { prefix, digits } = keyShape(workload);
  return prefix + String(id).padStart(digits, "0");
}

function keyShape(workload: Workload): { prefix: string; digits: number } {
  const spare = workload.keyLengthBytes - String(workload.keys - 1).length;
  const prefix = spare >= 4 ? "key:" : "";
  return { prefix, digits: workload.keyLengthBytes - prefix.length };
}

/** The byte of a value at `index`, after the key with which a checked value begins. */
export function fillerByte(index: number): number {
  return filler[index % filler.length];
}

/** A checked value begins with its key, unless it is too short for it. */
function isStamped(workload: Workload, length: number): boolean {
  return workload.verify && length >= workload.keyLengthBytes;
}

export function encodeValue(workload: Workload, id: number): Uint8Array {
  const value = new Uint8Array(valueLength(workload, id));
  for (let i = 0; i < value.length; i++) value[i] = fillerByte(i);
  if (isStamped(workload, value.length)) {
    new TextEncoder().encodeInto(keyText(workload, id), value);
  }
  return value;
}

function encodeHead(workload: Workload, kind: number, length: number): [string, string] {
  const ttl = workload.ttlSeconds;
  if (workload.protocol === "memcache") {
    return kind === GET ? ["get ", "\r\n"] : ["set ", ` 0 ${ttl} ${length}\r\n`];
  }
  const keyHead = `$${workload.keyLengthBytes}\r\n`;
  if (kind === GET) return [`*2\r\n$3\r\nGET\r\n${keyHead}`, "\r\n"];
  return [`*${ttl > 0 ? 5 : 3}\r\n$3\r\nSET\r\n${keyHead}`, `\r\n$${length}\r\n`];
}

function encodeTail(workload: Workload, kind: number): string {
  if (kind === GET) return "";
  if (workload.protocol === "memcache" || workload.ttlSeconds === 0) return "\r\n";
  const ttl = String(workload.ttlSeconds);
  return `\r\n$2\r\nEX\r\n$${ttl.length}\r\n${ttl}\r\n`;
}

function makeTemplate(workload: Workload, kind: number, length: number): Template {
  const [head, neck] = encodeHead(workload, kind, length);
  const tail = encodeTail(workload, kind);
  const body = kind === SET ? length : 0;
  const valueAt = head.length + workload.keyLengthBytes + neck.length;
  const bytes = new Uint8Array(valueAt + body + tail.length);
  new TextEncoder().encodeInto(head + keyText(workload, 0) + neck, bytes);
  if (kind === SET) bytes.set(encodeValue({ ...workload, ...sized(length) }, 0), valueAt);
  bytes.set(new TextEncoder().encode(tail), valueAt + body);
  const stamped = kind === SET && isStamped(workload, length);
  return { bytes, keyAt: head.length, stampAt: stamped ? valueAt : -1 };
}

function sized(length: number): Pick<Workload, "valueBytesMin" | "valueBytesMax"> {
  return { valueBytesMin: length, valueBytesMax: length };
}

/** The requests of one pipeline in one buffer, with the data to check the replies. */
export class RequestBlock {
  readonly kinds: Uint8Array;
  readonly keys: Int32Array;
  readonly lengths: Int32Array;
  bytes: Uint8Array;
  size: number;
  readonly keyEnds: Int32Array;
  readonly stampEnds: Int32Array;

  constructor(depth: number) {
    this.kinds = new Uint8Array(depth);
    this.keys = new Int32Array(depth);
    this.lengths = new Int32Array(depth);
    this.bytes = new Uint8Array(0);
    this.size = 0;
    this.keyEnds = new Int32Array(depth);
    this.stampEnds = new Int32Array(depth);
  }
}

/** An endless supply of blocks for one run, shared by all its connections. */
export class RequestSource {
  private readonly workload: Workload;
  private readonly chooser: KeyChooser;
  private readonly blocks: RequestBlock[] = [];
  private readonly templates = new Map<number, Template>();
  private readonly fixed: boolean;
  /** Number of digits that differ between keys; those before them are zero in every key. */
  private readonly digits: number;
  private turn = 0;

  constructor(workload: Workload) {
    this.workload = workload;
    this.chooser = keyChooser(workload);
    this.fixed = workload.valueBytesMin === workload.valueBytesMax;
    this.digits = String(workload.keys - 1).length;
    this.makeBlocks();
  }

  /** The next block, with new keys. Valid until the source reuses the block. */
  next(): RequestBlock {
    const block = this.blocks[this.turn];
    this.turn = this.turn + 1 === this.blocks.length ? 0 : this.turn + 1;
    const keys = block.keys;
    for (let slot = 0; slot < keys.length; slot++) keys[slot] = this.chooser.next();
    if (!this.fixed) this.layOut(block);
    this.stamp(block);
    return block;
  }

  /**
   * Makes as many blocks as complete a cycle of the mix of reads and writes, so that the ratio is
   * exact although the kinds of a block never change.
   */
  private makeBlocks(): void {
    const { gets, sets, depth } = this.workload;
    const cycle = gets + sets;
    const count = cycle / greatestCommonDivisor(cycle, depth);
    for (let b = 0; b < count; b++) {
      const block = new RequestBlock(depth);
      for (let slot = 0; slot < depth; slot++) {
        const place = (b * depth + slot) % cycle;
        const isSet = Math.floor(((place + 1) * sets) / cycle) > Math.floor((place * sets) / cycle);
        block.kinds[slot] = isSet ? SET : GET;
      }
      this.layOut(block);
      this.blocks.push(block);
    }
  }

  private layOut(block: RequestBlock): void {
    let size = 0;
    for (let slot = 0; slot < block.keys.length; slot++) {
      const length = valueLength(this.workload, block.keys[slot]);
      block.lengths[slot] = length;
      const template = this.template(block.kinds[slot], length);
      if (size + template.bytes.length > block.bytes.length) {
        this.growBlock(block, size, size + template.bytes.length);
      }
      block.bytes.set(template.bytes, size);
      block.keyEnds[slot] = size + template.keyAt + this.workload.keyLengthBytes;
      block.stampEnds[slot] =
        template.stampAt < 0 ? -1 : size + template.stampAt + this.workload.keyLengthBytes;
      size += template.bytes.length;
    }
    block.size = size;
  }

  private growBlock(block: RequestBlock, used: number, needed: number): void {
    const grown = new Uint8Array(Math.max(needed, block.bytes.length * 2));
    grown.set(block.bytes.subarray(0, used));
    block.bytes = grown;
  }

  /** Templates are cached for small values; a large one costs more to keep than to build. */
  private template(kind: number, length: number): Template {
    if (kind === SET && length > 65_536 && !this.fixed) {
      return makeTemplate(this.workload, kind, length);
    }
    const name = kind === GET ? 0 : length + 1;
    let template = this.templates.get(name);
    if (template === undefined) {
      template = makeTemplate(this.workload, kind, length);
      this.templates.set(name, template);
    }
    return template;
  }

  private stamp(block: RequestBlock): void {
    const bytes = block.bytes;
    const digits = this.digits;
    for (let slot = 0; slot < block.keys.length; slot++) {
      let rest = block.keys[slot];
      const keyEnd = block.keyEnds[slot];
      const stampEnd = block.stampEnds[slot];
      for (let digit = 1; digit <= digits; digit++) {
        const tens = (rest / 10) | 0;
        const byte = ZERO + rest - tens * 10;
        bytes[keyEnd - digit] = byte;
        if (stampEnd >= 0) bytes[stampEnd - digit] = byte;
        rest = tens;
      }
    }
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
