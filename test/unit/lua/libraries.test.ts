// The libraries of scripts without a server: values that redis-server 7.0.15 gave for the same
// calls. test/script/ compares many more with a running one.

import { describe, expect, test } from "bun:test";
import { installLibraries } from "../../../src/lua/libraries.ts";
import { Lua } from "../../../src/lua/lua.ts";
import { protectGlobals } from "../../../src/lua/sandbox.ts";

const memoryBytesMax = 64 * 1024 * 1024;

/** A list of numbers, and of one value more. */
const items = `local function items(n, more)
  local t = {} for i = 1, n do t[i] = i end t[n + 1] = more return t
end`.replaceAll("\n", " ");

/** What the expression is as a text; of an error, its text. */
function evaluator(): (expression: string) => string {
  const lua = new Lua(memoryBytesMax);
  installLibraries(lua);
  protectGlobals(lua);
  return (expression) => {
    lua.api.lua_settop(lua.main, 0);
    const code = Buffer.from(`${items} return tostring(${expression})`, "latin1");
    if (lua.load(lua.main, code, "@script") === 0) lua.protectedCall(lua.main, 0, 1, 0);
    return lua.text(lua.main, -1);
  };
}

const evaluate = evaluator();

const cases: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  "cjson writes": [
    ["cjson.encode({1,nil,3})", "[1,null,3]"],
    ["cjson.encode({})", "{}"],
    [
      "cjson.encode({[('a'):rep(40)]=1, [('a'):rep(20)..'b'..('a'):rep(19)]=2, [('ab'):rep(30)]=3, k=4})" +
        ":gsub('%w+', function(s) return #s > 20 and #s or nil end)",
      '{"k":4,"40":2,"60":3,"40":1}',
    ],
    ["cjson.encode({a=1,b={1,2},c='x'})", '{"a":1,"c":"x","b":[1,2]}'],
    ["cjson.encode(1/3)", "0.33333333333333"],
    ["cjson.encode(2^53)", "9.007199254741e+15"],
    ["cjson.encode('a/b\\127\\0\\200')", '"a\\/b\\u007f\\u0000\u00c8"'],
    ["cjson.encode({[1]=1,[2]=2,[1e10]=3})", '{"1":1,"2":2,"10000000000":3}'],
  ],
  "cjson reads": [
    ["cjson.decode('\"\\\\u00e9\\\\ud83d\\\\ude00\"')", "\u00c3\u00a9\u00f0\u009f\u0098\u0080"],
    ["cjson.decode('[-0x1.8p3]')[1]", "-12"],
    ["cjson.decode('null') == cjson.null", "true"],
    ["cjson.decode('-nan')", "-nan"],
    ["cjson.decode('n')", "script:1: Expected value but found invalid token at character 1"],
    ["cjson.decode('[+')", "script:1: Expected value but found invalid number at character 2"],
    ["cjson.decode('[1,]')", "script:1: Expected value but found T_ARR_END at character 4"],
  ],
  "cmsgpack writes and reads": [
    ["#cmsgpack.unpack(cmsgpack.pack({('x'):rep(3e6), ('y'):rep(4e6), 5}))[2]", "4000000"],
    ["cmsgpack.unpack('\\207\\255\\255\\255\\255\\255\\255\\255\\254')", "-2"],
    ["cmsgpack.pack(-33, 1.5, {a=1})", "\u00d0\u00df\u00ca?\u00c0\0\0\u0081\u00a1a\u0001"],
    ["cmsgpack.unpack('\\207\\255\\255\\255\\255\\255\\255\\255\\255')", "-1"],
    ["select('#', cmsgpack.unpack_limit('\\1\\2\\3', 2, 1))", "3"],
    ["cmsgpack.unpack('\\193')", "script:1: Bad data format in input."],
  ],
  "what is long is changed and joined as what is short": [
    ["('aZ\\200@[`{'):rep(2e4):upper() == ('AZ\\200@[`{'):rep(2e4)", "true"],
    ["('aZ\\200@[`{'):rep(2e4):lower() == ('az\\200@[`{'):rep(2e4)", "true"],
    ["('abc'):rep(3e4):reverse() == ('cba'):rep(3e4)", "true"],
    ["table.concat(items(5000), ', '):sub(-12) .. #table.concat(items(5000))", ", 4999, 500018893"],
    ["#table.concat(items(9000), 7, 5, 4500)", "21384"],
    ["#table.concat(items(9000), nil, '2')", "34892"],
    [
      "select(2, pcall(table.concat, items(5000, {})))",
      "invalid value (table) at index 5001 in table for 'concat'",
    ],
    [
      "select(2, pcall(table.concat, {}, '', 1, 1e9))",
      "invalid value (nil) at index 1 in table for 'concat'",
    ],
    ["select(2, loadstring(('x=1 '):rep(3e5)))", "a chunk is at most 524288 bytes long"],
    ["#string.format('%s', ('x'):rep(1e7))", "10000000"],
    ["select(2, pcall(string.format, '%q', ('x'):rep(1e7)))", "not enough memory"],
  ],
  "tonumber reads digits": [
    ["tonumber('007')", "7"],
    ["tonumber('999999999999999')", "1e+15"],
    ["tonumber('9007199254740993')", "9.007199254741e+15"],
    ["tonumber(' 12 ') + tonumber('-3') + tonumber('1e2') + tonumber('0x10')", "125"],
    ["tonumber('')", "nil"],
    ["tonumber('-0x')", "nil"],
    ["pcall(function() return '0x' * 0 end)", "false"],
    ["tonumber('1\\0')", "1"],
    ["tonumber('1', nil)", "1"],
  ],
  "struct packs and unpacks": [
    ["struct.pack('>!4 b i3 I2', 1, -2, 2^32+3)", "\u0001\0\0\u00ff\u00ff\u00fe\0\u0003"],
    ["struct.unpack('>i5', string.char(128,2,3,4,5))", "-549722061819"],
    ["struct.size('!8bd!4bi')", "24"],
    ["struct.size(('bi'):rep(1e5)) + struct.size(('bi'):rep(1e5))", "1000000"],
    [
      "struct.pack('b!3', 'x')",
      "script:1: bad argument #2 to 'pack' (number expected, got string)",
    ],
    ["struct.pack('b!3', 1)", "script:1: alignment 3 is not a power of 2"],
    ["struct.unpack('<l', struct.pack('<l', -2^53))", "-9.007199254741e+15"],
    ["struct.unpack('<I8', ('\\255'):rep(8))", "1.844674407371e+19"],
    ["struct.unpack('<I7', ('\\255'):rep(7))", "7.2057594037928e+16"],
    ["struct.unpack('>i7', ('\\255'):rep(7))", "-1"],
    ["struct.unpack('>I8', struct.pack('>I8', 0/0))", "9.2233720368548e+18"],
    [
      "select(2, pcall(struct.unpack, 'dc0', struct.pack('d', 0/0)))",
      "bad argument #2 to '?' (data string too short)",
    ],
    ["struct.pack('i33', 1)", "script:1: integral size 33 is larger than limit of 32"],
  ],
  "bit rounds to the nearest and takes 32 bits": [
    ["bit.tobit(2^32 + 2.5)", "2"],
    ["bit.bnot(0)", "-1"],
    ["bit.tohex(-1, -4)", "FFFF"],
    ["bit.rol(0x12345678, 8)", "878082066"],
  ],
  "integers have 64 bits": [
    ["string.format('%d %5.1f %x', 2^53, 1.25, -1)", "9007199254740992   1.2 ffffffffffffffff"],
    ["string.format('%+020d|%-#12o|', -2^40, 2^33)", "-0000001099511627776|0100000000000|"],
    ["string.format('%u %x', 0/0, -2^63)", "9223372036854775808 8000000000000000"],
    ["('abc'):sub(1, 1e10)", "abc"],
    ["tonumber('-1', 16)", "1.844674407371e+19"],
  ],
  "globals and libraries cannot be changed": [
    ["rawset(math, 'x', 1)", "Attempt to modify a readonly table"],
    ["table.insert(_G, 1)", "Attempt to modify a readonly table"],
    ["setmetatable(string, {})", "Attempt to modify a readonly table"],
    ["print", "script:1: Script attempted to access nonexistent global variable 'print'"],
    ["getmetatable('').__index == string", "true"],
    ["loadstring(string.dump(function() end))", "nil"],
    ["(pairs(math))(math) ~= nil", "true"],
    ["rawget(math, 'pi') == math.pi", "true"],
    [
      "cjson.encode({cmsgpack}):find('not supported', 1, true)",
      "script:1: Cannot serialise function: type not supported",
    ],
    ["loadstring('x = 1')()", '[string "x = 1"]:1: Attempt to modify a readonly table'],
  ],
};

for (const [name, rows] of Object.entries(cases)) {
  describe(name, () => {
    test.each(rows.map((row) => [...row]))("%s", (expression, value) => {
      expect(evaluate(expression)).toBe(value);
    });
  });
}

test("a number is written in 64 KiB at most: a longer text is none, wherever it is read", () => {
  const reads: readonly (readonly [string, string, string])[] = [
    ["tonumber(('%s'):rep(%n))", "inf", "nil"],
    ["tonumber(('%s'):rep(%n), 7)", "1.844674407371e+19", "nil"],
    ["pcall(function() return ('%s'):rep(%n) + 1 end)", "true", "false"],
    ["pcall(string.format, '%%d', ('%s'):rep(%n))", "true", "false"],
    ["pcall(cjson.decode, '[' .. ('%s'):rep(%n) .. ']')", "true", "false"],
  ];
  for (const [text, within, beyond] of reads) {
    const of = (count: number) =>
      text.replace("%n", `${count}`).replace("%s", "1").replace("%%", "%");
    expect([text, evaluate(of(65_535)), evaluate(of(65_537))]).toEqual([text, within, beyond]);
  }
  expect(evaluate("tonumber(('0'):rep(6e4) .. '12.5e1  ')")).toBe("125");
  expect(evaluate("tonumber((' '):rep(6e4) .. '-0x1.8p3')")).toBe("-12");
});

test("math.random gives the sequence of lrand48 after a seed, and goes on", () => {
  const drawn =
    "(function() local a = {} for i = 1, 5 do a[i] = math.random(100) end return table.concat(a, ' ') end)()";
  expect(evaluate(`math.randomseed(5) or ${drawn}`)).toBe("53 28 79 20 52");
});
