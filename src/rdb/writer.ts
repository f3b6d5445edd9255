// Writes a snapshot in Redis's RDB format, version 9, which Redis 5 and later and every Valkey can
// read. It works incrementally: each call appends to `output`, whose bytes the caller may send at
// any time. It does not walk the store and writes every item that it is given: the walk must not
// give a key twice, which would stop a real Redis.
// Invariant: the checksum covers every byte up to `summed`, and nothing leaves `output` before
// that.

import type { ByteSource } from "../base/bytes.ts";
import { Output } from "../base/output.ts";
import { Crc64 } from "./crc64.ts";
import { LENGTH_32, LENGTH_64, opcode, STRING_TYPE } from "./format.ts";

const encoder = new TextEncoder();
/** Our own auxiliary field, which other servers ignore. */
export const cleanShutdown = "mscache-clean-shutdown";
/** The same: the items are a state of the history from this offset on. */
export const settlesAt = "mscache-settles-at";
/** Redis 5 and later and every Valkey read it. */
export const writtenVersion = 9;
const magicBytes = encoder.encode(`REDIS${String(writtenVersion).padStart(4, "0")}`);
const outputBytes = 256 * 1024;
const length6Max = 0x3f;
const length14Max = 0x3fff;
const length32Max = 0xffffffff;
const LENGTH_14 = 0x40;
/** Longest head of an item: opcode and expiry, type, length of the key. */
const itemHeadBytes = 9 + 1 + 9;
const lengthBytesMax = 9;

/** The fields that come before the first item. */
export interface SnapshotHeader {
  readonly serverVersion: string;
  /** The history whose state the items are; empty if they are not the state of one moment. */
  readonly replid: string;
  readonly offset: number;
  /** The database that is selected in the stream after this snapshot. */
  readonly streamDatabase: number;
  /** Whether nothing was written between this state and the end of the process. */
  readonly isCleanShutdown?: boolean;
  readonly usedMemoryBytes: number;
  readonly createdAtMs: number;
}

export class RdbWriter {
  readonly output: Output;
  private summed = 0;
  private readonly crc = new Crc64();

  constructor() {
    this.output = new Output(outputBytes);
  }

  header(header: SnapshotHeader): void {
    this.output.appendAll(magicBytes);
    this.auxiliary("redis-ver", header.serverVersion);
    this.auxiliary("ctime", String(Math.floor(header.createdAtMs / 1000)));
    this.auxiliary("used-mem", String(header.usedMemoryBytes));
    if (header.replid !== "") {
      this.auxiliary("repl-stream-db", String(header.streamDatabase));
      this.auxiliary("repl-id", header.replid);
      this.auxiliary("repl-offset", String(header.offset));
    }
    if (header.isCleanShutdown) this.auxiliary(cleanShutdown, "1");
  }

  /** A library of functions, before the first item. */
  library(text: Uint8Array): void {
    this.byte(opcode.FUNCTION);
    this.length(text.length);
    this.output.appendAll(text);
  }

  /** The items that follow are of this database. */
  select(database: number): void {
    this.byte(opcode.SELECT_DATABASE);
    this.length(database);
  }

  /** A hint for the reader's tables, after select(): how many items follow, and how many expire. */
  resize(items: number, expiringItems: number): void {
    this.byte(opcode.RESIZE_DATABASE);
    this.length(items);
    this.length(expiringItems);
  }

  /** As select(), for items that itemInto() adds. */
  selectInto(output: Output, database: number): void {
    const at = output.reserve(1 + lengthBytesMax);
    output.bytes[at] = opcode.SELECT_DATABASE;
    output.length = writeLength(output.bytes, at + 1, database);
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

  /** As item(), but into another output, whose bytes pass() counts later. */
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

  /** The items were read until this offset of the history. */
  settles(offset: number): void {
    this.auxiliary(settlesAt, String(offset));
  }

  /** Writes the end mark and the checksum. */
  end(): void {
    this.byte(opcode.END);
    this.sum();
    const at = this.output.reserve(8);
    writeInteger32(this.output.bytes, at, this.crc.low);
    writeInteger32(this.output.bytes, at + 4, this.crc.high);
    this.summed = this.output.length;
  }

  /** Brings the checksum up to date; call it before you take bytes out of `output`. */
  sum(): void {
    this.crc.update(this.output.bytes, this.summed, this.output.length);
    this.summed = this.output.length;
  }

  /**
   * Adds items from another output to the checksum; the caller sends them now, while `output` is
   * empty.
   */
  pass(bytes: Uint8Array): void {
    this.crc.update(bytes, 0, bytes.length);
  }

  /** Drops the bytes in `output`, which were sent. */
  clear(): void {
    if (this.summed !== this.output.length) this.sum();
    this.output.clear();
    this.summed = 0;
  }

  private byte(byte: number): void {
    const at = this.output.reserve(1);
    this.output.bytes[at] = byte;
  }

  private length(value: number): void {
    const at = this.output.reserve(lengthBytesMax);
    this.output.length = writeLength(this.output.bytes, at, value);
  }

  private auxiliary(name: string, value: string): void {
    this.byte(opcode.AUX);
    for (const text of [name, value]) {
      const bytes = encoder.encode(text);
      this.length(bytes.length);
      this.output.appendAll(bytes);
    }
  }
}

/** The bytes that writeLength() writes. */
export function lengthBytes(value: number): number {
  if (value <= length6Max) return 1;
  if (value <= length14Max) return 2;
  return value <= length32Max ? 5 : lengthBytesMax;
}

/** Writes a length in its shortest form; returns the position after it. */
export function writeLength(target: Uint8Array, at: number, value: number): number {
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

/** Little-endian, like everything except lengths. */
export function writeInteger32(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

function writeInteger64(target: Uint8Array, at: number, value: number): void {
  writeInteger32(target, at, value);
  writeInteger32(target, at + 4, Math.floor(value / 0x100000000));
}
