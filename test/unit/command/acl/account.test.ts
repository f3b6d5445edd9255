// Which keys the commands that redis-server 7.0 lacks are judged by; those that it has are compared
// with it in conformance/access-rules.test.ts.

import { expect, test } from "bun:test";
import { Account, judgement } from "../../../../src/command/acl/account.ts";
import { changedUser, newUser } from "../../../../src/command/acl/user.ts";
import type { User } from "../../../../src/command/core/user-record.ts";
import { find } from "../../../../src/command/table.ts";
import { request } from "../bed.ts";

const none = { allChannels: false };

function account(...rules: string[]): Account {
  return new Account(changedUser(newUser("u", none), rules, none) as User);
}

const { ALLOWED, KEY, COMMAND } = judgement;

test.each<[string, number]>([
  ["MSETEX 2 a1 v a2 v", ALLOWED],
  ["MSETEX 2 a1 v b1 v", KEY],
  ["MSETEX 1 b1 v NX", KEY],
  ["MSETEX 1 r1 v", KEY],
  ["DELEX a1", ALLOWED],
  ["DELEX b1 IFEQ v", KEY],
  ["DELIFEQ r1 v", KEY],
  ["DIGEST r1", ALLOWED],
  ["DIGEST w1", KEY],
  ["INCREX a1 BYINT 1", ALLOWED],
  ["INCREX w1", KEY],
  ["SET a1 v IFEQ w", ALLOWED],
  ["SET r1 v IFEQ w", KEY],
  ["CLIENT SETINFO LIB-NAME x", ALLOWED],
  ["CLIENT LIST", COMMAND],
])("%s is judged by its own keys", (words, expected) => {
  const user = account("+@string", "+@keyspace", "+client|setinfo", "~a*", "%R~r*", "%W~w*");
  const sent = request(...words.split(" "));
  const command = find(sent);
  if (command === undefined) throw new Error(words);
  expect(user.judge(command, sent)).toBe(expected);
});

test("of several selectors the gravest refusal counts, and the last argument that it is about", () => {
  const user = account("+get", "(+mget ~a*)", "(+mget ~a1 ~b*)", "(+publish &c)");
  const judged = (words: string) => {
    const sent = request(...words.split(" "));
    const command = find(sent);
    return command && [user.judge(command, sent), user.deniedAt];
  };
  expect(judged("MGET a1 b1 c1")).toEqual([judgement.KEY, 3]);
  expect(judged("GET a1")).toEqual([judgement.KEY, 1]);
  expect(judged("PUBLISH d m")).toEqual([judgement.CHANNEL, 1]);
  expect(judged("SET a1 v")).toEqual([judgement.COMMAND, 0]);
});
