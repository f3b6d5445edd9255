// The bounds of a user, and what a new one may do by default. What rules make of a user is compared
// with redis-server in conformance/access-rules.test.ts.

import { describe, expect, test } from "bun:test";
import "../../../../src/command/table.ts";
import {
  userBytesMax,
  userNameBytesMax,
  userPasswordsMax,
  userSelectorsMax,
  usersMax,
} from "../../../../src/base/limits.ts";
import { lineOf } from "../../../../src/command/acl/describe-user.ts";
import { changedUser, isUserName, newUser } from "../../../../src/command/acl/user.ts";
import { excessOfAll } from "../../../../src/command/acl/user-lines.ts";
import type { User } from "../../../../src/command/core/user-record.ts";

const closed = { allChannels: false };

function many(count: number, rule: (index: number) => string): User | string {
  return changedUser(
    newUser("u", closed),
    Array.from({ length: count }, (_, i) => rule(i)),
    closed,
  );
}

describe("a user has at most", () => {
  test.each<[string, number, (index: number) => string]>([
    ["so many passwords", userPasswordsMax, (index) => `>${index}`],
    ["so many selectors", userSelectorsMax - 1, () => "(+get)"],
    ["so many bytes of patterns", Math.floor(userBytesMax / (256 + 6)) - 20, (i) => `~${1e5 + i}`],
  ])("%s", (_name, count, rule) => {
    expect(typeof many(count, rule)).toBe("object");
    expect(many(count + 30, rule)).toMatch(/^(A user has at most|The patterns and arguments)/);
  });

  test("a name of so many bytes, without spaces", () => {
    expect(isUserName("n".repeat(userNameBytesMax))).toBe(true);
    expect(isUserName("n".repeat(userNameBytesMax + 1))).toBe(false);
  });
});

test("there are at most so many users", () => {
  const user = newUser("u", closed);
  expect(excessOfAll(new Array(usersMax).fill(user))).toBe(null);
  expect(excessOfAll(new Array(usersMax + 1).fill(user))).toContain("at most");
});

test("a pattern that would be slow to match is refused", () => {
  expect(many(1, () => `~*${"?".repeat(2000)}*`)).toContain("too complex");
});

test("acl-pubsub-default says whether new users, reset ones and selectors have all channels", () => {
  const open = { allChannels: true };
  const made = changedUser(newUser("u", open), ["reset", "(+get)"], open) as User;
  expect(lineOf(made)).toBe("user u off sanitize-payload &* -@all (&* -@all +get)");
  const other = changedUser(made, ["reset", "(+get)"], closed) as User;
  expect(lineOf(other)).toBe(
    "user u off sanitize-payload resetchannels -@all (resetchannels -@all +get)",
  );
});

test("a password is kept as its hash alone", () => {
  const made = changedUser(newUser("u", closed), [">secret", "(+get ~x)"], closed);
  expect(JSON.stringify(made)).not.toContain("secret");
});
