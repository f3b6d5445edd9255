// What redis-cli 7.0 cannot show or shows otherwise; all else is compared with it byte for byte in
// test/cli/redis-cli.test.ts.

import { describe, expect, test } from "bun:test";
import { quoted } from "../../../../src/base/redis-quotes.ts";
import { type Format, formatPush, formatReply } from "../../../../src/cli/prompt/reply-format.ts";
import { type Tree, TreeReader } from "../../../../src/cli/prompt/reply-tree.ts";

function treeOf(bytes: string): Tree {
  const reader = new TreeReader();
  reader.feed(Buffer.from(bytes, "latin1"));
  const tree = reader.next();
  if (tree === undefined) throw new Error("no whole reply");
  return tree;
}

function shown(bytes: string, format: Format): string {
  return formatReply(treeOf(bytes), format);
}

describe("what redis-cli ends at", () => {
  test("a big number", () => {
    expect(shown("(12345678901234567890\r\n", "standard")).toBe(
      "(big number) 12345678901234567890\n",
    );
    expect(shown("(-1\r\n", "raw")).toBe("-1\n");
    expect(shown("(-1\r\n", "json")).toBe("-1\n");
  });

  test("attributes", () => {
    const reply = "*1\r\n|1\r\n+ttl\r\n*2\r\n:1\r\n:2\r\n$1\r\nx\r\n";
    const lines = ["1) (attributes) 1# ttl => ", "                   1) (integer) 1"];
    expect(shown(reply, "standard")).toBe(
      `${lines.join("\n")}\n                   2) (integer) 2\n   "x"\n`,
    );
    expect(shown(reply, "raw")).toBe("x\n");
    expect(shown(reply, "json")).toBe('["x"]\n');
  });
});

test("numbers that JSON has not are strings", () => {
  expect(shown("*3\r\n,inf\r\n,nan\r\n,1e5\r\n", "json")).toBe('["inf","nan",1e5]\n');
  expect(shown("%2\r\n:1\r\n:2\r\n,inf\r\n#t\r\n", "json")).toBe('{"1":2,"inf":true}\n');
});

test("a report is shown as it is in every format", () => {
  const report = treeOf("=15\r\ntxt:# Server\r\na\n\r\n".replace("15", "15"));
  for (const format of ["standard", "raw", "json"] as const) {
    expect(formatReply(report, format, true)).toBe("# Server\r\na");
  }
});

test("an invalidation names its keys, and all else is a list", () => {
  const invalidation = treeOf(">2\r\n+invalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  expect(formatPush(invalidation, "standard")).toBe("-> invalidate: 'a', 'b'\n");
  expect(formatPush(treeOf(">2\r\n+invalidate\r\n_\r\n"), "standard")).toBe(
    "1) invalidate\n2) (nil)\n",
  );
});

test("quoted bytes are readable, and no byte gets lost", () => {
  expect(quoted('a"\\\n\r\t\x07\b\0\x7f\xff ')).toBe('"a\\"\\\\\\n\\r\\t\\a\\b\\x00\\x7f\\xff "');
});

test("people are shown nothing that a terminal would obey, and programs get every byte", () => {
  const hostile = "a\x1b]0;title\x07\x1b[2J\xc2\x9b\x00\tb";
  const harmless = "a\\x1b]0;title\\x07\\x1b[2J\\xc2\\x9b\\x00\tb";
  expect(shown(`-ERR ${hostile}\r\n`, "standard")).toBe(`(error) ERR ${harmless}\n`);
  expect(shown(`*1\r\n+${hostile}\r\n`, "standard")).toBe(`1) ${harmless}\n`);
  expect(shown(`-ERR ${hostile}\r\n`, "raw")).toBe(`ERR ${hostile}\n\n`);
  const report = treeOf(`$${hostile.length + 5}\r\na\r\n${hostile}\r\n\r\n`);
  expect(formatReply(report, "standard", true)).toBe(`a\r\n${harmless}\r\n`);
  expect(formatReply(report, "raw", true)).toBe(`a\r\n${hostile}\r\n`);
});
