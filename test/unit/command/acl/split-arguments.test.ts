// Rules in one text are split as the inline commands of RESP are, which redis-server has judged.
// Replay with SPLIT_SEED=n.

import { expect, test } from "bun:test";
import { splitArguments } from "../../../../src/command/acl/split-arguments.ts";
import { Request } from "../../../../src/protocol/request.ts";
import { splitInline } from "../../../../src/protocol/resp/inline.ts";
import { Random, seedFor } from "../../../support/seed.ts";

function inline(text: string): string[] | null {
  const request = new Request();
  if (!splitInline(Buffer.from(text, "latin1"), request)) return null;
  return Array.from({ length: request.argc }, (_, index) => request.latin1(index, 1000));
}

test("random texts are split as an inline command is", () => {
  const random = new Random(seedFor("SPLIT_SEED"));
  const pieces = [
    "a",
    "b",
    " ",
    "  ",
    "\t",
    '"',
    "'",
    "\\",
    '\\"',
    "\\'",
    "\\x41",
    "\\x4",
    "\\n",
    "é",
  ];
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: random.between(0, 8) }, () => random.pick(pieces)).join("");
    expect([text, splitArguments(text)]).toEqual([text, inline(text)]);
  }
});
