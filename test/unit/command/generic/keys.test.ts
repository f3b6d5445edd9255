/**
 * The commands on keys: replies as in redis-server 7.0, and the effects that followers get.
 * The tests of the store cover walks while the table grows; here it is SCAN's own part.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Bed, bulk, nil, notAnInteger, now, ok, syntaxError } from "../bed.ts";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

/** The bulk strings of a reply, in byte order. */
function strings(reply: string): string[] {
  return [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1]).sort();
}

/** Walks to the end; what each call answered. */
function scanAll(...options: (string | number)[]): string[][] {
  const calls: string[][] = [];
  let cursor = "0";
  do {
    const match = /^\*2\r\n\$\d+\r\n(\d+)\r\n(\*.*)$/s.exec(bed.run("SCAN", cursor, ...options));
    if (match === null) throw new Error("SCAN answered something else than a cursor and keys");
    cursor = match[1];
    calls.push(strings(match[2]));
  } while (cursor !== "0");
  return calls;
}

describe("DEL, UNLINK, EXISTS, TOUCH and TYPE", () => {
  test("DEL counts the keys that it deletes, and only those are recorded", () => {
    bed.run("MSET", "a", "1", "b", "2", "c", "3");
    bed.recorded();
    expect(bed.run("DEL", "a")).toBe(":1\r\n");
    expect(bed.run("DEL", "a")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual(["DEL a"]);
    expect(bed.run("UNLINK", "a", "b", "b", "c")).toBe(":2\r\n");
    expect(bed.recorded()).toEqual(["MULTI", "DEL b", "DEL c", "EXEC"]);
    expect(bed.run("DEL", "a", "b")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual([]);
  });

  test("EXISTS and TOUCH count a key as often as it is named", () => {
    bed.run("SET", "", "x");
    expect(bed.run("EXISTS", "", "none", "")).toBe(":2\r\n");
    expect(bed.run("TOUCH", "none", "", "")).toBe(":2\r\n");
  });

  test("TYPE is string or none", () => {
    bed.run("SET", "k", "1", "PX", 1);
    expect(bed.run("TYPE", "k")).toBe("+string\r\n");
    bed.x.now = now + 1;
    expect(bed.run("TYPE", "k")).toBe("+none\r\n");
  });
});

describe("KEYS, RANDOMKEY and DBSIZE", () => {
  test("KEYS returns the matching keys that have not expired", () => {
    bed.run("MSET", "one", "1", "two", "2", "three", "3", "", "4");
    bed.run("PEXPIRE", "two", 1);
    expect(strings(bed.run("KEYS", "t*"))).toEqual(["three", "two"]);
    expect(strings(bed.run("KEYS", "*"))).toEqual(["", "one", "three", "two"]);
    expect(bed.run("KEYS", "none*")).toBe("*0\r\n");
    bed.x.now = now + 1;
    expect(strings(bed.run("KEYS", "t*"))).toEqual(["three"]);
  });

  test("RANDOMKEY returns every key sooner or later", () => {
    expect(bed.run("RANDOMKEY")).toBe(nil);
    bed.run("MSET", "a", "1", "b", "2", "c", "3");
    const met = new Set(Array.from({ length: 500 }, () => bed.run("RANDOMKEY")));
    expect([...met].sort()).toEqual([bulk("a"), bulk("b"), bulk("c")]);
  });

  test("DBSIZE counts the keys", () => {
    expect(bed.run("DBSIZE")).toBe(":0\r\n");
    bed.run("MSET", "a", "1", "b", "2");
    expect(bed.run("DBSIZE")).toBe(":2\r\n");
  });
});

describe("SCAN", () => {
  const names = Array.from({ length: 1_000 }, (_, i) => `key:${i}`);

  beforeEach(() => {
    for (const name of names) bed.run("SET", name, "v");
  });

  test("visits every key exactly once", () => {
    expect(scanAll().flat().sort()).toEqual([...names].sort());
    expect(scanAll("COUNT", 1).flat().sort()).toEqual([...names].sort());
  });

  test("visits about COUNT keys per call", () => {
    expect(scanAll("COUNT", 5_000)).toHaveLength(1);
    const sizes = scanAll("count", 100).map((keys) => keys.length);
    expect(sizes.length).toBeGreaterThan(4);
    expect(Math.max(...sizes)).toBeLessThan(200);
  });

  test("walks through a small store in one call", () => {
    bed.run("FLUSHALL");
    bed.run("MSET", "a", "1", "b", "2", "c", "3");
    expect(scanAll()).toEqual([["a", "b", "c"]]);
  });

  test("returns only what matches MATCH and TYPE, but walks through all keys", () => {
    expect(scanAll("MATCH", "key:99*").flat().sort()).toEqual(
      names.filter((name) => name.startsWith("key:99")).sort(),
    );
    expect(scanAll("TYPE", "String", "MATCH", "*").flat()).toHaveLength(1_000);
    expect(scanAll("TYPE", "hash").flat()).toEqual([]);
  });

  const cursors = ["", "-1", "+1", "18446744073709551615", "-18446744073709551615"];
  cursors.push(...["67108863", "67108864", "4503599627370496", "9007199254740993"]);
  for (const cursor of cursors) {
    test(`accepts the cursor "${cursor}"`, () => {
      expect(bed.run("SCAN", cursor)).toStartWith("*2\r\n$");
    });
  }

  for (const cursor of [" 1", "abc", "1.5", "18446744073709551616", "--1", "0x1"]) {
    test(`refuses the cursor "${cursor}"`, () => {
      expect(bed.run("SCAN", cursor, "FOO")).toBe("-ERR invalid cursor\r\n");
    });
  }

  test("refuses unknown options", () => {
    for (const line of ["FOO bar", "COUNT", "MATCH", "COUNT 0", "COUNT -1", "TYPE"]) {
      expect([line, bed.run("SCAN", 0, ...line.split(" "))]).toEqual([line, syntaxError]);
    }
    expect(bed.run("SCAN", 0, "COUNT", "a")).toBe(notAnInteger);
    expect(bed.run("SCAN", 0, "COUNT", "9999999999999999999")).toBe(notAnInteger);
  });
});

describe("RENAME and RENAMENX", () => {
  test("move a value with its expiry, on followers atomically", () => {
    bed.run("SET", "a", "v", "EX", 10);
    bed.run("SET", "b", "old");
    bed.recorded();
    expect(bed.run("RENAME", "a", "b")).toBe(ok);
    expect(bed.run("MGET", "a", "b")).toBe(`*2\r\n${nil}${bulk("v")}`);
    expect(bed.run("TTL", "b")).toBe(":10\r\n");
    expect(bed.recorded()).toEqual(["MULTI", `SET b v PXAT ${now + 10_000}`, "DEL a", "EXEC"]);
  });

  test("move a value of any size", () => {
    const large = "x".repeat(1_000_000);
    bed.run("SET", "a", large);
    expect(bed.run("RENAMENX", "a", "b")).toBe(":1\r\n");
    expect(bed.run("GET", "b") === bulk(large)).toBe(true);
  });

  test("RENAMENX does not replace an existing key", () => {
    bed.run("MSET", "a", "1", "b", "2");
    bed.recorded();
    expect(bed.run("RENAMENX", "a", "b")).toBe(":0\r\n");
    expect(bed.run("RENAMENX", "a", "a")).toBe(":0\r\n");
    expect(bed.run("RENAME", "a", "a")).toBe(ok);
    expect(bed.recorded()).toEqual([]);
    expect(bed.run("GET", "a")).toBe(bulk("1"));
  });

  test("fail for a missing key", () => {
    for (const name of ["RENAME", "RENAMENX"]) {
      expect(bed.run(name, "none", "b")).toBe("-ERR no such key\r\n");
      expect(bed.run(name, "none", "none")).toBe("-ERR no such key\r\n");
    }
  });
});

describe("COPY", () => {
  test("copies a value with its expiry to a key that does not exist", () => {
    bed.run("SET", "a", "v", "PX", 10);
    bed.recorded();
    expect(bed.run("COPY", "a", "b")).toBe(":1\r\n");
    expect(bed.recorded()).toEqual([`SET b v PXAT ${now + 10}`]);
    expect(bed.run("COPY", "a", "b")).toBe(":0\r\n");
    expect(bed.run("COPY", "none", "c")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual([]);
  });

  test("with REPLACE overwrites a key", () => {
    bed.run("MSET", "a", "1", "b", "2");
    expect(bed.run("COPY", "a", "b", "replace", "DB", 0, "REPLACE")).toBe(":1\r\n");
    expect(bed.run("GET", "b")).toBe(bulk("1"));
  });

  const range = "value is out of range, value must between -2147483648 and 2147483647";
  const refusals: [options: string, text: string][] = [
    ["FOO", "syntax error"],
    ["DB", "syntax error"],
    ["DB abc", "value is not an integer or out of range"],
    ["DB 99999999999", range],
    ["DB 99", "DB index is out of range"],
    ["DB -1", "DB index is out of range"],
  ];
  for (const [options, text] of refusals) {
    test(`with ${options} replies "${text}"`, () => {
      bed.run("SET", "a", "1");
      expect(bed.run("COPY", "a", "b", ...options.split(" "))).toBe(`-ERR ${text}\r\n`);
    });
  }

  test("to the same key is an error, whether it exists or not", () => {
    const text = "-ERR source and destination objects are the same\r\n";
    expect(bed.run("COPY", "none", "none")).toBe(text);
    expect(bed.run("COPY", "none", "none", "REPLACE")).toBe(text);
  });
});

describe("FLUSHALL and FLUSHDB", () => {
  for (const args of [["FLUSHALL"], ["FLUSHDB"], ["FLUSHALL", "sync"], ["FLUSHDB", "ASYNC"]]) {
    test(`${args.join(" ")} removes everything`, () => {
      bed.run("MSET", "a", "1", "b", "2");
      bed.recorded();
      expect(bed.run(...args)).toBe(ok);
      expect(bed.run("DBSIZE")).toBe(":0\r\n");
      expect(bed.run("GET", "a")).toBe(nil);
      expect(bed.recorded()).toEqual([args[0]]);
    });
  }

  test("with another option change nothing", () => {
    bed.run("SET", "a", "1");
    expect(bed.run("FLUSHALL", "NOW")).toBe(syntaxError);
    expect(bed.run("FLUSHDB", "SYNC", "ASYNC")).toBe(syntaxError);
    expect(bed.run("DBSIZE")).toBe(":1\r\n");
  });
});
