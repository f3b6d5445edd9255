/**
 * Writes random scripts: statements over a few variables, calls of every library, errors and what
 * catches them, and, if asked, commands. What a script returns shows all of its variables.
 * It stays away from what no two servers have in common: addresses, the order of keys that are
 * tables, the last digit of a power and of sin() and its like, and from errors that end
 * redis-server 7.0.15.
 * Invariant: a script ends by itself soon; loops have constant bounds.
 */
import type { Random } from "../support/seed.ts";
import { command } from "./random-commands.ts";
import * as draw from "./random-values.ts";

/** Shows a value to its last bit; tables to a depth that ends in every case. */
const prelude = `local function S(v, d)
local t, d = type(v), d or 0
if t == "number" then return v ~= v and "nan" or string.format("%.17g", v) end
if t == "string" then return "'" .. v .. "'" end
if t == "table" then
if d > 4 then return "..." end
local r = {}
for k, w in pairs(v) do r[#r + 1] = S(k, d + 1) .. "=" .. S(w, d + 1) end
return "{" .. table.concat(r, ",") .. "}" .. #v
end
if t == "boolean" or t == "nil" then return tostring(v) end
return t
end
local function P(...)
local r = {pcall(...)}
for i = 1, select("#", pcall(...)) do r[i] = S(r[i]) end
return table.concat(r, ";")
end
`;

/** Of positive numbers: the sign of NaN is the C library's. */
const transcendental = ["sin", "cos", "exp", "log", "log10", "tan", "atan", "tanh"];

const variables = ["a", "b", "c", "d", "e"];

const operators = "+ - * / % ^ .. == ~= < <= > and or".split(" ");

export interface ScriptOptions {
  /** Whether it may run commands. */
  readonly commands: boolean;
  /** Whether the client speaks RESP3, so that the script may as well. */
  readonly isResp3: boolean;
}

export function randomScript(random: Random, options: ScriptOptions): string {
  return new ScriptWriter(random, options).script();
}

class ScriptWriter {
  private readonly random: Random;
  private readonly options: ScriptOptions;
  private depth = 0;
  /** Whether no variable may be named. */
  private isFresh = false;

  constructor(random: Random, options: ScriptOptions) {
    this.random = random;
    this.options = options;
  }

  script(): string {
    const { random } = this;
    const lines = [prelude];
    if (random.chance(0.3)) lines.push(`math.randomseed(${draw.number(random)})`);
    else lines.push("math.randomseed(7)");
    if (this.options.isResp3 && random.chance(0.5)) lines.push("redis.setresp(3)");
    lines.push(`local ${variables.join(", ")}`);
    for (const name of variables) lines.push(`${name} = ${this.value()}`);
    for (let n = random.between(1, 6); n > 0; n--) lines.push(this.statement());
    lines.push(this.ending());
    return lines.join(random.chance(0.5) ? "\n" : " ").replaceAll(/\s*\n/g, "\n");
  }

  /** Mostly what all variables are, to the last bit; otherwise a value as a reply. */
  private ending(): string {
    const all = variables.map((name) => `S(${name})`).join(", ");
    return this.random.weighted<() => string>([
      [5, () => `return {${all}}`],
      [2, () => `return ${this.reply(0)}`],
      [1, () => `return {${this.value()}, ${this.value()}}`],
      [1, () => `return ${this.value()}`],
      [0.7, () => this.uncaught()],
      [0.3, () => `return ${this.random.pick(variables)}`],
    ])();
  }

  /** What ends a script with an error. Tables without a text \`err\` end redis-server. */
  private uncaught(): string {
    return this.random.pick([
      () => `error(${draw.string(this.random)})`,
      () => `error(${draw.string(this.random)}, ${this.random.pick(["0", "1", "2"])})`,
      () => `error({err=${draw.string(this.random)}})`,
      () => `error(redis.error_reply(${draw.string(this.random)}))`,
      () => "return nil + 1",
      () => "return undefined",
      () => "undefined = 1",
      () => "return ({}).x.y",
      () => "return #nil",
      () => 'return "a" < 1',
      () => "return {} .. 1",
      () => "local function f() error('deep') end f()",
      () => "return (nil)()",
      () => "redis.nosuch()",
      () => "return x x",
      () => 'assert(false, "why")',
      () => "assert(nil)",
    ])();
  }

  // ---- statements ------------------------------------------------------------------------------

  private statement(): string {
    const { random } = this;
    this.depth++;
    const nested = this.depth < 3;
    const text = random.weighted<() => string>([
      [5, () => `${this.name()} = ${this.value()}`],
      [3, () => `${this.name()} = P(${this.callable()})`],
      [1, () => `${this.name()}, ${this.name()} = ${this.value()}`],
      [1, () => this.tableStatement()],
      [
        nested ? 1 : 0,
        () => `if ${this.value()} then ${this.statement()} else ${this.statement()} end`,
      ],
      [
        this.depth === 1 ? 1 : 0,
        () => `for i = 1, ${random.between(1, 4)} do ${this.statement()} end`,
      ],
      [
        nested ? 0.5 : 0,
        () => `${this.name()} = P(function() ${this.statement()} return ${this.value()} end)`,
      ],
      [
        0.3,
        () =>
          `${this.name()} = P(loadstring(${random.pick(['"return 1"', '"return nosuch"', '"x x"', '"error(5)"'])}))`,
      ],
      [this.options.commands ? 5 : 0, () => `${this.name()} = ${this.redisCall()}`],
    ])();
    this.depth--;
    return text;
  }

  /** Guarded, as most of them fail for most values. */
  private tableStatement(): string {
    const name = this.name();
    const { random } = this;
    const work = random.pick([
      () => `table.insert(t, ${this.fresh()})`,
      () => `table.insert(t, ${draw.integer(random)}, ${this.fresh()})`,
      () => `table.remove(t${random.chance(0.5) ? `, ${draw.integer(random)}` : ""})`,
      () => "table.sort(t)",
      () => "table.sort(t, function(x, y) return S(x) < S(y) end)",
      () =>
        `t[${random.chance(0.5) ? draw.integer(random) : draw.string(random)}] = ${this.fresh()}`,
      () => `t[#t + 1] = ${this.fresh()}`,
      () => `rawset(t, ${draw.integer(random)}, ${this.fresh()})`,
    ])();
    return `do local t = ${name} if type(t) == "table" then ${name} = P(function() ${work} return t end) end end`;
  }

  private name(): string {
    return this.random.pick(variables);
  }

  // ---- expressions -----------------------------------------------------------------------------

  private value(): string {
    this.depth++;
    const { random } = this;
    const deep = this.depth > 5;
    const text = random.weighted<() => string>([
      [3, () => draw.number(random)],
      [3, () => draw.string(random)],
      [this.isFresh ? 0 : 3, () => this.name()],
      [0.6, () => random.pick(["true", "false", "nil"])],
      [deep ? 0 : 2, () => this.table()],
      [deep ? 0 : 2, () => this.operation()],
      [deep ? 0 : 5, () => this.safeCall()],
    ])();
    this.depth--;
    return text;
  }

  /** To be stored in a table, which might otherwise hold itself: such a reply has no end. */
  private fresh(): string {
    this.isFresh = true;
    const text = this.value();
    this.isFresh = false;
    return text;
  }

  private table(): string {
    const { random } = this;
    const parts: string[] = [];
    for (let n = random.below(5); n > 0; n--) {
      parts.push(
        random.weighted<() => string>([
          [5, () => this.value()],
          [2, () => `k${random.below(6)} = ${this.value()}`],
          [1, () => `[${draw.integer(random)}] = ${this.value()}`],
          [
            0.5,
            () => `[${random.pick(["1.5", "100", '"1"', "2^40", "true", "-1"])}] = ${this.value()}`,
          ],
        ])(),
      );
    }
    return `{${parts.join(", ")}}`;
  }

  /** An operator; one that may fail is within P. */
  private operation(): string {
    const { random } = this;
    const operator = random.pick(operators);
    if (random.chance(0.15)) {
      const sign = random.pick(["-", "not ", "#"]);
      return this.guarded(`function() return ${sign}${this.operand()} end`);
    }
    const work = `${this.operand()} ${operator} ${this.operand()}`;
    const shown = operator === "^" ? `string.format("%.9g", ${work})` : work;
    return this.guarded(`function() return ${shown} end`);
  }

  private operand(): string {
    const { random } = this;
    const text = random.pick([draw.number, draw.number, draw.string])(random);
    return random.chance(0.3) ? `(${this.value()})` : text;
  }

  private guarded(callable: string): string {
    return this.random.chance(0.5) ? `P(${callable})` : `(select(2, pcall(${callable})))`;
  }

  private safeCall(): string {
    return this.guarded(this.callable());
  }

  /** A function and its arguments, for pcall(). */
  private callable(): string {
    const { random } = this;
    return random.weighted<() => string>([
      [4, () => this.stringCall()],
      [1.5, () => this.tableCall()],
      [2, () => this.mathCall()],
      [2, () => this.baseCall()],
      [2, () => this.jsonCall()],
      [2, () => this.messageCall()],
      [2, () => this.structCall()],
      [1.5, () => this.bitCall()],
      [1, () => this.redisFunction()],
      [0.5, () => this.protectedCall()],
    ])();
  }

  private text(): string {
    const { random } = this;
    if (random.chance(0.05)) return this.value();
    return random.chance(0.9) ? draw.string(random) : draw.number(random);
  }

  private stringCall(): string {
    const { random } = this;
    const at = () => (random.chance(0.2) ? draw.number(random) : draw.integer(random));
    const flag = () => random.pick(["", "", ", 1", ", -2", ", 1, true", ", 3, false"]);
    return random.pick([
      () => `string.sub, ${this.text()}, ${at()}, ${at()}`,
      () => `string.byte, ${this.text()}, ${draw.integer(random)}, ${draw.integer(random)}`,
      () => `string.char, ${random.between(0, 260)}, ${random.between(0, 255)}`,
      () => `string.rep, ${this.text()}, ${draw.integer(random)}`,
      () => `string.${random.pick(["upper", "lower", "reverse", "len"])}, ${this.text()}`,
      () => `string.find, ${this.text()}, ${draw.pattern(random)}${flag()}`,
      () => `string.match, ${this.text()}, ${draw.pattern(random)}${random.pick(["", ", 2"])}`,
      () =>
        `string.gsub, ${this.text()}, ${draw.pattern(random)}, ${draw.replacement(random)}${random.pick(["", "", ", 2", ", 0", ", 1e10"])}`,
      () =>
        `function() local r = {} for x, y in string.gmatch(${this.text()}, ${draw.pattern(random)}) do r[#r + 1] = {x, y} if #r > 20 then break end end return r end`,
      () => `string.format, ${draw.format(random)}`,
      () => `string.format, ${draw.format(random)}`,
    ])();
  }

  private tableCall(): string {
    const { random } = this;
    return random.pick([
      () =>
        `table.concat, ${this.table()}, ${draw.string(random)}, ${draw.integer(random)}, ${draw.integer(random)}`,
      () => `table.concat, {1, "b", 2.5}`,
      () => `table.maxn, ${this.table()}`,
      () => `table.getn, ${this.table()}`,
      () => `unpack, ${this.table()}, ${draw.integer(random)}, ${draw.integer(random)}`,
      () => `function() local t = ${this.table()} table.sort(t) return t end`,
      () =>
        `function() local s = "" table.foreach(${this.table()}, function(k, v) s = s .. S(k) .. S(v) end) return s end`,
      () => `next, ${this.table()}`,
      () =>
        `function() local n = 0 for i, v in ipairs(${this.table()}) do n = n + i end return n end`,
    ])();
  }

  private mathCall(): string {
    const { random } = this;
    const x = () => (random.chance(0.05) ? this.value() : draw.number(random));
    return random.weighted<() => string>([
      [
        4,
        () =>
          `math.${random.pick(["abs", "ceil", "floor", "sqrt", "modf", "frexp", "deg", "rad"])}, ${x()}`,
      ],
      [2, () => `math.${random.pick(["max", "min", "fmod", "mod"])}, ${x()}, ${x()}`],
      [1, () => `math.ldexp, ${x()}, ${draw.integer(random)}`],
      [
        2,
        () =>
          `function() return string.format("%.9g", math.${random.pick(transcendental)}(${random.between(1, 40)} / 8)) end`,
      ],
      [
        3,
        () => `math.random${random.pick(["", ", 10", ", 5, 7", `, ${x()}`, `, ${x()}, ${x()}`])}`,
      ],
      [0.5, () => `math.randomseed, ${x()}`],
    ])();
  }

  private baseCall(): string {
    const { random } = this;
    return random.pick([
      () => `tonumber, ${this.text()}`,
      () =>
        `tonumber, ${random.pick(['"ff"', '"-7f"', '"zz"', '"777"', '"  10 "', '"0xff"', '"ffffffffff"', this.text()])}, ${random.pick(["2", "8", "10", "16", "36", "37"])}`,
      () =>
        `tostring, ${random.pick(["nil", "true", draw.number(random), draw.string(random), "cjson.null"])}`,
      () => `type, ${this.value()}`,
      () => `select, ${draw.integer(random)}, ${this.value()}, ${this.value()}`,
      () => `rawget, ${this.table()}, ${draw.integer(random)}`,
      () => `rawequal, ${this.value()}, ${this.value()}`,
      () => `getmetatable, ${random.pick(['"x"', "1", "math", "cjson.null", "{}"])}`,
      () =>
        `setmetatable, ${random.pick(["math", "_G", "{}", "string", "redis"])}, ${random.pick(["{}", "nil", "1"])}`,
      () => `rawset, ${random.pick(["math", "_G", "{}", "cjson"])}, "k", 1`,
      () =>
        `function() ${random.pick(["math.pi", "string.x", "redis.call", "_G.x", "x", "KEYS", "cjson.null"])} = 1 end`,
      () =>
        `function() return ${random.pick(["nosuch", "_G.nosuch", "print", "os", "io", "debug", "require"])} end`,
      () => "xpcall, function() error('x') end, function(m) return m .. '!' end",
      () =>
        `function() local t = setmetatable({}, {__index = function(_, k) return k end, __call = function(_, x) return x end, __concat = function() return "cat" end, __unm = function() return 1 end, __lt = function() return true end, __eq = function() return true end}) return t.abc, t(${this.value()}), t .. "x", -t, t < t end`,
      () =>
        `function() local co = coroutine.create(function(x) local y = coroutine.yield(x) return y end) return select(2, coroutine.resume(co, ${this.value()})), select(2, coroutine.resume(co, 2)), coroutine.status(co) end`,
      () => `loadstring, ${random.pick(['"return 1"', '"x x"', '"\\27Lua"', '"return ..."'])}`,
      () => `function() return load(function() return nil end)() end`,
    ])();
  }

  private protectedCall(): string {
    return this.random.pick([
      () => `error, ${this.value()}`,
      () => "error",
      () => `error, {err = ${draw.string(this.random)}}`,
      () => `function() error(${draw.string(this.random)}, ${draw.integer(this.random)}) end`,
      () => `assert, ${this.value()}, ${this.value()}`,
      () => `pcall, error, ${this.value()}`,
      () => `function() return redis.pcall("nosuch") end`,
    ])();
  }

  // ---- libraries of Redis ----------------------------------------------------------------------

  private jsonCall(): string {
    const { random } = this;
    return random.weighted<() => string>([
      [4, () => `cjson.encode, ${this.value()}`],
      [4, () => `cjson.decode, ${random.chance(0.9) ? draw.json(random) : this.value()}`],
      [3, () => `function() return cjson.encode(cjson.decode(${draw.json(random)})) end`],
      [2, () => `function() return cjson.decode(cjson.encode(${this.table()})) end`],
      [1, () => this.jsonSetting()],
    ])();
  }

  /** On a cjson of its own: the settings of the common one outlive the script. */
  private jsonSetting(): string {
    const { random } = this;
    const set = random.pick([
      () =>
        `encode_sparse_array(${random.pick(["true", "false, 1, 2", "true, 3", '"on"', "1", "false, -1", "false, 0"])})`,
      () => `encode_max_depth(${random.pick(["1", "2", "0", "3", "2^40"])})`,
      () => `decode_max_depth(${random.pick(["1", "2", "-1", "3"])})`,
      () => `encode_number_precision(${random.pick(["1", "3", "7", "13", "14", "15", "0"])})`,
      () => `encode_keep_buffer(${random.pick(["true", "false", '"off"', "1"])})`,
      () => `encode_invalid_numbers(${random.pick(["true", "false", '"null"', '"x"'])})`,
      () => `decode_invalid_numbers(${random.pick(["true", "false", "nil"])})`,
    ])();
    const use = random.pick([
      () => `n.encode(${this.table()})`,
      () => `n.encode({1/3, 2^70, -12345.678, 0/0})`,
      () => "n.encode({[1]=1,[4]=2,[12]=3})",
      () => `n.decode(${draw.json(random)})`,
      () => "n.decode('[[[1e5,-0,01]]]')",
    ])();
    return `function() local n = cjson.new() return n.${set}, ${use} end`;
  }

  private messageCall(): string {
    const { random } = this;
    const hex = (text: string) =>
      `(${text}:gsub(".", function(c) return ("%02x"):format(c:byte()) end))`;
    return random.pick([
      () => `function() return ${hex(`cmsgpack.pack(${this.value()}, ${this.value()})`)} end`,
      () =>
        `function() return cmsgpack.unpack(cmsgpack.pack(${this.value()}, ${this.value()})) end`,
      () => `cmsgpack.unpack, ${draw.message(random)}`,
      () => `cmsgpack.unpack_one, ${draw.message(random)}, ${draw.integer(random)}`,
      () =>
        `cmsgpack.unpack_limit, ${draw.message(random)}, ${draw.integer(random)}, ${draw.integer(random)}`,
    ])();
  }

  private structCall(): string {
    const { random } = this;
    const args = () =>
      Array.from({ length: random.between(1, 5) }, () =>
        random.chance(0.7) ? draw.number(random) : draw.string(random),
      ).join(", ");
    return random.pick([
      () => `struct.pack, ${draw.structFormat(random)}, ${args()}`,
      () => `struct.size, ${draw.structFormat(random)}`,
      () =>
        `struct.unpack, ${draw.structFormat(random)}, "${draw.bytes(random, random.below(40))}"`,
      () =>
        `struct.unpack, ${draw.structFormat(random)}, "${draw.bytes(random, random.below(40))}", ${draw.integer(random)}`,
      () =>
        `function() local f = ${draw.structFormat(random)} return struct.unpack(f, struct.pack(f, ${args()})) end`,
    ])();
  }

  private bitCall(): string {
    const { random } = this;
    const x = () => (random.chance(0.04) ? this.value() : draw.number(random));
    return random.pick([
      () => `bit.${random.pick(["tobit", "bnot", "bswap"])}, ${x()}`,
      () => `bit.${random.pick(["band", "bor", "bxor"])}, ${x()}, ${x()}, ${x()}`,
      () => `bit.${random.pick(["lshift", "rshift", "arshift", "rol", "ror"])}, ${x()}, ${x()}`,
      () => `bit.tohex, ${x()}${random.pick(["", ", 4", ", -8", ", 20", ", 0", ", -3"])}`,
    ])();
  }

  private redisFunction(): string {
    const { random } = this;
    return random.pick([
      () => `redis.sha1hex, ${this.text()}`,
      () => `redis.error_reply, ${this.text()}`,
      () => `redis.status_reply, ${this.text()}`,
      () => "redis.sha1hex",
      () => "redis.error_reply, 1",
      () => `redis.setresp, ${random.pick(["2", "4", '"x"', "{}"])}`,
    ])();
  }

  private redisCall(): string {
    const { random } = this;
    const text = command(random, () => this.value());
    const call = random.pick(["call", "call", "pcall"]);
    return random.chance(0.8) ? `P(redis.${call}, ${text})` : `redis.${call}(${text})`;
  }

  // ---- replies ---------------------------------------------------------------------------------

  /** What becomes a reply of some type. */
  private reply(depth: number): string {
    const { random } = this;
    const inner = () => (depth > 2 ? this.value() : this.reply(depth + 1));
    return random.weighted<() => string>([
      [3, () => this.value()],
      [2, () => draw.number(random)],
      [1, () => random.pick(["true", "false", "nil", "cjson.null"])],
      [1, () => `{ok = ${draw.string(random)}}`],
      [1, () => `{err = ${draw.string(random)}}`],
      [1, () => `redis.${random.pick(["error", "status"])}_reply(${draw.string(random)})`],
      [1, () => `{${inner()}, ${inner()}, ${inner()}}`],
      [0.5, () => `{double = ${draw.number(random)}}`],
      [0.5, () => `{map = {k1 = ${inner()}}}`],
      [0.5, () => "{set = {a = true}}"],
      [0.3, () => `{big_number = "${random.pick(["123", "x", "12\\n3"])}"}`],
      [0.3, () => `{verbatim_string = {string = ${draw.string(random)}, format = "txt"}}`],
      [0.3, () => `{x = 1, ok = 5, err = ${random.pick(["1", "nil", "{}"])}}`],
    ])();
  }
}
