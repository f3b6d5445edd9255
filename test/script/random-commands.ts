/**
 * Draws the arguments of redis.call() in random scripts: commands on strings, good and bad, over a
 * few keys that all scripts share.
 * Invariant: a reply never depends on the time of day, but on times beyond all tests.
 */
import type { Random } from "../support/seed.ts";
import * as draw from "./random-values.ts";

/** What KEYS holds; a key is also named by its text. */
export const keyNames = ["k1", "k2", "{x}3", "\\0\\255"];

function key(random: Random): string {
  return random.chance(0.7) ? `KEYS[${random.between(1, 4)}]` : `"${random.pick(keyNames)}"`;
}

const far = 4_000_000_000;

/** The arguments as Lua has them, with commas between. */
export function command(random: Random, anything: () => string): string {
  const value = () => (random.chance(0.1) ? anything() : draw.string(random));
  const n = () => draw.integer(random);
  const k = () => key(random);
  const drawn = random.weighted<() => string>([
    [4, () => `"set", ${k()}, ${value()}`],
    [2, () => `"set", ${k()}, ${draw.number(random)}`],
    [
      2,
      () =>
        `"set", ${k()}, ${value()}, ${random.pick(['"nx"', '"xx"', '"get"', '"keepttl"', `"exat", ${far}`, '"ex", "x"', '"nx", "get"'])}`,
    ],
    [
      5,
      () =>
        `"${random.pick(["get", "GET", "strlen", "exists", "del", "persist", "type", "getdel", "incr", "decr"])}", ${k()}`,
    ],
    [2, () => `"${random.pick(["incrby", "decrby"])}", ${k()}, ${draw.number(random)}`],
    [1, () => `"incrbyfloat", ${k()}, ${random.pick(["1.5", "-0.25", '"1e3"', '"x"', "10"])}`],
    [2, () => `"append", ${k()}, ${value()}`],
    [1, () => `"getrange", ${k()}, ${n()}, ${n()}`],
    [1, () => `"setrange", ${k()}, ${random.below(20)}, ${value()}`],
    [1, () => `"mget", ${k()}, ${k()}, ${k()}`],
    [1, () => `"${random.pick(["mset", "msetnx"])}", ${k()}, ${value()}, ${k()}, ${value()}`],
    [1, () => `"setbit", ${k()}, ${random.below(100)}, ${random.pick(["0", "1", "2"])}`],
    [1, () => `"${random.pick(["getset", "setnx"])}", ${k()}, ${value()}`],
    [1, () => `"expireat", ${k()}, ${far}`],
    [1, () => `"expiretime", ${k()}`],
    [0.5, () => `"copy", ${k()}, ${k()}`],
    [0.5, () => `"rename", ${k()}, ${k()}`],
    [0.5, () => `"bitcount", ${k()}`],
    [
      0.7,
      () =>
        random.pick([
          '"nosuch", 1',
          '"get"',
          '"set", "a"',
          '"subscribe", "x"',
          '"eval", "return 1", 0',
          '"multi"',
          '"ping"',
          '"echo", "x"',
        ]),
    ],
    [
      0.4,
      () =>
        random.pick([
          '"get", {}',
          '"get", nil',
          '"get", true',
          "",
          "{}",
          '"set", "k1", 1/0',
          '"get", function() end',
        ]),
    ],
  ])();
  return drawn;
}
