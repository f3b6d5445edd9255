/**
 * The value of client-output-buffer-limit: how its classes add up, and what followers have without
 * one. What CONFIG SET refuses is compared with Redis's own answers in connection/output-limits.
 */
import { describe, expect, test } from "bun:test";
import { loadConfig } from "../../../src/config/config.ts";
import {
  changeOutputLimits,
  followerBound,
  formatOutputLimits,
  outputLimitsDefault,
  parseOutputLimits,
  showOutputLimits,
} from "../../../src/config/output-limits.ts";

const mb = 1024 ** 2;
const own = "normal 1gb 0 0 pubsub 32mb 8mb 60";

describe("the text of an option", () => {
  test.each([
    ["", own],
    ["pubsub 1mb 2kb 3", "normal 1gb 0 0 pubsub 1mb 2kb 3"],
    ["  NORMAL  5mb\t0 0 ", "normal 5mb 0 0 pubsub 32mb 8mb 60"],
    ["slave 64mb 16mb 30", "normal 1gb 0 0 replica 64mb 16mb 30 pubsub 32mb 8mb 60"],
    ["normal 1 2 3 normal 4 5 +06", "normal 4 5 6 pubsub 32mb 8mb 60"],
  ])("%p is %p", (text, formatted) => {
    const limits = parseOutputLimits(text);
    expect(formatOutputLimits(limits)).toBe(formatted);
    expect(parseOutputLimits(formatOutputLimits(limits))).toEqual(limits);
  });

  test("several lines of a file add up, as in Redis", () => {
    const file =
      "client-output-buffer-limit pubsub 1mb 0 0\n# and\nclient-output-buffer-limit normal 2mb 0 0";
    const { outputLimits } = loadConfig({ config: "x" }, {}, () => file);
    expect(formatOutputLimits(outputLimits)).toBe("normal 2mb 0 0 pubsub 1mb 0 0");
  });

  test("a mistake names its source", () => {
    const flags = { "client-output-buffer-limit": "master 1 1 1" };
    expect(() => loadConfig(flags, {}, () => "")).toThrow(
      "--client-output-buffer-limit: Invalid client class specified in buffer limit configuration.",
    );
  });
});

test("CONFIG SET changes the classes that it names and no others", () => {
  const first = changeOutputLimits("pubsub 1mb 0 0", outputLimitsDefault);
  const second = changeOutputLimits("replica 3mb 2mb 1", first);
  expect(formatOutputLimits(second)).toBe("normal 1gb 0 0 replica 3mb 2mb 1 pubsub 1mb 0 0");
  expect(changeOutputLimits("", second)).toBe(second);
});

test("followers have --follower-buffer, unless they have a bound of their own", () => {
  const given = parseOutputLimits("replica 5mb 4mb 3");
  const none = parseOutputLimits("replica 0 0 0");
  expect(showOutputLimits(outputLimitsDefault, 8 * mb)).toBe(
    "normal 1073741824 0 0 slave 8388608 2097152 60 pubsub 33554432 8388608 60",
  );
  expect(showOutputLimits(none, 8 * mb)).toContain(" slave 0 0 0 ");
  expect(followerBound(outputLimitsDefault, 8 * mb).hardBytes).toBe(8 * mb);
  expect(followerBound(given, 8 * mb).hardBytes).toBe(5 * mb);
  expect(followerBound(none, 8 * mb)).toEqual({
    hardBytes: 8 * mb,
    softBytes: 0,
    softSeconds: 0,
  });
});
