// The docstrings of options: each option that may be left out says its default, and each number its
// unit or that it is a count. A default that is a number, a flag or a word is tried: the code must
// make the same of it as of nothing.

import { expect, test } from "bun:test";
import { resolveCache, resolveNamespace } from "../../src/client/cache/cache-options.ts";
import { resolveOptions } from "../../src/client/client-options.ts";
import { resolveNearOptions } from "../../src/client/near/near-options.ts";
import { resolveFollow } from "../../src/embed/follow-options.ts";
import { configOf } from "../../src/embed/serve-config.ts";
import { type DeclaredOption, declaredOptions } from "../support/declared-options.ts";

const all = await declaredOptions();

/** What the code makes of options, by the name of their interface. */
const makers: Readonly<Record<string, (options: object) => unknown>> = {
  ConnectOptions: (more) => resolveOptions("127.0.0.1:1", { ...logins, ...more }),
  ReconnectOptions: (reconnect) => resolveOptions("127.0.0.1:1", { reconnect }),
  NearOptions: (options) => resolveNearOptions(options),
  CacheOptions: (options) => resolveCache(options),
  NamespaceOptions: (options) => resolveNamespace(options),
  EntryOptions: (options) => resolveNamespace(options),
  CacheTimeouts: (timeout) => resolveNamespace({ timeout }),
  FollowOptions: (more) => resolveFollow("127.0.0.1:1", { maxMemory: 2 ** 20, ...logins, ...more }),
  ServeOptions: (options) => configOf(options),
};
/** A user needs a password. */
const logins = { sentinel: "mymaster", sentinelPassword: "a", password: "b" };

test("each option that may be left out says what holds then", () => {
  expect(all.length).toBeGreaterThan(120);
  const silent = all.filter(({ isOptional, docstring, about }) => {
    return isOptional && !/\bdefaults?\b/i.test(docstring) && !/\bDefault:/.test(about);
  });
  expect(namesOf(silent)).toEqual([]);
});

test("each option that is a number says its unit, or what it is the number of", () => {
  const unit =
    /milliseconds|\bms\b|\bbytes\b|seconds|\bnumbers?\b|how (many|much|often)|most|port/i;
  const numbers = all.filter(({ type }) => /\bnumber\b/.test(type));
  expect(numbers.length).toBeGreaterThan(50);
  const bare = numbers.filter(({ docstring, about }) => !unit.test(docstring + about));
  expect(namesOf(bare)).toEqual([]);
});

/** Words for sizes, and a list of more than one value, are not compared. */
const said =
  /\bDefault (-?\d[\d,.]*\d|\d|Infinity|true|false|"[^"]*")(?=[;:,.]? |[;:,.]?$)(?! [KMG]iB)/;

test("to give the default that a docstring names changes nothing", () => {
  let compared = 0;
  for (const { owner, name, docstring } of all) {
    const [, word] = said.exec(docstring) ?? [];
    const make = makers[owner];
    if (word === undefined || make === undefined) continue;
    const value = word === "Infinity" ? Infinity : JSON.parse(word.replaceAll(/(?<=\d),/g, ""));
    expect([owner, name, make({ [name]: value })]).toEqual([owner, name, make({})]);
    compared++;
  }
  expect(compared).toBeGreaterThan(60);
});

function namesOf(options: readonly DeclaredOption[]): string[] {
  return options.map(({ owner, name, docstring }) => `${owner}.${name}: ${docstring}`);
}
