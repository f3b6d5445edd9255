// What a snapshot may cost: keys, values and fields that announce more than is accepted are skipped
// by their headers, and nothing is allocated for bytes that have not arrived.

import { expect, test } from "bun:test";
import { RdbReader } from "../../../src/rdb/reader.ts";

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString("latin1");
}

test("a key or value beyond its bound is skipped by its header and reported with its key", () => {
  const bytes = Buffer.concat([
    Buffer.from("REDIS0009\0\x05plain\x40\x65", "latin1"),
    Buffer.alloc(101, "x"),
    Buffer.from("\0\x06packed\xc3\x05\x40\x84\0a\xe0\x7a\0", "latin1"), // 132 times the same
    Buffer.from("\0\x01k\x01v", "latin1"),
  ]);
  for (const size of [1, 7, bytes.length]) {
    const told: string[] = [];
    const reader = new RdbReader(
      {
        item: (key, start, end) => told.push(latin1(key, start, end)),
        refused: (key, start, end) => told.push(`no ${latin1(key, start, end)}`),
      },
      { valueBytesMax: 100 },
    );
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    expect(told).toEqual(["no plain", "no packed", "k"]);
  }
});

test("packed values of half a gigabyte take no memory if the bound is 64 MiB", () => {
  const packed = new Uint8Array(6_200_000);
  const head = Buffer.alloc(14);
  head.set([0, 1, 0x6b, 0xc3, 0x80]);
  head.writeUInt32BE(packed.length, 5);
  head[9] = 0x80;
  head.writeUInt32BE((1 << 29) - 1, 10);
  let refused = 0;
  const reader = new RdbReader(
    { item: () => {}, refused: () => void refused++ },
    { valueBytesMax: 64 << 20 },
  );
  reader.push(Buffer.from("REDIS0009"));
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 6; i++) {
    reader.push(head);
    for (let at = 0; at < packed.length; at += 65_536) {
      reader.push(packed.subarray(at, at + 65_536));
    }
  }
  expect(refused).toBe(6);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20);
});

test("a huge announced length allocates nothing", () => {
  const reader = new RdbReader({ item: () => {} });
  const before = process.memoryUsage.rss();
  reader.push(Buffer.from("REDIS0009"));
  reader.push(Buffer.from([0, 1, 0x6b, 0x80, 0x1f, 0xff, 0xff, 0xff])); // 512 MiB - 1
  reader.push(Buffer.from("only this much"));
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20);
  expect(() => reader.finish()).toThrow("it ends in the middle");
});

test("a field whose name or value is longer than 64 KiB is skipped", () => {
  const long = Buffer.concat([Buffer.from([0x80, 0, 1, 0, 1]), Buffer.alloc(65_537, "x")]);
  const fields: string[] = [];
  const reader = new RdbReader({
    item: () => {},
    auxiliary: (name, value) => fields.push(`${name}=${value}`),
  });
  reader.push(Buffer.from("REDIS0009"));
  for (const field of [
    [long, "\x01v"],
    ["\x01n", long],
    ["\x01n", "\x01v"],
  ]) {
    reader.push(Buffer.from([0xfa]));
    for (const half of field) reader.push(Buffer.from(half));
  }
  expect(fields).toEqual(["n=v"]);
});
