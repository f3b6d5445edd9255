// Replies as trees: every type of RESP2 and RESP3, cut anywhere, and what is none. How they look is
// in reply-format.test.ts.

import { describe, expect, test } from "bun:test";
import { type Tree, TreeFormatError, TreeReader } from "../../../../src/cli/prompt/reply-tree.ts";

/** Type and text, or type and elements. */
type Brief = string | { readonly [type: string]: readonly Brief[] };

function brief({ type, text, items }: Tree): Brief {
  const isScalar = !["array", "map", "set", "push"].includes(type);
  return isScalar ? `${type} ${text}` : { [type]: items.map(brief) };
}

function readAll(chunks: readonly string[]): Brief[] {
  const reader = new TreeReader();
  const found: Brief[] = [];
  for (const chunk of chunks) {
    reader.feed(Buffer.from(chunk, "latin1"));
    for (let tree = reader.next(); tree !== undefined; tree = reader.next())
      found.push(brief(tree));
  }
  expect(reader.waitingBytes).toBe(0);
  return found;
}

const stream = [
  ["+OK\r\n", "status OK"],
  ["-ERR no\r\n", "error ERR no"],
  ["!5\r\nA\r\nB!\r\n", "error A\r\nB!"],
  [":-12\r\n", "integer -12"],
  ["$6\r\na\r\n\xffb\0\r\n", "string a\r\n\xffb\0"],
  ["$0\r\n\r\n", "string "],
  ["$-1\r\n", "nil "],
  ["*-1\r\n", "nil "],
  ["_\r\n", "nil "],
  [",-inf\r\n", "double -inf"],
  [",3.10\r\n", "double 3.10"],
  ["#t\r\n", "boolean t"],
  ["(123456789012345678901\r\n", "bignum 123456789012345678901"],
  ["=8\r\ntxt:text\r\n", "verbatim text"],
  ["*0\r\n", { array: [] }],
  ["*2\r\n:1\r\n*1\r\n*0\r\n", { array: ["integer 1", { array: [{ array: [] }] }] }],
  ["%1\r\n+a\r\n~2\r\n:1\r\n:1\r\n", { map: ["status a", { set: ["integer 1", "integer 1"] }] }],
  [">2\r\n+message\r\n$1\r\nx\r\n", { push: ["status message", "string x"] }],
  ["|1\r\n+ttl\r\n:5\r\n*1\r\n|1\r\n+a\r\n:1\r\n:2\r\n", { array: ["integer 2"] }],
] as const;
const bytes = stream.map(([sent]) => sent).join("");
const expected = stream.map(([, read]) => read) as readonly Brief[];

describe("a stream of replies", () => {
  test("is read whole, and byte by byte", () => {
    expect(readAll([bytes])).toEqual([...expected]);
    expect(readAll([...bytes])).toEqual([...expected]);
  });

  test("is read when it is cut in two anywhere", () => {
    for (let cut = 1; cut < bytes.length; cut++) {
      expect(readAll([bytes.slice(0, cut), bytes.slice(cut)])).toEqual([...expected]);
    }
  });

  test("keeps what is said about a reply with that reply", () => {
    const reader = new TreeReader();
    reader.feed(Buffer.from("|1\r\n+ttl\r\n:5\r\n*1\r\n:2\r\n:3\r\n"));
    expect(reader.next()?.attributes?.items.map(({ text }) => text)).toEqual(["ttl", "5"]);
    expect(reader.next()).toEqual({ type: "integer", text: "3", items: [] });
  });
});

test.each([
  ["HTTP/1.1 400 Bad Request\r\n"],
  ["$x\r\n"],
  ["$99999999999\r\n"],
  ["*1.5\r\n"],
  ["+OK\n"],
  ["*1\r\n".repeat(129)],
])("%p is no reply", (sent) => {
  const reader = new TreeReader();
  reader.feed(Buffer.from(sent));
  expect(() => reader.next()).toThrow(TreeFormatError);
});

test("an announced length allocates nothing", () => {
  const reader = new TreeReader();
  reader.feed(Buffer.from("*9999999999\r\n$1000000000\r\nx"));
  expect(reader.next()).toBeUndefined();
  expect(reader.waitingBytes).toBeLessThan(20);
});
