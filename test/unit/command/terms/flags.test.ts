// The bits of the flags: each has its own, as two branches of work can choose the same one without
// a conflict of their texts.

import { expect, test } from "bun:test";
import { flag, flagNames } from "../../../../src/command/terms/flags.ts";

test("each flag is one bit, and no two are the same", () => {
  const bits = Object.values(flag);
  expect(bits.filter((bit) => bit <= 0 || (bit & (bit - 1)) !== 0)).toEqual([]);
  expect(new Set(bits).size).toBe(bits.length);
  expect(flagNames.filter(([bit]) => !(bits as readonly number[]).includes(bit))).toEqual([]);
});
