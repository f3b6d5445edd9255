// The notation of arguments: the meaning of each part, invalid notation, and that the syntax of
// each row of the table agrees with the number of arguments that the command accepts.

import { describe, expect, test } from "bun:test";
import { type Argument, parseSyntax } from "../../../../src/command/core/syntax.ts";
import { commands } from "../../../../src/command/table.ts";
import { notAKey } from "../../../../src/command/terms/key-use.ts";

const once = { isOptional: false, isMultiple: false, parts: [] };

describe("the notation", () => {
  test.each<[string, Partial<Argument>]>([
    ["key", { name: "key", type: "key", keyIndex: 0 }],
    ["value", { name: "value", type: "string" }],
    ["ip:port", { name: "ip:port", type: "string" }],
    ["seconds:integer", { name: "seconds", type: "integer" }],
    ["REPLACE", { name: "replace", type: "pure-token", token: "REPLACE" }],
    ["MATCH pattern", { name: "pattern", type: "pattern", token: "MATCH" }],
    ["LIB-NAME libname", { name: "libname", type: "string", token: "LIB-NAME" }],
    ["GET@6.2.0", { name: "get", type: "pure-token", token: "GET", since: "6.2.0" }],
    ["ip:port!2.8.12", { name: "ip:port", type: "string", deprecatedSince: "2.8.12" }],
    ["[section...]", { name: "section", type: "string", isOptional: true, isMultiple: true }],
    ["A b+...", { name: "b", type: "string", token: "A", isMultiple: true, repeatsToken: true }],
  ])("%s", (text, argument) => {
    expect(parseSyntax(text)).toEqual([{ ...once, ...argument } as Argument]);
  });

  test("parentheses hold a sequence, and with bars one of several", () => {
    const [row, choice] = parseSyntax("[DB a=(key value)...] b=(NO ONE | other)@7.0.0");
    expect(row).toMatchObject({ name: "a", type: "block", token: "DB", isOptional: true });
    expect(row?.parts.map(({ name }) => name)).toEqual(["key", "value"]);
    expect(choice).toMatchObject({ name: "b", type: "oneof", since: "7.0.0", isOptional: false });
    expect(choice?.parts.map(({ name }) => name)).toEqual(["no", "one", "other"]);
  });

  test.each(["a=b", "a=(b", "[a", "a)", "[a b]"])("%s is broken", (text) => {
    expect(() => parseSyntax(text)).toThrow(text);
  });
});

/** Of these Redis takes more than it tells, or tells more than it takes. */
const untold = [
  ...["command|getkeys", "command|getkeysandflags", "cluster|setslot"],
  ...["replconf", "psync", "quit", "client|kill", "pfmerge"],
];

test("keys beyond the specifications belong to the last one", () => {
  const indexes = (specifications?: number) => {
    return parseSyntax("one:key two:key three:key", specifications).map(({ keyIndex }) => keyIndex);
  };
  expect([indexes(), indexes(2), indexes(1)]).toEqual([
    [0, 1, 2],
    [0, 1, 1],
    [0, 0, 0],
  ]);
});

describe("the table", () => {
  const all = commands.flatMap((command) => [command, ...command.subcommands]);
  test.each(all.filter(({ name }) => !untold.includes(name)))(
    "$name",
    ({ name, arity, row, uses }) => {
      const parts = parseSyntax(row.syntax ?? "", uses.length);
      const words = name.split("|").length;
      const isContainer = row.subcommands !== undefined && arity < 0;
      const least = isContainer ? -arity : words + leastOf(parts);
      const open = parts.some(isOpen) || isContainer;
      expect([least, open]).toEqual([Math.abs(arity), arity < 0]);
      const keys = uses.filter((use) => use.words !== notAKey);
      expect(new Set(specificationsIn(parts)).size).toBe(keys.length);
    },
  );
});

/** The key specifications of COMMAND INFO to which the keys of COMMAND DOCS belong. */
function specificationsIn(parts: readonly Argument[]): number[] {
  return parts.flatMap(({ keyIndex, parts }) => {
    return [...(keyIndex === undefined ? [] : [keyIndex]), ...specificationsIn(parts)];
  });
}

function leastOf(parts: readonly Argument[]): number {
  return parts.reduce((sum, part) => sum + leastOfOne(part), 0);
}

function leastOfOne({ isOptional, token, type, parts }: Argument): number {
  if (isOptional) return 0;
  if (type === "pure-token") return 1;
  const own = token === undefined ? 0 : 1;
  if (type === "oneof") return own + Math.min(...parts.map(leastOfOne));
  return own + (type === "block" ? leastOf(parts) : 1);
}

/** Whether it may take more than it must. */
function isOpen({ isOptional, isMultiple, parts }: Argument): boolean {
  return isOptional || isMultiple || parts.some(isOpen);
}
