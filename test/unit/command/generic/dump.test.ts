/**
 * DUMP and RESTORE: replies as in redis-server 7.0, and the effects that followers get. The
 * payloads are built by the test itself (support/payload.ts). conformance/dump.test.ts exchanges
 * them with a redis-server.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { payloadOf, withFooter } from "../../../support/payload.ts";
import { Bed, bulk, latin1, nil, notAnInteger, now, ok, syntaxError } from "../bed.ts";

const busyKey = "-BUSYKEY Target key name already exists.\r\n";
const notIntact = "-ERR DUMP payload version or checksum are wrong\r\n";
const plain = payloadOf("plain");

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

describe("DUMP", () => {
  test.each([
    ["a short value", "plain"],
    ["an empty value", ""],
    ["a number", "12345"],
    ["a long value", "x".repeat(1_000_000)],
  ])("returns the payload of %s", (_, value) => {
    bed.run("SET", "k", value, "EX", 10);
    expect(bed.run("DUMP", "k") === bulk(latin1(payloadOf(value, 9)))).toBe(true);
  });

  test("returns nil for a missing or an expired key", () => {
    bed.run("SET", "k", "v", "PX", 1);
    bed.x.now = now + 1;
    expect([bed.run("DUMP", "k"), bed.run("DUMP", "none")]).toEqual([nil, nil]);
  });
});

describe("RESTORE", () => {
  test("creates a key without expiry", () => {
    expect(bed.run("RESTORE", "k", 0, plain)).toBe(ok);
    expect([bed.run("GET", "k"), bed.run("TTL", "k")]).toEqual([bulk("plain"), ":-1\r\n"]);
    expect(bed.recorded()).toEqual(["SET k plain"]);
  });

  test("creates a key that lives for so many milliseconds, or until a moment", () => {
    expect(bed.run("RESTORE", "a", 1500, plain)).toBe(ok);
    expect(bed.run("RESTORE", "b", now + 7, plain, "absttl")).toBe(ok);
    expect(bed.recorded()).toEqual([
      `SET a plain PXAT ${now + 1500}`,
      `SET b plain PXAT ${now + 7}`,
    ]);
  });

  test("reads what DUMP wrote", () => {
    bed.run("SET", "k", "some value");
    const payload = Buffer.from(bed.run("DUMP", "k"), "latin1").subarray(5, -2);
    expect(bed.run("RESTORE", "copy", 0, payload)).toBe(ok);
    expect(bed.run("GET", "copy")).toBe(bulk("some value"));
  });

  test("replaces a key only with REPLACE, and its expiry with it", () => {
    bed.run("SET", "k", "old", "EX", 10);
    bed.recorded();
    expect(bed.run("RESTORE", "k", 0, plain)).toBe(busyKey);
    expect([bed.run("GET", "k"), bed.recorded()]).toEqual([bulk("old"), []]);
    expect(bed.run("RESTORE", "k", 0, plain, "Replace")).toBe(ok);
    expect([bed.run("TTL", "k"), bed.recorded()]).toEqual([":-1\r\n", ["SET k plain"]]);
  });

  test("creates an expired key anew without REPLACE", () => {
    bed.run("SET", "k", "old", "PX", 1);
    bed.x.now = now + 1;
    expect(bed.run("RESTORE", "k", 0, plain)).toBe(ok);
  });

  test("until a moment in the past deletes the key, or does nothing", () => {
    bed.run("SET", "k", "old");
    bed.recorded();
    expect(bed.run("RESTORE", "k", 1, plain, "ABSTTL", "REPLACE")).toBe(ok);
    expect(bed.run("RESTORE", "none", now, plain, "ABSTTL")).toBe(ok);
    expect([bed.run("EXISTS", "k", "none"), bed.recorded()]).toEqual([":0\r\n", ["DEL k"]]);
  });

  test("keeps a time beyond 53 bits as the last moment there is", () => {
    const largest = "9223372036854775807";
    for (const options of [[], ["ABSTTL"]]) {
      expect(bed.run("RESTORE", "k", largest, plain, "REPLACE", ...options)).toBe(ok);
      expect(bed.run("PEXPIRETIME", "k")).toBe(`:${Number.MAX_SAFE_INTEGER}\r\n`);
    }
  });

  test("takes IDLETIME or FREQ, without effect", () => {
    for (const options of ["IDLETIME 0", "idletime 5 IDLETIME 6 REPLACE", "FREQ 255 REPLACE"]) {
      expect([options, bed.run("RESTORE", "k", 0, plain, ...options.split(" "))]).toEqual([
        options,
        ok,
      ]);
    }
  });

  const refusals: readonly (readonly [options: string, reply: string])[] = [
    ["FOO", syntaxError],
    ["IDLETIME", syntaxError],
    ["REPLACE FREQ", syntaxError],
    ["IDLETIME 1 FREQ 1", syntaxError],
    ["FREQ 1 IDLETIME 1", syntaxError],
    ["IDLETIME x", notAnInteger],
    ["FREQ 1.5", notAnInteger],
    ["IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0\r\n"],
    ["FREQ -1", "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n"],
    ["FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n"],
  ];
  test.each(refusals)("refuses %s, before it looks at anything else", (options, reply) => {
    bed.run("SET", "k", "old");
    expect(bed.run("RESTORE", "k", "x", "payload", ...options.split(" "))).toBe(reply);
  });

  test("looks at the key, then at the time, then at the payload", () => {
    bed.run("SET", "busy", "old");
    expect(bed.run("RESTORE", "busy", "x", "payload")).toBe(busyKey);
    expect(bed.run("RESTORE", "k", "x", "payload")).toBe(notAnInteger);
    expect(bed.run("RESTORE", "k", -1, "payload")).toBe("-ERR Invalid TTL value, must be >= 0\r\n");
    expect(bed.run("RESTORE", "k", 0, "payload")).toBe(notIntact);
    expect(bed.run("RESTORE", "busy", 0, "payload", "REPLACE")).toBe(notIntact);
    expect(bed.run("GET", "busy")).toBe(bulk("old"));
  });

  test("refuses an unknown version, a changed byte and a missing end", () => {
    expect(bed.run("RESTORE", "k", 0, payloadOf("v", 300))).toBe(notIntact);
    for (let at = 0; at < plain.length; at++) {
      const changed = Buffer.from(plain);
      changed[at] ^= 0x40;
      expect(bed.run("RESTORE", "k", 0, changed)).toBe(notIntact);
      expect(bed.run("RESTORE", "k", 0, plain.subarray(0, at))).toBe(notIntact);
    }
    expect(bed.recorded()).toEqual([]);
  });

  test("refuses a payload of another type in a sentence that names it", () => {
    const list = Buffer.from("1201020a0a0000000100816102ff0a0009b9edf594ded995", "hex");
    const text = "-ERR the payload is of type list, and MSCache keeps strings only\r\n";
    expect(bed.run("RESTORE", "k", 0, list)).toBe(text);
  });

  test("refuses an intact payload whose content is broken", () => {
    // A compressed string whose packed bytes are not there, a type of no server, nothing at all.
    for (const content of [[0, 0xc3, 5, 9], [0xf0], []]) {
      const payload = withFooter(Buffer.from(content), 0);
      expect(bed.run("RESTORE", "k", 0, payload)).toBe("-ERR Bad data format\r\n");
    }
  });

  test("refuses a value or a key beyond the limits and keeps what was there", () => {
    bed = new Bed({ valueBytesMax: 100_000 });
    bed.run("SET", "k", "old");
    expect(bed.run("RESTORE", "k", 0, payloadOf("x".repeat(100_001)), "REPLACE")).toStartWith(
      "-ERR value is larger than",
    );
    expect(bed.run("RESTORE", "k".repeat(2 ** 24), 0, plain)).toStartWith("-ERR key is longer");
    expect(bed.run("GET", "k")).toBe(bulk("old"));
  });

  test("a full memory without eviction refuses it", () => {
    bed = new Bed({ memoryLimitBytes: 1024 * 1024, eviction: "none" });
    const payload = payloadOf("x".repeat(10_000));
    let reply = ok;
    for (let i = 0; i < 200 && reply === ok; i++) reply = bed.run("RESTORE", `k${i}`, 0, payload);
    expect(reply).toStartWith("-OOM ");
  });

  describe("of a packed value much longer than its payload", () => {
    const packed = packedPayloadOf(900_000);
    const MiB = 1024 * 1024;

    test("makes room for the value", () => {
      for (let i = 0; i < 4000; i++) bed.run("SET", i, "v".repeat(1000));
      const large = packedPayloadOf(750_000);
      const replies = Array.from({ length: 30 }, (_, i) => bed.run("RESTORE", `k${i}`, 0, large));
      expect(replies.filter((reply) => reply !== ok)).toEqual([]);
      expect(bed.run("STRLEN", "k29")).toBe(":750000\r\n");
    });

    test("makes none for a broken payload", () => {
      for (let i = 0; i < 4000; i++) bed.run("SET", i, "v".repeat(1000));
      const count = bed.run("DBSIZE");
      packed[packed.length - 1] ^= 1;
      expect(bed.run("RESTORE", "k", 0, packed)).toBe(notIntact);
      packed[packed.length - 1] ^= 1;
      expect(Number(count.slice(1)) - Number(bed.run("DBSIZE").slice(1))).toBeLessThan(100);
    });

    test("is refused by a full memory without eviction, without a change", () => {
      bed = new Bed({ journalBytes: 8 * MiB, eviction: "none" });
      while (bed.run("APPEND", "fill", "x".repeat(100_000)).startsWith(":"));
      for (let i = 0; bed.run("SET", i, "x".repeat(100_000)) === ok; i++);
      bed.recorded();
      expect(bed.run("RESTORE", "k", 0, packed)).toStartWith("-OOM ");
      expect([bed.run("EXISTS", "k"), bed.recorded()]).toEqual([":0\r\n", []]);
    });
  });

  test("needs three arguments, and changes nothing on a follower", () => {
    expect(bed.run("RESTORE", "k", 0)).toStartWith("-ERR wrong number of arguments for 'restore'");
    bed.standing.follow("127.0.0.1:1");
    expect(bed.run("RESTORE", "k", 0, plain)).toStartWith("-READONLY ");
  });
});

/** A string of so many equal bytes, packed by LZF: each instruction repeats up to 264 of them. */
function packedPayloadOf(length: number): Buffer {
  const runs = Array.from({ length: Math.floor((length - 1) / 264) }, () => [0xe0, 255, 0]);
  const rest = Array.from({ length: (length - 1) % 264 }, () => [0, 0x78]);
  const packed = Buffer.from([0, 0x78, ...runs.flat(), ...rest.flat()]);
  const lengths = [packed.length, length].map((value) => {
    const bytes = Buffer.from([0x80, 0, 0, 0, 0]);
    bytes.writeUInt32BE(value, 1);
    return bytes;
  });
  return withFooter(Buffer.concat([Buffer.from([0, 0xc3]), ...lengths, packed]));
}
