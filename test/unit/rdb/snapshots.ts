// Snapshots for the tests of rdb/: made by the writer or by hand, and read whole or in pieces into
// a list of what was found. It checks only that every split of the bytes gives the same result.

import { expect } from "bun:test";
import { RdbReader } from "../../../src/rdb/reader.ts";
import { RdbWriter } from "../../../src/rdb/writer.ts";

export const header = {
  serverVersion: "7.2.4",
  replid: "a".repeat(40),
  offset: 1234,
  streamDatabase: 0,
  usedMemoryBytes: 100_000,
  createdAtMs: 1_700_000_000_999,
  items: 3,
  expiringItems: 1,
};

export interface Found {
  items: string[];
  aux: Map<string, string>;
  skipped: Record<string, number>;
}

/**
 * Reads bytes pushed in the given pieces; every piece is wiped afterwards, as a socket's buffer may
 * be.
 */
export function read(bytes: Uint8Array, pieces: readonly number[] = [bytes.length]): Found {
  const items: string[] = [];
  const aux = new Map<string, string>();
  const reader = new RdbReader({
    item: (key, ks, ke, value, vs, ve, expiresAt) => {
      items.push(`${latin1(key, ks, ke)}=${latin1(value, vs, ve)}@${expiresAt}`);
    },
    auxiliary: (name, value) => void aux.set(name, value),
  });
  let at = 0;
  for (const length of pieces) {
    const piece = new Uint8Array(bytes.subarray(at, at + length));
    const taken = reader.push(piece);
    piece.fill(0xee);
    at += taken;
    if (taken < length) break;
  }
  reader.finish();
  expect(reader.offset).toBe(at);
  return { items, aux, skipped: Object.fromEntries(reader.skipped) };
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString("latin1");
}

export function write(items: readonly (readonly [string, string, number])[]): Buffer {
  const writer = new RdbWriter();
  const parts: Buffer[] = [];
  const take = () => {
    writer.sum();
    parts.push(Buffer.from(writer.output.view()));
    writer.clear();
  };
  writer.header(header);
  for (const [key, value, expiresAt] of items) {
    const name = Buffer.from(`#${key}#`, "latin1");
    const bytes = Buffer.from(value, "latin1");
    const source = {
      copyTo: (target: Uint8Array, at: number, from: number, length: number) =>
        target.set(bytes.subarray(from, from + length), at),
    };
    writer.item(name, 1, name.length - 1, source, bytes.length, expiresAt);
    take();
  }
  writer.end();
  take();
  return Buffer.concat(parts);
}

/** A file made by hand: magic, parts, end, no checksum. */
export function file(...parts: (string | number[] | Uint8Array)[]): Buffer {
  return Buffer.concat([...parts, [0xff], new Uint8Array(8)].map(part));
}

export function part(bytes: string | number[] | Uint8Array): Buffer {
  return typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Buffer.from(bytes);
}

/** A short string in the format. */
export function str(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")]);
}

export function everySplit(bytes: Buffer): void {
  const whole = read(bytes);
  expect(read(bytes, new Array(bytes.length).fill(1))).toEqual(whole);
  for (let at = 1; at < bytes.length; at++) {
    expect(read(bytes, [at, bytes.length - at])).toEqual(whole);
  }
}
