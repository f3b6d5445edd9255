/**
 * What an error about an address shows: the text, but no login that may stand in it; and which
 * hosts are addresses, as Node tells them. The options that take addresses are tested elsewhere.
 */
import { expect, test } from "bun:test";
import { isIP } from "node:net";
import { isIpAddress, parseAddress } from "../../../src/base/address.ts";

test("an address that is a URL is refused without showing its login", () => {
  expect(() => parseAddress("redis://user:secret@cache:1")).toThrow('"...@cache:1" is not an');
  expect(() => parseAddress("cache")).toThrow('"cache" is not an address');
});

const hosts = [
  ...["127.0.0.1", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.", "01.2.3.4"],
  ...["1.2.3.4.5", "1.2.3.-4", " 1.2.3.4", "1.2.3.4\n", "0x7f.0.0.1", "2130706433", ""],
  ...["::", "::1", "fe80::1%eth0", "::ffff:127.0.0.1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9"],
  ...["1::2::3", "::g", "::1%", "[::1]", "::1]:80/[", "12345::", "::1.2.3", ":", ":::", "a:b"],
  ...["localhost", "cache.example", "abc", "1.2.3.4.example", "A::F", "::ffff:256.0.0.1"],
];

test.each(hosts)("%p is an IP address exactly if Node says so", (host) => {
  expect(isIpAddress(host)).toBe(isIP(host) !== 0);
});
