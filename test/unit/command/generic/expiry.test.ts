/**
 * EXPIRE and its variants: replies as in redis-server 7.0, and the effects that followers get, also
 * when the commands come from a leader.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Bed, bulk, notAnInteger, now, ok } from "../bed.ts";

const one = ":1\r\n";
const zero = ":0\r\n";

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
  bed.run("SET", "k", "v");
  bed.recorded();
});

describe("EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT", () => {
  const ways: [name: string, time: number][] = [
    ["EXPIRE", 10],
    ["PEXPIRE", 10_000],
    ["EXPIREAT", now / 1000 + 10],
    ["PEXPIREAT", now + 10_000],
  ];
  for (const [name, time] of ways) {
    test(`${name} sets the expiry of the key`, () => {
      expect(bed.run(name, "k", time)).toBe(one);
      expect(bed.recorded()).toEqual([`PEXPIREAT k ${now + 10_000}`]);
      expect(bed.run("PEXPIRETIME", "k")).toBe(`:${now + 10_000}\r\n`);
      bed.x.now = now + 10_000;
      expect(bed.run("GET", "k")).toBe("$-1\r\n");
    });

    test(`${name} replies 0 for a missing key and an error for a time that is not a number`, () => {
      expect(bed.run(name, "none", time)).toBe(zero);
      expect(bed.run(name, "none", "abc")).toBe(notAnInteger);
      expect(bed.recorded()).toEqual([]);
    });

    test(`${name} with a time in the past deletes the key`, () => {
      expect(bed.run(name, "k", name.endsWith("AT") ? 1 : 0)).toBe(one);
      expect(bed.run("EXISTS", "k")).toBe(zero);
      expect(bed.recorded()).toEqual(["DEL k"]);
    });
  }

  test("refuse a time that does not fit into 64-bit milliseconds", () => {
    const invalid = (name: string) => `-ERR invalid expire time in '${name}' command\r\n`;
    expect(bed.run("EXPIRE", "k", "9223372036854775")).toBe(invalid("expire"));
    expect(bed.run("PEXPIRE", "none", "9223372036854775807")).toBe(invalid("pexpire"));
    expect(bed.run("EXPIREAT", "k", "-9223372036854775808")).toBe(invalid("expireat"));
    expect(bed.run("PEXPIREAT", "k", "9223372036854775807")).toBe(one);
    expect(bed.run("PEXPIREAT", "k", "-9223372036854775808")).toBe(one);
    expect(bed.run("EXISTS", "k")).toBe(zero);
  });

  // What happens to a key that ends at 100 s, and to one that never ends, when EXPIRE comes with a
  // condition.
  const conditions: [options: string, ttl: number, expiring: string, endless: string][] = [
    ["NX", 50, zero, one],
    ["XX", 50, one, zero],
    ["GT", 50, zero, zero],
    ["GT", 100, zero, zero],
    ["GT", 101, one, zero],
    ["LT", 50, one, one],
    ["LT", 100, zero, one],
    ["LT", 150, zero, one],
    ["XX LT", 50, one, zero],
    ["xx gt", 150, one, zero],
    ["NX NX", 50, zero, one],
  ];
  for (const [options, ttl, expiring, endless] of conditions) {
    test(`with ${options} for ${ttl} s change a key that ends in 100 s or never as redis does`, () => {
      expect(bed.run("EXPIRE", "k", ttl, ...options.split(" "))).toBe(endless);
      bed.run("SET", "k", "v", "EX", 100);
      expect(bed.run("EXPIRE", "k", ttl, ...options.split(" "))).toBe(expiring);
      expect(bed.run("TTL", "k")).toBe(`:${expiring === one ? ttl : 100}\r\n`);
    });
  }

  test("refuse contradicting conditions before they check the time", () => {
    const incompatible = "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n";
    for (const other of ["XX", "GT", "LT"]) {
      expect(bed.run("EXPIRE", "k", "abc", "NX", other)).toBe(incompatible);
    }
    expect(bed.run("EXPIRE", "k", "abc", "GT", "LT")).toBe(
      "-ERR GT and LT options at the same time are not compatible\r\n",
    );
    expect(bed.run("EXPIRE", "k", "abc", "FOO")).toBe("-ERR Unsupported option FOO\r\n");
  });
});

describe("TTL, PTTL, EXPIRETIME and PEXPIRETIME", () => {
  test("are -2 for a missing key and -1 for one without expiry", () => {
    for (const name of ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]) {
      expect(bed.run(name, "none")).toBe(":-2\r\n");
      expect(bed.run(name, "k")).toBe(":-1\r\n");
    }
  });

  test("round seconds to the nearest", () => {
    bed.run("PEXPIRE", "k", 1_499);
    expect(bed.run("TTL", "k")).toBe(":1\r\n");
    bed.run("PEXPIRE", "k", 1_500);
    expect(bed.run("TTL", "k")).toBe(":2\r\n");
    expect(bed.run("PTTL", "k")).toBe(":1500\r\n");
    expect(bed.run("EXPIRETIME", "k")).toBe(`:${now / 1000 + 2}\r\n`);
  });
});

test("PERSIST removes an expiry, once", () => {
  bed.run("EXPIRE", "k", 10);
  bed.recorded();
  expect(bed.run("PERSIST", "k")).toBe(one);
  expect(bed.run("PERSIST", "k")).toBe(zero);
  expect(bed.run("PERSIST", "none")).toBe(zero);
  expect(bed.recorded()).toEqual(["PERSIST k"]);
  expect(bed.run("TTL", "k")).toBe(":-1\r\n");
});

describe("what a leader sends to a follower whose clock is ahead", () => {
  beforeEach(() => {
    bed.session.kind = "leader";
    bed.standing.follow("127.0.0.1:1");
    bed.effects.muted = true;
    bed.store.expires = false;
  });

  test("is applied although its time is in the past here", () => {
    expect(bed.run("SET", "k", "new", "PXAT", now - 5)).toBe(ok);
    expect(bed.run("GET", "k")).toBe("$-1\r\n");
    expect(bed.run("PERSIST", "k")).toBe(one);
    expect(bed.run("GET", "k")).toBe(bulk("new"));
  });

  test("may extend the expiry of a key that seems expired", () => {
    expect(bed.run("PEXPIREAT", "k", now - 5)).toBe(one);
    expect(bed.run("SETRANGE", "k", 1, "w")).toBe(":2\r\n");
    expect(bed.run("PEXPIREAT", "k", now + 5)).toBe(one);
    expect(bed.run("GET", "k")).toBe(bulk("vw"));
  });

  test("deletes a key that seems expired", () => {
    bed.run("PEXPIREAT", "k", now - 5);
    expect(bed.run("DEL", "k")).toBe(one);
    expect(bed.run("DBSIZE")).toBe(zero);
  });
});
