// Options, addresses, lifetimes and delays: what is accepted, how it is encoded, and that every
// mistake is an InvalidArgumentError that names it.

import { describe, expect, test } from "bun:test";
import { formatAddress } from "../../../src/base/address.ts";
import { InvalidArgumentError } from "../../../src/client/client-errors.ts";
import { type ConnectOptions, resolveOptions } from "../../../src/client/client-options.ts";
import {
  lifetimeWords,
  type SetOptions,
  setCommand,
} from "../../../src/client/commands/lifetime.ts";
import { backoffMs } from "../../../src/client/link/backoff.ts";
import { parseAddress } from "../../../src/client/routing/client-addresses.ts";

describe("an address", () => {
  test.each([
    ["127.0.0.1:5000", "127.0.0.1", 5000],
    ["localhost:1", "localhost", 1],
    [":6379", "127.0.0.1", 6379],
    ["[::1]:65535", "::1", 65535],
    ["[fe80::1%eth0]:5000", "fe80::1%eth0", 5000],
    ["cache-1.example.org:80", "cache-1.example.org", 80],
  ])("%s is read", (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
  });

  test.each([
    "",
    "host",
    "host:",
    ":0",
    ":65536",
    "host:12x",
    "::1:5000",
    "[::1]",
    "[x]:1",
    "a b:1",
    "redis://host:1",
  ])("%j is refused", (text) => {
    expect(() => parseAddress(text)).toThrow(InvalidArgumentError);
    expect(() => parseAddress(text)).toThrow(JSON.stringify(text));
  });

  test("is formatted the way it is read", () => {
    for (const text of ["127.0.0.1:5000", "[::1]:5000"]) {
      expect(formatAddress(parseAddress(text))).toBe(text);
    }
  });
});

describe("options", () => {
  test("have the documented defaults", () => {
    expect(resolveOptions()).toEqual({
      places: [{ host: "127.0.0.1", port: 5000 }],
      tls: null,
      database: 0,
      login: null,
      connectTimeoutMs: 5_000,
      requestTimeoutMs: 5_000,
      reconnect: { minDelayMs: 50, maxDelayMs: 2_000, maxAttempts: Number.POSITIVE_INFINITY },
      maxPending: 65_536,
      sentinel: null,
      reads: "nearest",
      readYourWrites: false,
      retries: 16,
      offlineQueue: true,
    });
  });

  test("a password alone logs in as default", () => {
    expect(resolveOptions(undefined, { password: "p" }).login).toEqual({
      username: "default",
      password: "p",
    });
  });

  test("a URL says what options may say, and options go before it", () => {
    const url = "rediss://joe:p%40ss@[::1]:7000/3";
    expect(resolveOptions(url)).toMatchObject({
      places: [{ host: "::1", port: 7000 }],
      tls: { rejectUnauthorized: true },
      database: 3,
      login: { username: "joe", password: "p@ss" },
    });
    const options = { username: "ann", password: "q", database: 0 };
    expect(
      resolveOptions(url, { ...options, tls: { ca: "pem", rejectUnauthorized: false } }),
    ).toMatchObject({
      tls: { ca: "pem", rejectUnauthorized: false },
      database: 0,
      login: { username: "ann", password: "q" },
    });
    expect(resolveOptions("unix:///run/x.sock").places).toEqual([
      { host: "", port: 0, unixPath: "/run/x.sock" },
    ]);
    expect(resolveOptions(":1", { tls: true }).tls).toEqual({ rejectUnauthorized: true });
    expect(resolveOptions(":1", { tls: false }).tls).toBe(null);
  });

  test("a wrong URL is refused without a word of its password", () => {
    for (const addr of [
      "redis://:s3cret@host:99999",
      "http://joe:s3cret@host",
      "redis://:s3cret@h?x=1",
    ]) {
      const message = (() => {
        try {
          return `accepted ${resolveOptions(addr).places.length}`;
        } catch (error) {
          return String(error);
        }
      })();
      expect(message).toStartWith("InvalidArgumentError: address: ");
      expect(message).not.toContain("s3cret");
    }
  });

  test("a minDelayMs above the default maxDelayMs raises it", () => {
    expect(resolveOptions(":1", { reconnect: { minDelayMs: 9_000 } }).reconnect.maxDelayMs).toBe(
      9_000,
    );
  });

  test("several addresses are places of one group, each named once", () => {
    const addresses = ["redis://joe:secret@a:1/2", "b:1", "redis://a:1", "unix:///x"];
    expect(resolveOptions(addresses)).toMatchObject({
      places: [{ host: "a", port: 1 }, { host: "b", port: 1 }, { unixPath: "/x" }],
      login: { username: "joe", password: "secret" },
      database: 2,
      tls: null,
    });
    expect(resolveOptions(["a:1", "mscaches://b"]).tls).toEqual({ rejectUnauthorized: true });
  });

  test.each([
    [["redis://a", "rediss://b"], "addresses[1] says something else about the TLS"],
    [["redis://a/1", "redis://b/2"], "addresses[1] says something else about the database"],
    [
      ["redis://:p@a", "b:1", "redis://:q@c"],
      "addresses[2] says something else about the password",
    ],
    [[], "addresses is an empty list"],
    [["a:1", "b"], 'addresses[1] "b" is not'],
  ])("%j is refused", (addresses, text) => {
    expect(() => resolveOptions(addresses)).toThrow(InvalidArgumentError);
    expect(() => resolveOptions(addresses)).toThrow(text);
  });

  const mistakes: [string, ConnectOptions, string?][] = [
    ["address", {}, "nowhere"],
    ["username", { username: "u" }],
    ["database", { database: -1 }],
    ["tls", { tls: false }, "rediss://host"],
    ["tls", { tls: true }, "unix:///x"],
    ["tls.cert", { tls: { cert: "pem" } }],
    ["tls.ca", { tls: { ca: 7 as never } }],
    ["tls.ca", { tls: { ca: ["pem", null as never] } }],
    ["tls.serverName", { tls: { serverName: 1 as never } }],
    ["tls.rejectUnauthorized", { tls: { rejectUnauthorized: "no" as never } }],
    ["cacert", { tls: { cacert: "pem" } as never }],
    ["connectTimeoutMs", { connectTimeoutMs: 0 }],
    ["connectTimeoutMs", { connectTimeoutMs: 2 ** 31 }],
    ["requestTimeoutMs", { requestTimeoutMs: Number.NaN }],
    ["maxPending", { maxPending: 0 }],
    ["maxPending", { maxPending: 1.5 }],
    ["reconnect.minDelayMs", { reconnect: { minDelayMs: -1 } }],
    ["reconnect.maxDelayMs", { reconnect: { minDelayMs: 10, maxDelayMs: 9 } }],
    ["reconnect.maxAttempts", { reconnect: { maxAttempts: -1 } }],
  ];
  test.each(mistakes)("a wrong %s is named", (name, options, address = ":1") => {
    expect(() => resolveOptions(address, options)).toThrow(InvalidArgumentError);
    expect(() => resolveOptions(address, options)).toThrow(name);
  });
});

describe("the options of set", () => {
  const wordsFor: [SetOptions, (string | number)[]][] = [
    [{}, []],
    [{ ttl: 60_000 }, ["PX", 60_000]],
    [{ ttl: 1 }, ["PX", 1]],
    [{ ttl: 0.2 }, ["PX", 1]],
    [{ expiresAt: 1_700_000_000_000 }, ["PXAT", 1_700_000_000_000]],
    [{ expiresAt: new Date(5) }, ["PXAT", 5]],
    [{ keepTtl: true }, ["KEEPTTL"]],
    [{ keepTtl: false, onlyIfAbsent: false }, []],
    [{ onlyIfAbsent: true }, ["NX"]],
    [{ ttl: 9, onlyIfPresent: true }, ["PX", 9, "XX"]],
  ];
  test.each(wordsFor)("%j become arguments of SET", (options, words) => {
    expect(setCommand(["SET", "k", "v"], options)).toEqual(["SET", "k", "v", ...words]);
  });

  // The types refuse these; a caller without types can still pass them.
  test.each([
    [{ ttl: 0 }, "ttl"],
    [{ ttl: -1 }, "ttl"],
    [{ ttl: Number.POSITIVE_INFINITY }, "ttl"],
    [{ ttl: Number.NaN }, "ttl"],
    [{ expiresAt: new Date(Number.NaN) }, "expiresAt"],
    [{ ttl: 1, expiresAt: 1 }, "mutually exclusive"],
    [{ ttl: 1, keepTtl: true }, "mutually exclusive"],
    [{ onlyIfAbsent: true, onlyIfPresent: true }, "mutually exclusive"],
  ])("%j are refused", (options, part) => {
    expect(() => setCommand(["SET", "k", "v"], options as SetOptions)).toThrow(
      InvalidArgumentError,
    );
    expect(() => setCommand(["SET", "k", "v"], options as SetOptions)).toThrow(part);
  });

  test("no lifetime adds no arguments", () => expect(lifetimeWords({})).toBeNull());
});

describe("the delay before a reconnection", () => {
  const reconnect = { minDelayMs: 50, maxDelayMs: 2_000 };

  test("doubles up to its maximum", () => {
    const delays = [1, 2, 3, 6, 7, 5_000].map((attempt) => backoffMs(attempt, reconnect, 0));
    expect(delays).toEqual([50, 100, 200, 1_600, 2_000, 2_000]);
  });

  test("is shortened at random by at most half", () => {
    expect(backoffMs(1, reconnect, 0.5)).toBe(37.5);
    expect(backoffMs(1, reconnect, 0.999_999)).toBeGreaterThan(25);
  });
});
