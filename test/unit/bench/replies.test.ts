// Reply counting in every fragmentation: each stream of replies is read whole, byte by byte
// and split at each boundary, and must give the same counts.
// Invariant: a stream that is not a sequence of replies is refused, never miscounted.

import { describe, expect, test } from "bun:test";
import { FAILED, HIT, MISS, STORED } from "../../../src/bench/replies.ts";
import { replyReader } from "../../../src/bench/reply-formats.ts";
import { encodeValue, keyText } from "../../../src/bench/requests.ts";
import { defaultWorkload, GET, SET, type Workload } from "../../../src/bench/workload.ts";

interface Case {
  readonly name: string;
  readonly protocol: Workload["protocol"];
  readonly kinds: readonly number[];
  readonly stream: string;
  readonly outcomes: readonly number[];
  readonly errors: number;
  readonly firstError?: string;
}

const smallShape = { ...defaultWorkload, keys: 100, valueBytesMin: 30, valueBytesMax: 30 };
const key = 42;
const value = new TextDecoder().decode(encodeValue({ ...smallShape, verify: true }, key));
const name = keyText(smallShape, key);

const cases: readonly Case[] = [
  {
    name: "RESP: a write, a hit, a miss of RESP2, a miss of RESP3",
    protocol: "resp",
    kinds: [SET, GET, GET, GET],
    stream: `+OK\r\n$30\r\n${value}\r\n$-1\r\n_\r\n`,
    outcomes: [STORED, HIT, MISS, MISS],
    errors: 0,
  },
  {
    name: "RESP: an error reply between good ones",
    protocol: "resp",
    kinds: [SET, SET, GET],
    stream: `+OK\r\n-OOM command not allowed\r\n$30\r\n${value}\r\n`,
    outcomes: [STORED, FAILED, HIT],
    errors: 1,
    firstError: "OOM command not allowed",
  },
  {
    name: "RESP: a value of the wrong length",
    protocol: "resp",
    kinds: [GET, SET],
    stream: "$5\r\nabcde\r\n+OK\r\n",
    outcomes: [HIT, STORED],
    errors: 1,
    firstError: `${name} came back with 5 bytes, not 30`,
  },
  {
    name: "RESP: a value with one wrong byte",
    protocol: "resp",
    kinds: [GET, SET],
    stream: `$30\r\n${value.slice(0, 25)}#${value.slice(26)}\r\n+OK\r\n`,
    outcomes: [HIT, STORED],
    errors: 1,
    firstError: `a value is wrong at byte 25 of key ${name}`,
  },
  {
    name: "RESP: a write answered as a read, and a read as a write",
    protocol: "resp",
    kinds: [SET, GET],
    stream: "$-1\r\n+OK\r\n",
    outcomes: [FAILED, FAILED],
    errors: 2,
    firstError: "a write got the reply of a read",
  },
  {
    name: "memcached: a write, a hit, a miss, a hit",
    protocol: "memcache",
    kinds: [SET, GET, GET, GET],
    stream:
      `STORED\r\nVALUE ${name} 0 30\r\n${value}\r\nEND\r\nEND\r\n` +
      `VALUE ${name} 0 30\r\n${value}\r\nEND\r\n`,
    outcomes: [STORED, HIT, MISS, HIT],
    errors: 0,
  },
  {
    name: "memcached: the errors that a server may answer",
    protocol: "memcache",
    kinds: [SET, SET, SET, SET],
    stream: "SERVER_ERROR out of memory\r\nNOT_STORED\r\nERROR\r\nCLIENT_ERROR bad\r\n",
    outcomes: [FAILED, FAILED, FAILED, FAILED],
    errors: 4,
    firstError: "SERVER_ERROR out of memory",
  },
];

function readerFor(one: Case) {
  const depth = one.kinds.length;
  const reader = replyReader({ ...smallShape, protocol: one.protocol, depth, verify: true });
  const keys = new Int32Array(depth).fill(key);
  reader.expect(Uint8Array.from(one.kinds), keys, new Int32Array(depth).fill(30));
  return reader;
}

function check(one: Case, pieces: readonly Uint8Array[]): void {
  const reader = readerFor(one);
  const counted = pieces.reduce((sum, piece) => sum + reader.feed(piece), 0);
  expect(counted).toBe(one.kinds.length);
  expect([...reader.outcomes]).toEqual([...one.outcomes]);
  expect([reader.tally.errors, reader.tally.firstError]).toEqual([
    one.errors,
    one.firstError ?? "",
  ]);
}

describe.each([...cases])("$name", (one) => {
  const bytes = new TextEncoder().encode(one.stream);

  test("read whole", () => check(one, [bytes]));

  test("read byte by byte", () => {
    check(
      one,
      Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)),
    );
  });

  test("split at every boundary", () => {
    for (let at = 1; at < bytes.length; at++)
      check(one, [bytes.subarray(0, at), bytes.subarray(at)]);
  });
});

test.each([
  ["a word", "resp", "hello\r\n", "the server sent a line that is no reply: hello"],
  [
    "a length that is no number",
    "resp",
    "$x\r\n",
    "the server sent a reply whose length is not a number",
  ],
  [
    "a value longer than announced",
    "resp",
    "$3\r\nabcdef\r\n",
    "the server sent a value whose length is not the announced one",
  ],
  [
    "a word in memcached's protocol",
    "memcache",
    "what\r\n",
    "the server sent a line that is no reply: what",
  ],
  [
    "an endless line",
    "resp",
    `+${"x".repeat(5000)}`,
    "the server sent a line of more than 4096 bytes",
  ],
  [
    "a reply too many",
    "resp",
    "_\r\n_\r\n",
    "the server sent more replies than there were requests",
  ],
] as const)("%s is refused", (_name, protocol, stream, sentence) => {
  const one = { name: "", protocol, kinds: [GET], stream, outcomes: [], errors: 0 };
  const reader = readerFor(one);
  expect(() => reader.feed(new TextEncoder().encode(stream))).toThrow(sentence);
});
