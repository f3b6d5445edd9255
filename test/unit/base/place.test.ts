// URLs of servers: what each part means, what stands for a part that is absent, and that a wrong
// one is a ConfigError.

import { describe, expect, test } from "bun:test";
import { ConfigError } from "../../../src/base/errors.ts";
import { formatPlace, isServerUrl, parseServerUrl } from "../../../src/base/place.ts";

describe("a URL", () => {
  test.each([
    ["redis://host", { host: "host", port: 6379, isTls: false }],
    ["REDIS://host:1", { host: "host", port: 1, isTls: false }],
    ["rediss://host/0", { host: "host", port: 6379, isTls: true, database: 0 }],
    ["mscache://host", { host: "host", port: 5000, isTls: false }],
    ["mscaches://host:5443/", { host: "host", port: 5443, isTls: true }],
    ["redis://", { host: "127.0.0.1", port: 6379, isTls: false }],
    ["redis:///5", { host: "127.0.0.1", port: 6379, isTls: false, database: 5 }],
    ["redis://host?db=15", { host: "host", port: 6379, isTls: false, database: 15 }],
    ["redis://:pw@host", { host: "host", port: 6379, isTls: false, password: "pw" }],
    ["redis://joe@host", { host: "host", port: 6379, isTls: false, username: "joe" }],
    [
      "rediss://j%3Ae:%40%2F%25@[fe80::1]:7000/2",
      {
        ...{ host: "fe80::1", port: 7000, isTls: true },
        ...{ username: "j:e", password: "@/%", database: 2 },
      },
    ],
    ["unix:///a/b%20c", { host: "", port: 0, unixPath: "/a/b c", isTls: false }],
    ["unix:/a?db=1", { host: "", port: 0, unixPath: "/a", isTls: false, database: 1 }],
  ])("%s is read", (text, wanted) => {
    expect(isServerUrl(text)).toBe(true);
    expect(parseServerUrl(text)).toEqual(wanted);
  });

  test.each([
    ["http://host", "a URL begins with one of mscache://"],
    ["redis://host:99999", "it is not a URL"],
    ["redis://host:0", "a URL cannot have port 0"],
    ["redis://host/x", '"x" is not the number of a database'],
    ["redis://host/-1", '"-1" is not the number of a database'],
    ["redis://host?ssl=yes", 'a URL cannot have "ssl" after its ?'],
    ["redis://:%E0%A4%A@host", "a URL has a % that does not begin a character"],
    ["unix://", "a URL of a Unix socket is unix:///path"],
  ])("%s is refused", (text, sentence) => {
    expect(() => parseServerUrl(text)).toThrow(ConfigError);
    expect(() => parseServerUrl(text)).toThrow(sentence);
  });

  test.each(["host:5000", ":5000", "[::1]:5000", "unixhost:1", "", "redis:6379"])(
    "%p is none",
    (text) => expect(isServerUrl(text)).toBe(false),
  );

  test("is named without its login", () => {
    expect(formatPlace(parseServerUrl("redis://joe:pw@host/1"))).toBe("host:6379");
    expect(formatPlace(parseServerUrl("unix:///a/b"))).toBe("unix:/a/b");
  });
});
