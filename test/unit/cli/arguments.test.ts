// The check of a subcommand's arguments: what is let through to citty, and the sentence for what is
// not. Definitions here are small ones of its own; the real ones are used in run.test.ts.

import { describe, expect, test } from "bun:test";
import { ConfigError } from "../../../src/base/errors.ts";
import { checkArguments } from "../../../src/cli/arguments.ts";

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

describe("arguments that are let through", () => {
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
    [["a", "b", "c"], 'set has no use for "c"; see mscache set --help'],
    [["a", "--tll", "5"], "--tll is no flag of set; see mscache set --help"],
    [["a", "--tll=5"], "--tll is no flag of set; see mscache set --help"],
    [["a", "-ttl", "5"], "-ttl is no flag of set; see mscache set --help"],
    [["a", "--key", "5"], "--key is no flag of set; see mscache set --help"],
    [["a", "--constructor"], "--constructor is no flag of set; see mscache set --help"],
    [["a", "--ttl"], "--ttl needs a value"],
    [["a", "--ttl", "--", "b"], "--ttl needs a value"],
    [["--", "a", "b", "--c"], 'set has no use for "--c"; see mscache set --help'],
  ])("%p", (args, expected) => {
    expect(sentence(...args)).toBe(expected);
  });
});
