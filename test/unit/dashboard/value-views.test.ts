// Values as they are shown and edited: nothing is lost on the way, whatever the bytes are. The page
// around it is in admin/dashboard.test.ts.

import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  bytesOfHex,
  bytesOfText,
  editableText,
  hexDump,
  hexOfBytes,
  indentedJson,
} from "../../../src/dashboard/value-views.ts";

const encoder = new TextEncoder();
const encode = (text: string) => encoder.encode(text);

test("a value that is edited as text and left alone is the same", () => {
  const texts = fc.array(fc.constantFrom("a", "ü", "\r\n", "\n", "\r", "\0", "\ufeff"));
  fc.assert(
    fc.property(texts, (parts) => {
      const bytes = encode(parts.join(""));
      const editable = editableText(bytes);
      if (editable === null) return true; // it is edited as hex
      expect(editable.text).not.toContain("\r");
      expect(bytesOfText(editable)).toEqual(bytes);
      return true;
    }),
  );
});

test("line ends of both kinds, and bytes that are no text, are edited as hex", () => {
  expect(editableText(encode("a\r\nb\n"))).toBeNull();
  expect(editableText(encode("a\rb"))).toBeNull();
  expect(editableText(Uint8Array.of(0xff))).toBeNull();
});

test("hex comes back as the same bytes, and what is no hex is refused", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(bytesOfHex(hexOfBytes(bytes))).toEqual(Uint8Array.from(bytes));
    }),
  );
  expect(["0", "0g", "zz"].map(bytesOfHex)).toEqual([null, null, null]);
  expect(bytesOfHex("")).toEqual(new Uint8Array());
});

test("a dump has offset, bytes and letters", () => {
  expect(hexDump(encode("Hello\n\x7f world"), 8)).toBe(
    "000000  48 65 6c 6c 6f 0a 7f 20  Hello·· \n000008  77 6f 72 6c 64           world",
  );
});

test("JSON is indented as JSON.stringify would, but keeps every digit and escape", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      if (!/^\s*[[{]/.test(text)) return true;
      const shown = indentedJson(text) ?? "";
      expect(JSON.parse(shown)).toEqual(JSON.parse(text));
      return true;
    }),
  );
  expect(indentedJson('{"a":12345678901234567890,"b":"\\u00e4{,}","c":[],"d":{}}')).toBe(
    '{\n  "a": 12345678901234567890,\n  "b": "\\u00e4{,}",\n  "c": [],\n  "d": {}\n}',
  );
  expect(["1", "text", '{"a":', "[1] x"].map(indentedJson)).toEqual([null, null, null, null]);
});
