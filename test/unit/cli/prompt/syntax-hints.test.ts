// Hints and completions by the documents of our own commands. How they look in a terminal is in
// test/cli/prompt.test.ts.

import { describe, expect, test } from "bun:test";
import { type CommandDocs, ownDocs, syntaxText } from "../../../../src/cli/prompt/command-docs.ts";
import { completionsOf, hintOf } from "../../../../src/cli/prompt/syntax-hints.ts";

const docs: CommandDocs = await ownDocs();

describe("behind a line stands what may follow", () => {
  test.each([
    ["GETRANGE", " key start end"],
    ["getrange k ", "start end"],
    ["getrange k 0", " end"],
    ["getrange k 0 1", ""],
    ["getrange k 0 1 ", ""],
    ["getrange k 0 1 2", ""],
    ["nosuch ", ""],
    ["", ""],
    ['SETEX "k', ""],
    ["DEL a", " [key ...]"],
    ["MSET a", " value [key value ...]"],
    ["MSET a 1 b", " value [key value ...]"],
    ["EXPIRE k 10 ", "[NX | XX | GT | LT]"],
    ["EXPIRE k 10 gt", ""],
    ["GETEX k PX", " milliseconds"],
    ["GETEX k PX 10", ""],
    ["CLIENT SETNAME ", "connection-name"],
    ["SCAN 0 COUNT 10 ", "[MATCH pattern] [TYPE type]"],
    ["SCAN 0 COUNT", " count [MATCH pattern] [TYPE type]"],
  ])("%p", (line, hint) => {
    expect(hintOf(line, docs)).toBe(hint);
  });

  test("a syntax that the command has", () => {
    for (const { name, args } of docs.values()) {
      const text = syntaxText(args);
      expect(hintOf(`${name} `, docs)).toBe(text);
    }
  });
});

describe("Tab offers", () => {
  test.each([
    ["getr", ["getrange"]],
    ["GETR", ["GETRANGE"]],
    ["qu", ["quit"]],
    ["client set", ["client setinfo", "client setname"]],
    ["CLIENT SETN", ["CLIENT SETNAME"]],
    ["EXPIRE k 10 ", ["EXPIRE k 10 GT", "EXPIRE k 10 LT", "EXPIRE k 10 NX", "EXPIRE k 10 XX"]],
    ["expire k 10 n", ["expire k 10 nx"]],
    ["scan 0 count 5 m", ["scan 0 count 5 match"]],
    ["3 getr", ["3 getrange"]],
    ["help getr", ["help getrange"]],
    ["help @str", ["help @string"]],
    ["help client setn", ["help client setname"]],
    ["get ", []],
    ['get "unclosed ', []],
    ["nosuch x", []],
  ])("for %p", (line, offered) => {
    expect(completionsOf(line, docs)).toEqual(offered);
  });
});
