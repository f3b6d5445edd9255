// The matcher that can be interrupted: it takes over when a match might take long, and then gives
// what the VM's own matcher gives.

import { expect, test } from "bun:test";
import { installLibraries } from "../../../src/lua/libraries.ts";
import { Lua } from "../../../src/lua/lua.ts";
import { guardPatterns } from "../../../src/lua/pattern-functions.ts";

const memoryBytesMax = 64 * 1024 * 1024;

/** Results of an expression as one text; of an error, its text. */
function evaluate(lua: Lua, expression: string): string {
  lua.api.lua_settop(lua.main, 0);
  const code = `local r = {${expression}} for i = 1, 9 do r[i] = tostring(r[i]) end return table.concat(r, " ")`;
  if (lua.load(lua.main, Buffer.from(code, "latin1"), "@script") === 0) {
    lua.protectedCall(lua.main, 0, 1, 0);
  }
  return lua.text(lua.main, -1);
}

function machine(): Lua {
  const lua = new Lua(memoryBytesMax);
  installLibraries(lua);
  return lua;
}

const expressions = [
  "('hello world'):find('o (w)')",
  "('hello'):find('l', -2)",
  "('a.b'):find('.', 2, true)",
  "('key=val, k2=v2'):gsub('(%w+)=(%w+)', '%2=%1%%%0')",
  "('abc'):gsub('', '-')",
  "('abc abc'):gsub('%w+', {abc = 1}, 1)",
  "('abc'):gsub('.', function(c) return c == 'b' and 'X' end)",
  "('a(b(c)d)e'):match('%b()')",
  "('THE (quick) fox'):find('%f[%a]%a+%f[%A]', 5)",
  "('x'):rep(40):match('^(x-)(x?)(x*)()$')",
  "('aa bb aa'):match('(%w+) .* %1')",
  "(function() local r = '' for k, v in ('a=1, b=2'):gmatch('(%w)=(%w)') do r = r .. v .. k end return r end)()",
  "('\\0a\\255'):gsub('[^a]', '%%')",
  "('abc'):find('[a')",
  "('abc'):gsub('(', '')",
  "('abc'):match('%')",
  "('abc'):gsub('a', '%2')",
  "('abc'):gsub('a', true)",
  "('abc'):gsub('b', '<%')",
];

test("the interruptible matcher gives what the VM's gives", () => {
  const slow = machine();
  guardPatterns(slow, slow.main, -1);
  const fast = machine();
  for (const expression of expressions) {
    expect(`${expression}: ${evaluate(slow, expression)}`).toBe(
      `${expression}: ${evaluate(fast, expression)}`,
    );
  }
});

const endless = [
  `("a"):rep(5000):find(("a*"):rep(9) .. "b")`,
  `("a"):rep(5000):gsub(("a-"):rep(9) .. "b", "")`,
  `("("):rep(5000):match(("%b()"):rep(3) .. "(a*)%1%1(a*)b")`,
  `("a"):rep(5000):gmatch(("(a*)"):rep(9) .. "b")()`,
  `table.insert({}, -2^31, 1)`,
  `(function() local t = {} for i = 1, 40 do t = {t, t} end return cjson.encode(t) end)()`,
  `cjson.decode("[" .. ("1,"):rep(3e6) .. "1]")`,
];

test.each(endless)("the time of a script ends %s", (expression) => {
  const lua = machine();
  let checks = 0;
  lua.setHook(
    lua.main,
    (l) => {
      if (++checks > 3) lua.raiseText(l, "time is over");
    },
    1_000_000,
  );
  expect(evaluate(lua, expression)).toBe("time is over");
});
