/**
 * What scripts of many connections do to a node: they take all memory that they get, recurse, reply
 * with many values, work on megabytes, or are all different. Each ends, whoever has nothing to do
 * with them is answered (with -BUSY, while one is long), and memory comes back. Endless ones are in
 * test/script/busy.test.ts. The node has several threads, and the client that waits for answers is
 * beside the abuser: a string that is doubled until memory is full takes the thread that runs it
 * 0.1 s of its processor, which no check interrupts.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { PingWatch } from "../support/ping-watch.ts";
import { residentBytes, tellsMemory } from "../support/process-memory.ts";
import { repetitions } from "../support/repetitions.ts";
import { ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const MiB = 1024 * 1024;
const isLong = repetitions(0, 1) > 0;
const threads = 2;
/** What the first VM takes, and garbage of the process. */
const slackBytes = 64 * MiB;

/** What ends a function of ours that has had its time, which a busy machine may give to others. */
const heldTooLong = "too long within one function";

const abuses: readonly (readonly [string, string])[] = [
  ...(isLong
    ? [["local t = {} for i = 1, 1e9 do t[i] = {i} end", "not enough memory"] as const]
    : []),
  ["local s = 'x' while true do s = s .. s end", "not enough memory"],
  ["local function f() return 1 + f() end return f()", "stack overflow"],
  ["local function f() return pcall(f) end return tostring(f())", "true"],
  ["return #string.rep('x', 3e6):upper():reverse():gsub('x', '')", "0"],
  ["local t = {} for i = 1, 5e4 do t[i] = {i} end return #cjson.encode(t)", "388895"],
  ["local t = {} for i = 1, 5e4 do t[i] = i end return t", "50000"],
  ["return redis.call('EVAL', 'return 1', 0)", "not allowed from script"],
  ["return #string.rep('x', 2e7):gsub('x', '')", ""],
  ["return string.rep('x', 1e6):match('.-.-y')", heldTooLong],
  ["return struct.size(string.rep('b', 4e7))", ""],
  ["return string.format(string.rep('x', 4e7))", "not enough memory"],
  [
    "local n, s = 0, ('x'):rep(6e7) for _ in s:gmatch('x') do n = n + 1 if n == 99 then return n end end",
    "99",
  ],
  [
    "local s, t = ('x'):rep(5e4), {} for i = 1, 1e3 do t[i] = s .. i % 2 end table.sort(t) return #t",
    "1000",
  ],
  ["local s = ('a'):rep(3000) for i = 1, 20 do s:find('.-b') end return 1", "1"],
  ["local t = {} for i = 1, 5e5 do t[i] = i end for i = 1, 30 do table.maxn(t) end return 1", "1"],
  ["local t = {} for i = 1, 2e5 do t[i] = i end table.sort(t, rawequal) return 1", "1"],
  [
    "redis.call('SET', 'k', ('x'):rep(1e7)) local t = {} for i = 1, 7e3 do t[i] = 'k' end return redis.call('MGET', unpack(t))",
    heldTooLong,
  ],
  ["return tonumber(('0'):rep(6e7), 8)", "$null"],
  ["return pcall(function() return ('1'):rep(6e7) + 1 end)", "$null"],
  ["return cjson.decode(('1'):rep(6e7))", "invalid number"],
  [
    "local t, s = {}, ('x'):rep(4e4) for i = 1, 1e3 do t[i] = s end return #table.concat(t)",
    "not enough memory",
  ],
  ["return #string.format('%q', ('\\0'):rep(1e6))", "4000002"],
  ["return loadstring('return ' .. ('-'):rep(1e5) .. '1')", ""],
];

test("scripts that take all they get disturb nobody for long", async () => {
  const options = ["--threads", `${threads}`, "--busy-reply-threshold", "50"];
  await using node = await ours.start(options);
  await using operator = await Peer.connect(node.port);
  const { pid } = node.process;
  const restBytes = tellsMemory ? residentBytes(pid) : 0;
  await using watch = await PingWatch.start(node, { threads, acceptsBusy: true });
  await abuse(node.port);
  await watch.wasPrompt();
  expect(await operator.ask("SET", "k", "v")).toBe("+OK");
  if (!tellsMemory) return;
  await waitFor(() => residentBytes(pid) - restBytes < threads * slackBytes, {
    message: `memory to come back to ${restBytes} bytes`,
  });
});

/** Runs all of them; one that finds another at work begins again. */
async function abuse(port: number): Promise<void> {
  await using peer = await Peer.connect(port);
  for (const [script, expected] of abuses) {
    let reply = "-BUSY";
    await waitFor(async () => {
      reply = await peer.ask("EVAL", script, "0");
      return !reply.startsWith("-BUSY");
    });
    if (!reply.includes(heldTooLong)) expect(reply).toContain(expected);
  }
}

test("of very many scripts, a node keeps a few", async () => {
  const [total, atOnce] = [repetitions(3_000, 1_000_000), 1_000];
  await using node = await ours.start([]);
  await using peer = await Peer.connect(node.port);
  for (let done = 0; done < total; done += atOnce) {
    for (let i = done; i < done + atOnce; i++) peer.send("EVAL", `return ${i}`, "0");
    const replies = await peer.replies(atOnce);
    expect(replies[atOnce - 1]).toEqual({ type: ":", value: `${done + atOnce - 1}` });
  }
  const info = await peer.ask("INFO", "memory");
  expect(info).toContain("number_of_cached_scripts:500");
  const vmBytes = Number(/used_memory_vm_eval:(\d+)/.exec(info)?.[1]);
  expect(vmBytes).toBeLessThan(8 * MiB);
});
