// What the writer puts into its buffer, against bytes written out by hand and against an encoder
// that is independent of it; and that partial sends neither lose nor repeat a byte.

import { expect, test } from "bun:test";
import { type Argument, CommandWriter } from "../../../../src/client/wire/command-writer.ts";
import { Random, seedFor } from "../../../support/seed.ts";
import { encodeCommand } from "../../../support/wire.ts";

function unsent(writer: CommandWriter): Buffer {
  return Buffer.from(writer.buffer.subarray(writer.start, writer.end));
}

test("a command is an array of values", () => {
  const writer = new CommandWriter();
  writer.write(["SET", "k", new Uint8Array([0, 13, 10, 255]), 12]);
  const expected = "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\0\r\n\xff\r\n$2\r\n12\r\n";
  expect(unsent(writer).toString("latin1")).toBe(expected);
});

test.each([
  ["an empty string", ""],
  ["ASCII", "hello"],
  ["two bytes a character", "é"],
  ["four bytes a character", "a😀b"],
  ["half a character", "\ud800"],
  ["64 characters", "x".repeat(64)],
  ["65 characters", "x".repeat(65)],
  ["64 characters, the last one not ASCII", `${"x".repeat(63)}é`],
  ["65 characters, the last one not ASCII", `${"x".repeat(64)}é`],
  ["999 characters", "x".repeat(999)],
  ["1000 characters", "x".repeat(1_000)],
  ["4096 characters of three bytes", "€".repeat(4_096)],
  ["4097 characters", "x".repeat(4_097)],
  ["a megabyte", "é".repeat(500_000)],
  ["no bytes", new Uint8Array(0)],
  ["99 bytes", new Uint8Array(99).fill(7)],
  ["100 bytes", new Uint8Array(100).fill(7)],
  ["a megabyte of bytes", new Uint8Array(1_000_000).fill(7)],
  ["a window of a larger buffer", Buffer.from("--abc--").subarray(2, 5)],
  ["a negative number", -7],
])("%s is encoded with its length in bytes", (_name, argument) => {
  const writer = new CommandWriter();
  writer.write(["X", argument]);
  expect(unsent(writer).equals(encodeCommand(["X", argument]))).toBe(true);
});

test("random commands survive random partial sends", () => {
  const random = new Random(seedFor("MSCACHE_WRITER_SEED"));
  const writer = new CommandWriter();
  const written: Buffer[] = [];
  const sent: Buffer[] = [];
  for (let step = 0; step < 2_000; step++) {
    const command = Array.from({ length: random.between(1, 12) }, () => randomArgument(random));
    writer.write(command);
    written.push(encodeCommand(command));
    if (random.chance(0.5)) {
      const count = random.chance(0.3) ? writer.length : random.between(0, writer.length);
      sent.push(unsent(writer).subarray(0, count));
      writer.taken(count);
    }
  }
  sent.push(unsent(writer));
  expect(Buffer.concat(sent).equals(Buffer.concat(written))).toBe(true);
});

test("the memory of a large command is released after it was sent", () => {
  const writer = new CommandWriter();
  writer.write(["SET", "k", new Uint8Array(8_000_000)]);
  writer.taken(writer.length);
  expect(writer.buffer.length).toBeLessThan(1_000_000);
});

function randomArgument(random: Random): Argument {
  const length = random.pick([0, 1, 9, 10, 99, 100, 3_000]);
  if (random.chance(0.3)) return random.bytes(length);
  return random.chance(0.5) ? "k".repeat(length) : "é€".repeat(length);
}
