/**
 * The slow log of one thread: what an entry keeps of its arguments, what it hides, and how many
 * entries and bytes it holds.
 */
import { describe, expect, test } from "bun:test";
import { slowLogBytesMax } from "../../../../src/base/limits.ts";
import { find } from "../../../../src/command/table.ts";
import { Session } from "../../../../src/command/terms/session.ts";
import { newestOf, SlowLog } from "../../../../src/command/timing/slow-log.ts";
import { noTimeBounds } from "../../../../src/command/timing/time-bounds.ts";
import { type Argument, request } from "../bed.ts";

const session = new Session(1, "10.0.0.1:7", "127.0.0.1:5000", 0, true);
session.name = "me";

function boundsOf(slowLogMax: number) {
  let last = 0;
  return { ...noTimeBounds, slowLogMax, nextSlowId: () => last++ };
}

function logged(...args: Argument[]): readonly string[] | undefined {
  const log = new SlowLog();
  add(log, boundsOf(1), args);
  return log.report(boundsOf(1), 1).entries[0]?.args;
}

function add(log: SlowLog, bounds: ReturnType<typeof boundsOf>, args: readonly Argument[]): void {
  const sent = request(...args);
  const command = find(sent);
  if (command === undefined) throw new Error(`no command ${args[0]}`);
  log.add(bounds, session, command, sent, 12.4, 1_700_000_000_500);
}

describe("an entry", () => {
  test("says who ran what, when and how long", () => {
    const log = new SlowLog();
    add(log, boundsOf(5), ["set", "k", "\xff\r\n"]);
    expect(log.report(boundsOf(5), 5).entries).toEqual([
      {
        id: 0,
        atSeconds: 1_700_000_000,
        usec: 12,
        args: ["set", "k", "\xff\r\n"],
        address: "10.0.0.1:7",
        clientName: "me",
      },
    ]);
  });

  test("keeps 128 bytes of an argument and says how many more there were", () => {
    expect(logged("SET", "k".repeat(128), "v".repeat(130))).toEqual([
      "SET",
      "k".repeat(128),
      `${"v".repeat(128)}... (2 more bytes)`,
    ]);
  });

  test("keeps 32 arguments, the last of which may say how many more there were", () => {
    const keys = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
    expect(logged("DEL", ...keys(31))).toEqual(["DEL", ...keys(31)]);
    expect(logged("DEL", ...keys(40))).toEqual(["DEL", ...keys(30), "... (10 more arguments)"]);
  });

  const hidden = "(redacted)";
  test.each<[string[], string[]]>([
    [
      ["AUTH", "secret"],
      ["AUTH", hidden],
    ],
    [
      ["auth", "default", "secret"],
      ["auth", hidden, hidden],
    ],
    [
      ["HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me"],
      ["HELLO", "3", "AUTH", hidden, hidden, "SETNAME", "me"],
    ],
    [
      ["HELLO", "3", "SETNAME", "auth", "auth", "u", "p"],
      ["HELLO", "3", "SETNAME", "auth", hidden, hidden, hidden],
    ],
    [
      ["HELLO", "AUTH", "u", "p", "SETNAME", "me"],
      ["HELLO", "AUTH", hidden, hidden, "SETNAME", "me"],
    ],
    [
      ["CONFIG", "SET", "RequirePass", "secret", "timeout", "0"],
      ["CONFIG", "SET", "RequirePass", hidden, "timeout", "0"],
    ],
    [
      ["CONFIG", "SET", "timeout", "0", "masterauth", "s".repeat(300)],
      ["CONFIG", "SET", "timeout", "0", "masterauth", hidden],
    ],
    [
      ["CONFIG", "GET", "requirepass"],
      ["CONFIG", "GET", "requirepass"],
    ],
    [
      [
        "COMMAND",
        "GETKEYS",
        "MIGRATE",
        "h",
        "1",
        "k",
        "0",
        "5",
        "AUTH",
        "secret",
        "KEYS",
        "AUTH",
        "k",
      ],
      [
        "COMMAND",
        "GETKEYS",
        "MIGRATE",
        "h",
        "1",
        "k",
        "0",
        "5",
        "AUTH",
        hidden,
        "KEYS",
        "AUTH",
        "k",
      ],
    ],
    [
      [
        "command",
        "GetKeysAndFlags",
        "migrate",
        "h",
        "1",
        "",
        "0",
        "5",
        "auth2",
        "u",
        "p",
        "KEYS",
        "k",
      ],
      [
        "command",
        "GetKeysAndFlags",
        "migrate",
        "h",
        "1",
        "",
        "0",
        "5",
        "auth2",
        hidden,
        hidden,
        "KEYS",
        "k",
      ],
    ],
    [
      ["COMMAND", "GETKEYS", "AUTH", "u", "p"],
      ["COMMAND", "GETKEYS", "AUTH", hidden, hidden],
    ],
    [
      ["COMMAND", "GETKEYS", "HELLO", "AUTH", "u", "p", "SETNAME", "me"],
      ["COMMAND", "GETKEYS", "HELLO", "AUTH", hidden, hidden, "SETNAME", "me"],
    ],
    [
      ["COMMAND", "GETKEYS", "ACL", "SETUSER", "u", ">p"],
      ["COMMAND", "GETKEYS", "ACL", "SETUSER", hidden, hidden],
    ],
    [
      ["COMMAND", "GETKEYS", "CONFIG", "SET", "timeout", "0", "requirepass", "p"],
      ["COMMAND", "GETKEYS", "CONFIG", "SET", "timeout", "0", "requirepass", hidden],
    ],
    [
      ["COMMAND", "GETKEYS", "SET", "k", "AUTH", "v"],
      ["COMMAND", "GETKEYS", "SET", "k", "AUTH", "v"],
    ],
    [
      ["COMMAND", "GETKEYS", "AUHT", "p"],
      ["COMMAND", "GETKEYS", "AUHT", hidden],
    ],
    [
      ["ACL", "DRYRUN", "u", "MIGRATE", "h", "1", "k", "0", "5", "AUTH", "p"],
      ["ACL", "DRYRUN", "u", "MIGRATE", "h", "1", "k", "0", "5", "AUTH", hidden],
    ],
    [
      ["ACL", "DRYRUN", "u", "COMMAND", "GETKEYS", "AUTH", "p"],
      ["ACL", "DRYRUN", "u", "COMMAND", hidden, hidden, hidden],
    ],
    [
      ["ACL", "DRYRUN", "u", "GET", "k"],
      ["ACL", "DRYRUN", "u", "GET", "k"],
    ],
  ])("of %p is %p", (args, shown) => {
    expect(logged(...args)).toEqual(shown);
  });
});

describe("the log", () => {
  test("keeps the newest entries, and shows them newest first", () => {
    const log = new SlowLog();
    const bounds = boundsOf(3);
    for (const key of ["a", "b", "c", "d"]) add(log, bounds, ["GET", key]);
    const keysOf = (max: number) => log.report(bounds, max).entries.map(({ args }) => args[1]);
    expect(keysOf(10)).toEqual(["d", "c", "b"]);
    expect(keysOf(2)).toEqual(["d", "c"]);
    expect(log.report(bounds, 0)).toEqual({ count: 3, entries: [] });
    expect(log.report(boundsOf(1), 10).entries.map(({ id }) => id)).toEqual([3]);
    log.reset();
    expect(log.report(bounds, 10)).toEqual({ count: 0, entries: [] });
  });

  test("is bounded in bytes, however many entries it may have", () => {
    const log = new SlowLog();
    const bounds = boundsOf(1_000_000);
    const args = ["DEL", ...Array.from({ length: 31 }, () => "k".repeat(128))];
    for (let i = 0; i < 5_000; i++) add(log, bounds, args);
    const { count, entries } = log.report(bounds, 1_000_000);
    const bytes = entries.flatMap((entry) => entry.args).reduce((sum, arg) => sum + arg.length, 0);
    expect(count).toBeWithin(1_000, 5_000);
    expect(bytes).toBeLessThan(slowLogBytesMax);
    expect(entries[0]?.id).toBe(4_999);
  });

  test("of all threads is shown by number, newest first", () => {
    const bounds = boundsOf(5);
    const logs = [new SlowLog(), new SlowLog()];
    for (let i = 0; i < 6; i++) add(logs[i % 2] as SlowLog, bounds, ["GET", `${i}`]);
    const reports = logs.map((log) => log.report(bounds, 4));
    expect(newestOf(reports, 4).map(({ id }) => id)).toEqual([5, 4, 3, 2]);
  });
});
