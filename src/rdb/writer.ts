// Writes a snapshot in Redis's RDB format, version 9, which Redis from 5 on and every Valkey read.
// It works incrementally: each call appends to `output`, whose bytes the caller sends off whenever
// it likes. It walks no store and writes each item that it is given: that no key comes twice, which
// would stop a real Redis, is the walk's promise.
// Invariant: the checksum covers every byte up to `summed`, and nothing leaves `output` before
// that.

import type { ByteSource } from "../base/bytes.ts";
import { Output } from "../base/output.ts";
import { Crc64 } from "./crc64.ts";
import { LENGTH_32, LENGTH_64, opcode, STRING_TYPE } from "./format.ts";

const encoder = new TextEncoder();
/** A field of our own, which others pass over. */
export const CLEAN_SHUTDOWN = "mscache-clean-shutdown";
const MAGIC = encoder.encode("REDIS0009");
const outputBytes = 256 * 1024;
const length6Max = 0x3f;
const length14Max = 0x3fff;
const length32Max = 0xffffffff;
const LENGTH_14 = 0x40;
/**
 * Longest head of an item: expiry with its opcode, type, length of the key; and the value's length.
 */
const itemHeadBytes = 9 + 1 + 9;
const lengthBytesMax = 9;

/** The fields that a reader may want to know before the first item. */
export interface SnapshotHeader {
  readonly serverVersion: string;
  /** The journal that the items are a state of; empty where they are of no one moment. */
  readonly replid: string;
  readonly offset: number;
  /** The database that the stream behind this snapshot has selected. */
  readonly streamDatabase: number;
  /** Nothing was written between this state and the end of its process. */
  readonly isCleanShutdown?: boolean;
  readonly usedMemoryBytes: number;
  readonly createdAtMs: number;
  /** Hints for the reader's tables. */
  readonly items: number;
  readonly expiringItems: number;
}

export class RdbWriter {
  readonly output: Output;
  #summed = 0;
  readonly #crc = new Crc64();

  constructor() {
    this.output = new Output(outputBytes);
  }

  header(header: SnapshotHeader): void {
    this.output.appendAll(MAGIC);
    this.#auxiliary("redis-ver", header.serverVersion);
    this.#auxiliary("ctime", String(Math.floor(header.createdAtMs / 1000)));
    this.#auxiliary("used-mem", String(header.usedMemoryBytes));
    if (header.replid !== "") {
      this.#auxiliary("repl-stream-db", String(header.streamDatabase));
      this.#auxiliary("repl-id", header.replid);
      this.#auxiliary("repl-offset", String(header.offset));
    }
    if (header.isCleanShutdown) this.#auxiliary(CLEAN_SHUTDOWN, "1");
    this.#byte(opcode.SELECT_DATABASE);
    this.#length(0);
    this.#byte(opcode.RESIZE_DATABASE);
    this.#length(header.items);
    this.#length(header.expiringItems);
  }

  /** One item with a value of `length` bytes, copied from its source. */
  item(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: ByteSource,
    length: number,
    expiresAt: number,
  ): void {
    this.itemInto(this.output, key, keyStart, keyEnd, value, length, expiresAt);
  }

  /** The same into another output, for pass() to take up later. */
  itemInto(
    output: Output,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: ByteSource,
    length: number,
    expiresAt: number,
  ): void {
    const keyLength = keyEnd - keyStart;
    const start = output.reserve(itemHeadBytes + keyLength + lengthBytesMax + length);
    const { bytes } = output;
    let at = start;
    if (expiresAt !== 0) {
      bytes[at] = opcode.EXPIRE_MS;
      writeInteger64(bytes, at + 1, expiresAt);
      at += 9;
    }
    bytes[at++] = STRING_TYPE;
    at = writeLength(bytes, at, keyLength);
    bytes.set(key.subarray(keyStart, keyEnd), at);
    at = writeLength(bytes, at + keyLength, length);
    value.copyTo(bytes, at, 0, length);
    output.length = at + length;
  }

  /** The end mark and the checksum. */
  end(): void {
    this.#byte(opcode.END);
    this.sum();
    const at = this.output.reserve(8);
    writeInteger32(this.output.bytes, at, this.#crc.low);
    writeInteger32(this.output.bytes, at + 4, this.#crc.high);
    this.#summed = this.output.length;
  }

  /** Brings the checksum up to date; to be called before bytes are taken out of `output`. */
  sum(): void {
    this.#crc.update(this.output.bytes, this.#summed, this.output.length);
    this.#summed = this.output.length;
  }

  /** Items from elsewhere that the caller sends now, while `output` is empty. */
  pass(bytes: Uint8Array): void {
    this.#crc.update(bytes, 0, bytes.length);
  }

  /** Forgets the bytes in `output`: they were sent. */
  clear(): void {
    if (this.#summed !== this.output.length) this.sum();
    this.output.clear();
    this.#summed = 0;
  }

  #byte(byte: number): void {
    const at = this.output.reserve(1);
    this.output.bytes[at] = byte;
  }

  #length(value: number): void {
    const at = this.output.reserve(lengthBytesMax);
    this.output.length = writeLength(this.output.bytes, at, value);
  }

  #auxiliary(name: string, value: string): void {
    this.#byte(opcode.AUX);
    for (const text of [name, value]) {
      const bytes = encoder.encode(text);
      this.#length(bytes.length);
      this.output.appendAll(bytes);
    }
  }
}

/** Writes a length in its shortest form; returns the position behind it. */
function writeLength(target: Uint8Array, at: number, value: number): number {
  if (value <= length6Max) {
    target[at] = value;
    return at + 1;
  }
  if (value <= length14Max) {
    target[at] = LENGTH_14 | (value >> 8);
    target[at + 1] = value;
    return at + 2;
  }
  if (value <= length32Max) {
    target[at] = LENGTH_32;
    writeBigEndian32(target, at + 1, value);
    return at + 5;
  }
  target[at] = LENGTH_64;
  writeBigEndian32(target, at + 1, Math.floor(value / 0x100000000));
  writeBigEndian32(target, at + 5, value);
  return at + 9;
}

function writeBigEndian32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

/** Little endian, as everything but lengths. */
function writeInteger32(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

function writeInteger64(target: Uint8Array, at: number, value: number): void {
  writeInteger32(target, at, value);
  writeInteger32(target, at + 4, Math.floor(value / 0x100000000));
}
