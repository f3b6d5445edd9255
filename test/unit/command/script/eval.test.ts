// EVAL and SCRIPT on a bed without sockets: effects, refusals, bounds. What a script replies is
// compared with redis-server in script/conformance.test.ts.

import { describe, expect, test } from "bun:test";
import { errorCodesMax, evalScriptsMax } from "../../../../src/base/limits.ts";
import { restriction } from "../../../../src/command/run/gate.ts";
import { Scripts } from "../../../../src/command/script/scripts.ts";
import { Bed } from "../bed.ts";

const twoWrites = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('INCR', KEYS[2])";

describe("the effects of a script", () => {
  test("are one group of the journal", () => {
    const bed = new Bed();
    expect(bed.run("EVAL", twoWrites, 2, "a", "n", "1")).toBe(":1\r\n");
    expect(bed.recorded()).toEqual(["MULTI", "SET a 1", "SET n 1", "EXEC"]);
  });

  test("are bare if there is one, and none if it only reads", () => {
    const bed = new Bed();
    bed.run("EVAL", "return redis.call('GET', 'a')", 0);
    expect(bed.recorded()).toEqual([]);
    bed.run("EVAL", "return redis.call('SET', 'a', 1)", 0);
    expect(bed.recorded()).toEqual(["SET a 1"]);
  });

  test("before an error stay, and are recorded as a group", () => {
    const bed = new Bed();
    const reply = bed.run(
      "EVAL",
      `${twoWrites.replace("return", "")} error('x')`,
      2,
      "a",
      "n",
      "1",
    );
    expect(reply).toStartWith("-ERR user_script:1: x script: ");
    expect(bed.recorded()).toEqual(["MULTI", "SET a 1", "SET n 1", "EXEC"]);
    expect(bed.run("GET", "a")).toBe("$1\r\n1\r\n");
  });

  test("in another database end with the script", () => {
    const bed = new Bed();
    bed.run("EVAL", "redis.call('SELECT', 2) redis.call('SET', 'a', 1)", 0);
    expect(bed.run("GET", "a")).toBe("$-1\r\n");
    expect(bed.session.database).toBe(0);
  });
});

describe("what a node refuses", () => {
  test("a write of a script on a follower, and a script that promises to write", () => {
    const bed = new Bed();
    bed.standing.restrict(restriction.FOLLOWER, true);
    expect(bed.run("EVAL", "return redis.call('SET', 'a', 1)", 0)).toStartWith(
      "-READONLY You can't write against a read only replica.",
    );
    expect(bed.run("EVAL", "#!lua\nreturn 1", 0)).toStartWith("-READONLY You can't write");
    expect(bed.run("EVAL", "#!lua flags=no-writes\nreturn 1", 0)).toBe(":1\r\n");
    expect(bed.run("EVAL_RO", "return redis.call('GET', 'a')", 0)).toBe("$-1\r\n");
  });

  test("scripts on a follower that has lost its leader, unless they allow it", () => {
    const bed = new Bed();
    bed.standing.restrict(restriction.STALE, true);
    expect(bed.run("EVAL", "return 1", 0)).toStartWith("-MASTERDOWN Link with MASTER is down and");
    expect(bed.run("EVAL", "#!lua flags=no-writes\nreturn 1", 0)).toStartWith("-MASTERDOWN");
    const allowed = "#!lua flags=no-writes,allow-stale\nreturn redis.call('GET', 'a')";
    expect(bed.run("EVAL", allowed, 0)).toStartWith("-ERR Can not execute the command on a stale");
  });

  test("nothing of a script that promises not to write, while writes are paused", () => {
    const bed = new Bed();
    const harmless = "#!lua flags=no-writes\nreturn 1";
    const code = "redis.register_function{function_name='f', callback=function() return 2 end, ";
    bed.run("FUNCTION", "LOAD", `#!lua name=l\n${code}flags={'no-writes'}}`);
    bed.standing.restrict(restriction.WRITES_PAUSED, true);
    expect(bed.run("EVAL", "return 1", 0)).toBe(""); // held
    expect(bed.run("EVAL", "#!lua\nreturn 1", 0)).toBe("");
    expect(bed.run("EVAL", harmless, 0)).toBe(":1\r\n");
    expect(bed.run("EVAL_RO", "return 3", 0)).toBe(":3\r\n");
    expect(bed.run("FCALL", "f", 0)).toBe(":2\r\n");
    const sha = bed.run("SCRIPT", "LOAD", harmless).slice(5, 45);
    expect(bed.run("EVALSHA", sha, 0)).toBe(":1\r\n");
  });

  test("writes while too few followers are there", () => {
    const bed = new Bed();
    bed.standing.restrict(restriction.FEW_FOLLOWERS, true);
    expect(bed.run("EVAL", "return redis.call('SET', 'a', 1)", 0)).toStartWith("-NOREPLICAS Not");
    expect(bed.run("EVAL", "return redis.call('GET', 'a')", 0)).toBe("$-1\r\n");
  });

  test("values that have no room, before the first write", () => {
    const bed = new Bed({ eviction: "none", memoryLimitBytes: 1024 * 1024 });
    const fill = "for i = 1, 1e5 do redis.call('SET', 'k' .. i, string.rep('x', 1000)) end";
    expect(bed.run("EVAL", fill, 0)).toStartWith("-OOM command not allowed");
    expect(bed.run("EVAL", "return redis.call('SET', 'a', 1)", 0)).toStartWith("-OOM command not");
    expect(bed.run("EVAL", "return redis.call('DEL', 'k1')", 0)).toBe(":1\r\n");
  });
});

describe("the bounds of scripts", () => {
  test("errorstats tells only so many codes apart", () => {
    const { errors } = new Bed().x.statistics;
    for (let i = 0; i < 2 * errorCodesMax; i++) errors.note({ code: `CODE${i}` });
    const { byCode, total } = errors;
    expect([byCode.size, total]).toEqual([errorCodesMax, 2 * errorCodesMax]);
  });

  test("busy-reply-threshold ends a script, even if it catches its errors", () => {
    const bed = new Bed();
    Object.assign(bed.x, {
      scripts: new Scripts(bed.x.statistics.errors, { timeLimitMs: () => 20 }),
    });
    const endless = "while true do pcall(function() while true do end end) end";
    expect(bed.run("EVAL", endless, 0)).toStartWith("-ERR Script ended: it ran longer than");
    expect(bed.run("EVAL", `redis.call('SET', 'a', 1) ${endless}`, 0)).toContain("(40 ms)");
    expect(bed.run("EVAL", "return 1", 0)).toBe(":1\r\n");
  });

  test("end what takes long within one function, coroutine, handler or reply", () => {
    const bed = new Bed();
    const scripts = new Scripts(bed.x.statistics.errors, { timeLimitMs: () => 20 });
    Object.assign(bed.x, { scripts });
    for (const text of [
      "while true do redis.sha1hex(string.rep('x', 1e6)) end",
      "local s = string.rep('x', 1e7) while true do s:upper() end",
      "while true do coroutine.wrap(function() for i = 1, 1000 do end end)() end",
      "xpcall(function() while true do end end, function(e) while true do end end)",
      "while true do redis.call('GET', 'a') end",
    ]) {
      expect(bed.run("EVAL", text, 0)).toStartWith("-ERR Script ended: it ran longer than");
    }
    const doubled = "local t = {} for i = 1, 50 do t = {t, t} end return t";
    expect(() => bed.run("EVAL", doubled, 0)).toThrow("a reply of a script that has no end");
    expect(bed.run("EVAL", "return 1", 0)).toBe(":1\r\n");
  });

  test("end a script that takes too much memory, and its VM with it", () => {
    const bed = new Bed();
    const bomb = "local t = {} for i = 1, 1e9 do t[i] = { i, i, i, i, i, i, i, i } end";
    expect(bed.run("EVAL", bomb, 0)).toMatch(/^-ERR Error running script \w+, not enough memory/);
    expect(bed.x.scripts.usedBytes).toBe(0);
    expect(bed.run("EVAL", "return 1", 0)).toBe(":1\r\n");
  });

  test("forget scripts of EVAL, the first one first, and none of SCRIPT LOAD", () => {
    const bed = new Bed();
    const sha = bed.run("SCRIPT", "LOAD", "return 'kept'").slice(5, 45);
    for (let i = 0; i <= evalScriptsMax; i++) bed.run("EVAL", `return ${i}`, 0);
    expect(bed.x.scripts.count).toBe(evalScriptsMax + 1);
    expect(bed.run("EVALSHA", sha, 0)).toBe("$4\r\nkept\r\n");
    const first = new Bun.CryptoHasher("sha1").update("return 0").digest("hex");
    expect(bed.run("EVALSHA", first, 0)).toStartWith("-NOSCRIPT No matching script.");
  });

  test("reply with an error for a table that contains itself", () => {
    const bed = new Bed();
    const reply = bed.run("EVAL", "local t = {} t[1] = t return t", 0);
    expect(reply).toEndWith("*1\r\n-ERR reached lua stack limit\r\n");
  });
});

test("SCRIPT SHOW gives the text of a script", () => {
  const bed = new Bed();
  const sha = bed.run("SCRIPT", "LOAD", "return 1").slice(5, 45);
  expect(bed.run("SCRIPT", "SHOW", sha)).toBe("$8\r\nreturn 1\r\n");
  expect(bed.run("SCRIPT", "SHOW", "no")).toStartWith("-NOSCRIPT");
});

test("a script that is as Lua sees it uses no VM before the first one", () => {
  const bed = new Bed();
  expect(bed.run("EVALSHA", "0".repeat(40), 0)).toStartWith("-NOSCRIPT");
  expect(bed.x.scripts.usedBytes).toBe(0);
});
