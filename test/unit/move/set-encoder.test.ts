/**
 * The SETs of an import, encoded from ranges of bytes: the same bytes as the client's encoder makes
 * of a list of arguments, for keys, values and numbers of every length.
 */

import { expect, test } from "bun:test";
import { CommandWriter } from "../../../src/client/wire/command-writer.ts";
import { SetEncoder } from "../../../src/move/set-encoder.ts";

const lengths = [0, 1, 9, 10, 99, 100, 101, 999, 1_000, 9_999, 10_000, 123_456, 1_000_000];
const times = [0, 1, 9, 10, 999_999_999, 1_000_000_000, 1_000_000_001, 1_893_456_000_123];
const most = Number.MAX_SAFE_INTEGER;

function written(write: (writer: CommandWriter) => void): string {
  const writer = new CommandWriter();
  write(writer);
  return writer.buffer.toString("latin1", writer.start, writer.end);
}

test("a SET has the bytes that the client's encoder gives it", () => {
  const source = Buffer.from(Array.from({ length: 1_100_000 }, (_, i) => i % 251));
  for (const onlyIfAbsent of [false, true]) {
    for (const word of ["PXAT", "PX"]) {
      const encoder = new SetEncoder(onlyIfAbsent, word);
      for (const length of lengths) {
        for (const time of [...times, most]) {
          const [keyStart, keyEnd] = [7, 7 + Math.min(length, 500)];
          const [valueStart, valueEnd] = [3, 3 + length];
          const range = { key: source, keyStart, keyEnd, value: source, valueStart, valueEnd };
          const item = { database: 0, expiresAt: time, ...range };
          const words = [source.subarray(keyStart, keyEnd), source.subarray(valueStart, valueEnd)];
          const lifetime = time === 0 ? [] : [word, time];
          const condition = onlyIfAbsent ? ["NX"] : [];
          const ours = written((writer) => encoder.write(writer, item, time));
          const theirs = written((writer) =>
            writer.write(["SET", ...words, ...condition, ...lifetime]),
          );
          if (ours !== theirs) expect(ours.slice(0, 200)).toBe(theirs.slice(0, 200));
          expect(ours === theirs).toBe(true);
        }
      }
    }
  }
});
