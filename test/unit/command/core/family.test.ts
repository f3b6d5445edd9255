// Rows of a family: the source of each field. The rows of the real table are compared with a
// real server's COMMAND in conformance/introspection.test.ts.

import { expect, test } from "bun:test";
import { family } from "../../../../src/command/core/family.ts";
import { commands, finderOf } from "../../../../src/command/table.ts";
import { flag } from "../../../../src/command/terms/flags.ts";
import { mscache } from "../../../../src/protocol/mscache/protocol.ts";
import { Request } from "../../../../src/protocol/request.ts";

const handler = (): void => undefined;

test("a row has its own fields first, then those of the family, then the defaults", () => {
  const common = { group: "string", since: "1.0.0", flags: flag.WRITE } as const;
  const [plain, other] = family(common, [
    { name: "plain", arity: 2, summary: "Plain", handler },
    { name: "other", arity: 2, summary: "Other", handler, since: "2.0.0", keys: [1, 1, 1] },
  ]);
  const usual = { ...common, arity: 2, handler, complexity: "O(1)", keys: [0, 0, 0] };
  expect(plain).toEqual({ ...usual, name: "plain", summary: "Plain", keys: [0, 0, 0] });
  expect(other).toEqual({
    ...usual,
    name: "other",
    summary: "Other",
    since: "2.0.0",
    keys: [1, 1, 1],
  });
});

test("no row of the table lacks a field", () => {
  const find = finderOf(mscache.commands);
  const numbered = (mscache.commands ?? []).flatMap(
    (_, index) => find(Request.of([Uint8Array.of(index + 1)])) ?? [],
  );
  expect(numbered.map(({ name }) => name)).toEqual([...(mscache.commands ?? [])]);
  const all = [...commands, ...numbered].flatMap((it) => [it, ...it.subcommands]);
  for (const { name, row } of all) {
    const { arity, flags, keys, group, since, complexity, summary } = row;
    const told = { name, arity, flags, keys, group, since, complexity, summary };
    const missing = Object.entries(told).filter(([, value]) => value === undefined || value === "");
    expect([name, missing]).toEqual([name, []]);
  }
});
