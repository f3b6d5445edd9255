// The string commands as rows: what the table knows of them. Their handlers are in string-read.ts,
// string-write.ts (whole values) and string-range.ts (parts of values).
// Invariant: arity, flags and key positions are those of COMMAND INFO in redis 7.0.

import { flag } from "../core/command.ts";
import { family } from "../core/family.ts";
import { append, getrange, setrange, strlen } from "./string-range.ts";
import { get, getdel, getex, mget } from "./string-read.ts";
import { getset, mset, msetnx, psetex, set, setex, setnx } from "./string-write.ts";

const { READONLY, WRITE, DENY_OOM, FAST } = flag;

export const stringCommands = family({ group: "string", keys: [1, 1, 1] }, [
  {
    name: "get",
    arity: 2,
    flags: READONLY | FAST,
    since: "1.0.0",
    summary: "Returns the value of a key.",
    handler: get,
  },
  {
    name: "set",
    arity: -3,
    flags: WRITE | DENY_OOM,
    since: "1.0.0",
    summary: "Sets the value of a key, on conditions and with a time to live if asked.",
    handler: set,
  },
  {
    name: "setnx",
    arity: 3,
    flags: WRITE | DENY_OOM | FAST,
    since: "1.0.0",
    summary: "Sets the value of a key that does not exist.",
    handler: setnx,
  },
  {
    name: "setex",
    arity: 4,
    flags: WRITE | DENY_OOM,
    since: "2.0.0",
    summary: "Sets the value of a key with a time to live in seconds.",
    handler: setex,
  },
  {
    name: "psetex",
    arity: 4,
    flags: WRITE | DENY_OOM,
    since: "2.6.0",
    summary: "Sets the value of a key with a time to live in milliseconds.",
    handler: psetex,
  },
  {
    name: "getset",
    arity: 3,
    flags: WRITE | DENY_OOM | FAST,
    since: "1.0.0",
    summary: "Sets the value of a key and returns the one before.",
    handler: getset,
  },
  {
    name: "getdel",
    arity: 2,
    flags: WRITE | FAST,
    since: "6.2.0",
    summary: "Returns the value of a key and deletes the key.",
    handler: getdel,
  },
  {
    name: "getex",
    arity: -2,
    flags: WRITE | FAST,
    since: "6.2.0",
    summary: "Returns the value of a key and changes or removes its time to live.",
    handler: getex,
  },
  {
    name: "mget",
    arity: -2,
    flags: READONLY | FAST,
    keys: [1, -1, 1],
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys",
    summary: "Returns the values of several keys.",
    handler: mget,
  },
  {
    name: "mset",
    arity: -3,
    flags: WRITE | DENY_OOM,
    keys: [1, -1, 2],
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys",
    summary: "Sets the values of several keys at once.",
    handler: mset,
  },
  {
    name: "msetnx",
    arity: -3,
    flags: WRITE | DENY_OOM,
    keys: [1, -1, 2],
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys",
    summary: "Sets the values of several keys if none of them exists.",
    handler: msetnx,
  },
  {
    name: "append",
    arity: 3,
    flags: WRITE | DENY_OOM | FAST,
    since: "2.0.0",
    complexity:
      "O(N) where N is the length of the value when it has to move, else of what is added",
    summary: "Adds bytes to the end of a value; a missing key is created.",
    handler: append,
  },
  {
    name: "strlen",
    arity: 2,
    flags: READONLY | FAST,
    since: "2.2.0",
    summary: "Returns the length of a value.",
    handler: strlen,
  },
  {
    name: "getrange",
    arity: 4,
    flags: READONLY,
    since: "2.4.0",
    complexity: "O(N) where N is the number of bytes returned",
    summary: "Returns a part of a value.",
    handler: getrange,
  },
  {
    name: "substr",
    arity: 4,
    flags: READONLY,
    since: "1.0.0",
    complexity: "O(N) where N is the number of bytes returned",
    summary: "Returns a part of a value: GETRANGE under its oldest name.",
    handler: getrange,
  },
  {
    name: "setrange",
    arity: 4,
    flags: WRITE | DENY_OOM,
    since: "2.2.0",
    complexity:
      "O(N) where N is the length of the value when it has to move, else of what is written",
    summary: "Overwrites a part of a value, with zero bytes up to it where the value is shorter.",
    handler: setrange,
  },
]);
