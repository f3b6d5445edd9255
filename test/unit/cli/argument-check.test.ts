// The check of a subcommand's arguments: what it passes on to citty, and the sentence for what it
// refuses. It uses a small definition of its own; run.test.ts covers the real ones.

import { describe, expect, test } from "bun:test";
import { ConfigError } from "../../../src/base/errors.ts";
import { checkArguments } from "../../../src/cli/argument-check.ts";

const definition = {
  key: { type: "positional", required: true },
  extra: { type: "positional", required: false },
  ttl: { type: "string" },
} as const;

function sentence(...args: string[]): string | null {
  try {
    checkArguments("set", args, definition);
    return null;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

describe("arguments that are accepted", () => {
  test.each([
    [["k"]],
    [["k", "v"]],
    [["k", "--ttl", "5"]],
    [["--ttl=5", "k"]],
    [["--ttl=", "k"]],
    [["--ttl", "-5", "k"]],
    [["k", "-"]],
    [["--", "--ttl", "-x"]],
  ])("%p", (args) => {
    expect(sentence(...args)).toBeNull();
  });
});

describe("arguments that are refused", () => {
  test.each([
    [[], "set needs a key; see mscache set --help"],
    [["a", "b", "c"], 'unexpected argument "c"; see mscache set --help'],
    [["a", "--tll", "5"], "unknown flag --tll; did you mean --ttl? see mscache set --help"],
    [["a", "--tll=5"], "unknown flag --tll; did you mean --ttl? see mscache set --help"],
    [["a", "-ttl", "5"], "unknown flag -ttl; did you mean --ttl? see mscache set --help"],
    [["a", "--ex", "5"], "unknown flag --ex; did you mean --ttl? see mscache set --help"],
    [["a", "--key", "5"], "unknown flag --key; see mscache set --help"],
    [["a", "--constructor"], "unknown flag --constructor; see mscache set --help"],
    [["a", "--ttl"], "--ttl needs a value"],
    [["a", "--ttl", "--", "b"], "--ttl needs a value"],
    [["--", "a", "b", "--c"], 'unexpected argument "--c"; see mscache set --help'],
  ])("%p", (args, expected) => {
    expect(sentence(...args)).toBe(expected);
  });
});
