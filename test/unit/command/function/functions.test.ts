// FUNCTION and FCALL on a bed without sockets: effects, refusals, bounds, and a VM that is
// replaced. What they reply is compared with redis-server in script/functions.test.ts.

import { describe, expect, spyOn, test } from "bun:test";
import {
  librariesMax,
  libraryBytesMax,
  libraryLoadMsMax,
  scriptBytesMax,
} from "../../../../src/base/limits.ts";
import { restriction } from "../../../../src/command/run/gate.ts";
import { Bed } from "../bed.ts";

function library(name: string, body: string): string {
  return `#!lua name=${name}\nredis.register_function('${name}', ${body})`;
}

const write = "function(k) redis.call('SET', k[1], 1) return redis.call('INCR', k[1]) end";

describe("the effects", () => {
  test("of a library replace its namesake, so that they may arrive twice", () => {
    const bed = new Bed();
    const text = library("a", "function() end").replace("\n", "\n\n");
    expect(bed.run("FUNCTION", "LOAD", text)).toBe("$1\r\na\r\n");
    expect(bed.run("FUNCTION", "LOAD", text)).toBe("-ERR Library 'a' already exists\r\n");
    expect(bed.recorded()).toEqual([`FUNCTION LOAD REPLACE ${text}`]);
    bed.run("FUNCTION", "DELETE", "a");
    bed.run("FUNCTION", "DELETE", "a");
    bed.run("FUNCTION", "FLUSH");
    expect(bed.recorded()).toEqual(["FUNCTION DELETE a", "FUNCTION FLUSH"]);
  });

  test("of a function are one group of the journal", () => {
    const bed = new Bed();
    bed.run("FUNCTION", "LOAD", library("w", write));
    bed.recorded();
    expect(bed.run("FCALL", "w", 1, "k")).toBe(":2\r\n");
    expect(bed.recorded()).toEqual(["MULTI", "SET k 1", "SET k 2", "EXEC"]);
  });
});

describe("what is refused", () => {
  test("is all that writes, on a follower", () => {
    const bed = new Bed();
    bed.run("FUNCTION", "LOAD", library("w", write));
    bed.standing.restrict(restriction.FOLLOWER, true);
    expect(bed.run("FCALL", "w", 1, "k")).toStartWith("-READONLY You can't write");
    for (const words of [["LOAD", "x"], ["DELETE", "w"], ["FLUSH"], ["RESTORE", "x"]]) {
      expect(bed.run("FUNCTION", ...words)).toStartWith("-READONLY ");
    }
    expect(bed.run("FUNCTION", "LIST")).toStartWith("*1");
  });

  test("is a function that may write, if memory is full, followers are few or the leader is gone", () => {
    const bed = new Bed({ eviction: "none" });
    const some = (flags: string) =>
      `redis.register_function{function_name='${flags.replace("-", "_")}', flags={'${flags}'}, ` +
      "callback=function() return 1 end}";
    const flagged = ["no-writes", "allow-oom", "allow-stale"].map(some).join("\n");
    bed.run("FUNCTION", "LOAD", `${library("plain", "function() return 1 end")}\n${flagged}`);
    const names = ["plain", "no_writes", "allow_oom", "allow_stale"];
    const codes = () => names.map((name) => bed.run("FCALL", name, 0).slice(0, 7).trim());
    expect(codes()).toEqual([":1", ":1", ":1", ":1"]);
    bed.standing.restrict(restriction.FEW_FOLLOWERS, true);
    expect(codes()).toEqual(["-NOREPL", ":1", "-NOREPL", "-NOREPL"]);
    bed.standing.restrict(restriction.FEW_FOLLOWERS, false);
    bed.standing.restrict(restriction.STALE, true);
    expect(codes()).toEqual(["-MASTER", "-MASTER", "-MASTER", ":1"]);
    bed.standing.restrict(restriction.STALE, false);
    const value = "x".repeat(64 * 1024);
    for (let i = 0; bed.run("SET", `k${i}`, value) === "+OK\r\n"; i++);
    for (let i = 0; bed.run("SET", `s${i}`, "x") === "+OK\r\n"; i++);
    expect(codes()).toEqual(["-OOM co", ":1", ":1", "-OOM co"]);
    const long = library("long", `function() return '${value}' end`);
    expect(bed.run("FUNCTION", "LOAD", long)).toStartWith("-OOM ");
  });

  test("leaves an old library as it was", () => {
    const bed = new Bed();
    bed.run("FUNCTION", "LOAD", library("a", "function() return 1 end"));
    bed.run("FUNCTION", "LOAD", library("b", "function() return 2 end"));
    const wrong = [
      library("a", "1"),
      "#!lua name=a\nreturn 1",
      "#!lua name=a\nredis.register_function('B', function() end)",
    ];
    for (const text of wrong) {
      expect(bed.run("FUNCTION", "LOAD", "REPLACE", text)).toStartWith("-ERR ");
      expect(bed.run("FCALL", "a", 0)).toBe(":1\r\n");
    }
  });

  test("is code that runs for longer than half a second while it is loaded", () => {
    const bed = new Bed();
    const reply = bed.run("FUNCTION", "LOAD", "#!lua name=a\nwhile true do end");
    expect(reply).toBe("-ERR Error registering functions: ERR FUNCTION LOAD timeout\r\n");
    expect(bed.run("FUNCTION", "LOAD", library("a", "function() return 1 end"))).toStartWith("$");
    expect(bed.run("FCALL", "a", 0)).toBe(":1\r\n");
  });

  test("is no short code that the machine lets wait for longer", () => {
    const bed = new Bed();
    const real = performance.now.bind(performance);
    let leapsMs = 0;
    using clock = spyOn(performance, "now").mockImplementation(() => {
      leapsMs += 2 * libraryLoadMsMax;
      return real() + leapsMs;
    });
    const code = `${library("a", "function() return 1 end")}\nfor i = 1, 1000 do end`;
    expect(bed.run("FUNCTION", "LOAD", code)).toBe("$1\r\na\r\n");
    expect(clock).toHaveBeenCalled();
    expect(bed.run("FCALL", "a", 0)).toBe(":1\r\n");
  });

  test("is a library that is too long, or that makes too many bytes or libraries", () => {
    const bed = new Bed({ memoryLimitBytes: 64 * 1024 * 1024, journalBytes: 32 * 1024 * 1024 });
    const long = (name: string) =>
      `${library(name, "function() end")}\n--${"x".repeat(scriptBytesMax - 200)}`;
    expect(bed.run("FUNCTION", "LOAD", `${long("a")}${"x".repeat(200)}`)).toBe(
      `-ERR a library is at most ${scriptBytesMax} bytes long\r\n`,
    );
    const most = Math.floor(libraryBytesMax / (scriptBytesMax - 200));
    for (let i = 0; i < most; i++) {
      expect(bed.run("FUNCTION", "LOAD", long(`a${i}`))).toEndWith(`a${i}\r\n`);
    }
    expect(bed.run("FUNCTION", "LOAD", long("b"))).toBe(
      `-ERR libraries have at most ${libraryBytesMax} bytes together\r\n`,
    );
    bed.run("FUNCTION", "FLUSH");
    for (let i = 0; i < librariesMax; i++) {
      bed.run("FUNCTION", "LOAD", library(`f${i}`, "function() end"));
    }
    expect(bed.run("FUNCTION", "LOAD", library("more", "function() end"))).toBe(
      `-ERR there are at most ${librariesMax} libraries\r\n`,
    );
  });
});

test("a library is loaded again when the VM was replaced", () => {
  const bed = new Bed();
  const bomb =
    "function() local t = {} for i = 1, 60 do t[i] = string.rep('x', 1000000) .. i end return 1 end";
  const count = "local n = 0\nredis.register_function('n', function() n = n + 1 return n end)";
  bed.run("FUNCTION", "LOAD", library("bomb", bomb));
  bed.run("FUNCTION", "LOAD", `#!lua name=n\n${count}`);
  expect(bed.run("FCALL", "n", 0)).toBe(":1\r\n");
  expect(bed.run("FCALL", "n", 0)).toBe(":2\r\n");
  expect(bed.run("FCALL", "bomb", 0)).toBe(":1\r\n");
  expect(bed.run("FCALL", "n", 0)).toBe(":1\r\n");
});

test("a payload with a library that cannot be loaded changes nothing", () => {
  const bed = new Bed();
  const other = new Bed();
  other.run("FUNCTION", "LOAD", library("a", "function() return 1 end"));
  other.run("FUNCTION", "LOAD", library("b", "function() return 2 end"));
  const dump = Buffer.from(other.run("FUNCTION", "DUMP"), "latin1");
  const payload = dump.subarray(dump.indexOf("\n") + 1, -2);
  bed.run("FUNCTION", "LOAD", "#!lua name=c\nredis.register_function('b', function() end)");
  bed.recorded();
  for (const policy of ["APPEND", "REPLACE"]) {
    expect(bed.run("FUNCTION", "RESTORE", payload, policy)).toBe(
      "-ERR Function b already exists\r\n",
    );
  }
  expect(bed.run("FCALL", "a", 0)).toBe("-ERR Function not found\r\n");
  expect(bed.recorded()).toEqual([]);
  expect(bed.run("FUNCTION", "RESTORE", payload, "FLUSH")).toBe("+OK\r\n");
  expect(bed.run("FCALL", "b", 0)).toBe(":2\r\n");
});
