/**
 * The string commands: replies as in redis-server 7.0, and the effects that followers get.
 * set-options.test.ts covers options and their combinations.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Bed, bulk, nil, notAnInteger, now, ok, syntaxError } from "../bed.ts";

const past = Math.floor(now / 1000) - 1;
const tooLong = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

const invalidTime = (command: string) => `-ERR invalid expire time in '${command}' command\r\n`;

describe("SET and GET", () => {
  test("return the bytes that were stored", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    expect(bed.run("SET", bytes, bytes)).toBe(ok);
    expect(bed.run("GET", bytes)).toBe(bulk(Buffer.from(bytes).toString("latin1")));
    expect(bed.run("SET", "", "")).toBe(ok);
    expect(bed.run("GET", "")).toBe(bulk(""));
    expect(bed.run("GET", "missing")).toBe(nil);
  });

  test("SET removes the expiry, and KEEPTTL keeps it", () => {
    bed.run("SET", "k", "1", "EX", 100);
    bed.run("SET", "k", "2", "KEEPTTL");
    expect(bed.run("TTL", "k")).toBe(":100\r\n");
    bed.run("SET", "k", "3");
    expect(bed.run("TTL", "k")).toBe(":-1\r\n");
    expect(bed.recorded()).toEqual([
      `SET k 1 PXAT ${now + 100_000}`,
      `SET k 2 PXAT ${now + 100_000}`,
      "SET k 3",
    ]);
  });

  test("a value disappears at the moment of its expiry", () => {
    bed.run("SET", "k", "v", "PX", 5);
    bed.x.now = now + 4;
    expect(bed.run("GET", "k")).toBe(bulk("v"));
    bed.x.now = now + 5;
    expect(bed.run("GET", "k")).toBe(nil);
  });

  test("SET with NX or XX does nothing when its condition fails", () => {
    expect(bed.run("SET", "k", "1", "XX")).toBe(nil);
    expect(bed.run("SET", "k", "2", "NX")).toBe(ok);
    expect(bed.run("SET", "k", "3", "NX")).toBe(nil);
    expect(bed.run("SET", "k", "4", "XX")).toBe(ok);
    expect(bed.recorded()).toEqual(["SET k 2", "SET k 4"]);
  });

  test("SET with GET returns the old value, whether it sets or not", () => {
    expect(bed.run("SET", "k", "1", "GET")).toBe(nil);
    expect(bed.run("SET", "k", "2", "GET", "NX")).toBe(bulk("1"));
    expect(bed.run("SET", "k", "3", "XX", "GET")).toBe(bulk("1"));
    expect(bed.run("SET", "none", "3", "XX", "GET")).toBe(nil);
    expect(bed.run("GET", "k")).toBe(bulk("3"));
    expect(bed.recorded()).toEqual(["SET k 1", "SET k 3"]);
  });

  test("SET with a time in the past deletes the key and replies OK", () => {
    expect(bed.run("SET", "none", "v", "EXAT", past)).toBe(ok);
    expect(bed.recorded()).toEqual([]);
    bed.run("SET", "k", "v");
    expect(bed.run("SET", "k", "v", "EXAT", past)).toBe(ok);
    expect(bed.run("EXISTS", "k")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual(["SET k v", "DEL k"]);
  });

  test("SET refuses an unknown option and an invalid time", () => {
    expect(bed.run("SET", "k", "v", "NX", "XX")).toBe(syntaxError);
    expect(bed.run("SET", "k", "v", "EX", "abc")).toBe(notAnInteger);
    expect(bed.run("SET", "k", "v", "EX", 0)).toBe(invalidTime("set"));
    expect(bed.run("SET", "k", "v", "PXAT", -1)).toBe(invalidTime("set"));
    expect(bed.run("SET", "k")).toBe("-ERR wrong number of arguments for 'set' command\r\n");
    expect(bed.recorded()).toEqual([]);
  });

  test("a value that is too large leaves one error and the old value", () => {
    bed.run("SET", "k", "old");
    const large = new Uint8Array(1024 * 1024 + 1);
    for (const args of [
      ["k", large],
      ["k", large, "GET"],
    ] as const) {
      expect(bed.run("SET", ...args)).toStartWith("-ERR value is larger than this cache accepts");
    }
    expect(bed.run("GETSET", "k", large)).toMatch(/^-ERR value is larger [^\r]*\r\n$/);
    expect(bed.run("GET", "k")).toBe(bulk("old"));
    expect(bed.recorded()).toEqual(["SET k old"]);
  });

  test("a key of 16 MiB is refused", () => {
    const key = new Uint8Array(16 * 1024 * 1024);
    const roomy = new Bed({ memoryLimitBytes: 128 * 1024 * 1024 });
    expect(roomy.run("SET", key, "v")).toStartWith("-ERR key is longer than 16777215 bytes");
    expect(roomy.run("SETRANGE", key, 0, "v")).toStartWith("-ERR key is longer");
    expect(roomy.run("GET", key)).toBe(nil);
  });

  test("without eviction, a full store replies OOM", () => {
    const full = new Bed({ memoryLimitBytes: 1024 * 1024, eviction: "none" });
    const replies = Array.from({ length: 2_000 }, (_, i) => full.run("SET", i, "x".repeat(1_000)));
    expect(replies[0]).toBe(ok);
    expect(replies.at(-1)).toBe("-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    expect(full.run("GET", 0)).toBe(bulk("x".repeat(1_000)));
    expect(full.run("DEL", 0)).toBe(":1\r\n");
  });
});

describe("the older forms of SET", () => {
  test("SETNX sets only a missing key", () => {
    expect(bed.run("SETNX", "k", "1")).toBe(":1\r\n");
    expect(bed.run("SETNX", "k", "2")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual(["SET k 1"]);
  });

  test("SETEX counts in seconds and PSETEX in milliseconds", () => {
    expect(bed.run("SETEX", "a", 10, "v")).toBe(ok);
    expect(bed.run("PSETEX", "b", 10, "v")).toBe(ok);
    expect(bed.recorded()).toEqual([`SET a v PXAT ${now + 10_000}`, `SET b v PXAT ${now + 10}`]);
    expect(bed.run("SETEX", "a", 0, "v")).toBe(invalidTime("setex"));
    expect(bed.run("PSETEX", "a", -1, "v")).toBe(invalidTime("psetex"));
    expect(bed.run("SETEX", "a", "9223372036854776", "v")).toBe(invalidTime("setex"));
    expect(bed.run("SETEX", "a", "x", "v")).toBe(notAnInteger);
  });

  test("GETSET returns the old value and removes the expiry", () => {
    expect(bed.run("GETSET", "k", "1")).toBe(nil);
    bed.run("EXPIRE", "k", 10);
    expect(bed.run("GETSET", "k", "2")).toBe(bulk("1"));
    expect(bed.run("TTL", "k")).toBe(":-1\r\n");
  });
});

describe("GETDEL and GETEX", () => {
  test("GETDEL returns the value and deletes it", () => {
    bed.run("SET", "k", "v");
    expect(bed.run("GETDEL", "k")).toBe(bulk("v"));
    expect(bed.run("GETDEL", "k")).toBe(nil);
    expect(bed.recorded()).toEqual(["SET k v", "DEL k"]);
  });

  test("GETEX changes, removes or keeps the expiry", () => {
    bed.run("SET", "k", "v");
    bed.recorded();
    expect(bed.run("GETEX", "k")).toBe(bulk("v"));
    expect(bed.run("GETEX", "k", "PERSIST")).toBe(bulk("v"));
    expect(bed.recorded()).toEqual([]);
    expect(bed.run("GETEX", "k", "EX", 10)).toBe(bulk("v"));
    expect(bed.run("GETEX", "k", "PERSIST")).toBe(bulk("v"));
    expect(bed.recorded()).toEqual([`PEXPIREAT k ${now + 10_000}`, "PERSIST k"]);
  });

  test("GETEX with a time in the past returns the value and deletes it", () => {
    bed.run("SET", "k", "v");
    expect(bed.run("GETEX", "k", "EXAT", past)).toBe(bulk("v"));
    expect(bed.run("EXISTS", "k")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual(["SET k v", "DEL k"]);
  });

  test("GETEX checks its time only if the key exists", () => {
    expect(bed.run("GETEX", "k", "EX", 0)).toBe(nil);
    bed.run("SET", "k", "v");
    expect(bed.run("GETEX", "k", "EX", 0)).toBe(invalidTime("getex"));
    expect(bed.run("GETEX", "k", "EX", "x")).toBe(notAnInteger);
    expect(bed.run("GETEX", "k", "KEEPTTL")).toBe(syntaxError);
  });
});

describe("MGET, MSET and MSETNX", () => {
  test("MSET sets all pairs, on followers atomically, and MGET returns them in order", () => {
    expect(bed.run("MSET", "a", "1", "b", "2", "a", "3")).toBe(ok);
    expect(bed.recorded()).toEqual(["MULTI", "SET a 1", "SET b 2", "SET a 3", "EXEC"]);
    expect(bed.run("MGET", "b", "none", "a")).toBe(`*3\r\n${bulk("2")}${nil}${bulk("3")}`);
  });

  test("MSETNX sets all or none", () => {
    expect(bed.run("MSETNX", "a", "1", "b", "2")).toBe(":1\r\n");
    bed.recorded();
    expect(bed.run("MSETNX", "c", "1", "b", "3")).toBe(":0\r\n");
    expect(bed.run("EXISTS", "c")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual([]);
  });

  test("a key without a value is an error, and a value that is too large sets nothing", () => {
    for (const name of ["mset", "msetnx"]) {
      const arity = `-ERR wrong number of arguments for '${name}' command\r\n`;
      expect(bed.run(name, "a", "1", "b")).toBe(arity);
      const large = new Uint8Array(1024 * 1024 + 1);
      expect(bed.run(name, "a", "1", "b", large)).toStartWith("-ERR value is larger");
    }
    expect(bed.run("DBSIZE")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual([]);
  });
});

describe("APPEND and SETRANGE", () => {
  test("APPEND returns the length, keeps the expiry and replicates only the added bytes", () => {
    expect(bed.run("APPEND", "k", "ab")).toBe(":2\r\n");
    bed.run("EXPIRE", "k", 10);
    expect(bed.run("APPEND", "k", "c")).toBe(":3\r\n");
    expect(bed.run("APPEND", "k", "")).toBe(":3\r\n");
    expect(bed.run("GET", "k")).toBe(bulk("abc"));
    expect(bed.run("TTL", "k")).toBe(":10\r\n");
    const added = ["SETRANGE k 2 c", "SETRANGE k 3 "];
    expect(bed.recorded()).toEqual(["SET k ab", `PEXPIREAT k ${now + 10_000}`, ...added]);
  });

  test("APPEND of nothing creates a key, SETRANGE of nothing does not", () => {
    expect(bed.run("APPEND", "a", "")).toBe(":0\r\n");
    expect(bed.run("SETRANGE", "b", 5, "")).toBe(":0\r\n");
    expect(bed.run("EXISTS", "a", "b")).toBe(":1\r\n");
    expect(bed.recorded()).toEqual(["SET a "]);
  });

  test("SETRANGE overwrites, lengthens, and fills a gap with zero bytes", () => {
    bed.run("SET", "k", "Hello World");
    expect(bed.run("SETRANGE", "k", 6, "Redis")).toBe(":11\r\n");
    expect(bed.run("GET", "k")).toBe(bulk("Hello Redis"));
    expect(bed.run("SETRANGE", "k", 12, "!")).toBe(":13\r\n");
    expect(bed.run("GET", "k")).toBe(bulk("Hello Redis\x00!"));
    expect(bed.run("SETRANGE", "new", 2, "x")).toBe(":3\r\n");
    expect(bed.run("GET", "new")).toBe(bulk("\x00\x00x"));
    expect(bed.recorded().slice(1)).toEqual([
      "SETRANGE k 6 Redis",
      "SETRANGE k 12 !",
      "SETRANGE new 2 x",
    ]);
  });

  test("a write beyond the longest string is refused", () => {
    bed.run("SET", "k", "abc");
    expect(bed.run("SETRANGE", "k", 536_870_911, "ab")).toBe(tooLong);
    expect(bed.run("SETRANGE", "k", "9223372036854775807", "a")).toBe(tooLong);
    expect(bed.run("SETRANGE", "k", "9223372036854775808", "a")).toBe(notAnInteger);
    expect(bed.run("SETRANGE", "k", 536_870_912, "")).toBe(":3\r\n");
    expect(bed.run("SETRANGE", "k", -1, "")).toBe("-ERR offset is out of range\r\n");
    expect(bed.run("SETRANGE", "k", 500_000_000, "a")).toStartWith("-ERR value is larger");
    expect(bed.run("GET", "k")).toBe(bulk("abc"));
  });
});

describe("STRLEN and GETRANGE", () => {
  test("STRLEN of a missing key is 0", () => {
    bed.run("SET", "k", "abc");
    expect(bed.run("STRLEN", "k")).toBe(":3\r\n");
    expect(bed.run("STRLEN", "none")).toBe(":0\r\n");
  });

  const parts: [from: number, to: number, part: string][] = [
    [0, 3, "This"],
    [-3, -1, "ing"],
    [0, -1, "This is a string"],
    [10, 100, "string"],
    [16, 20, ""],
    [5, 4, ""],
    [-1, -5, ""],
    [-100, -100, "T"],
    [-100, -101, ""],
    [-100, 0, "T"],
    [3, -100, ""],
  ];
  for (const [from, to, part] of parts) {
    test(`GETRANGE from ${from} to ${to} of a string is "${part}"`, () => {
      bed.run("SET", "k", "This is a string");
      expect(bed.run("GETRANGE", "k", from, to)).toBe(bulk(part));
      expect(bed.run("SUBSTR", "k", from, to)).toBe(bulk(part));
    });
  }

  test("GETRANGE of a missing key is empty, and its ends must be integers", () => {
    expect(bed.run("GETRANGE", "none", 0, -1)).toBe(bulk(""));
    expect(bed.run("GETRANGE", "none", "a", 1)).toBe(notAnInteger);
    expect(bed.run("GETRANGE", "none", 1, "1.5")).toBe(notAnInteger);
  });
});
