/**
 * PFADD, PFCOUNT, PFMERGE, PFDEBUG and PFSELFTEST: replies and bytes of redis-server 7.0, and the
 * effects that followers get. hyperloglog.test.ts covers the representation.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Bed, bulk, ok } from "../bed.ts";

const notOne = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n";
const broken = "-INVALIDOBJ Corrupted HLL object detected\r\n";
const empty = "HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff";
/** PFADD k a b c in redis 7.0. */
const abc = Buffer.from("48594c4c01000000000000000000008060f38050b1844bfb80425a", "hex");

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

const bytesOf = (key: string) => Buffer.from(bed.run("GET", key).split("\r\n")[1] ?? "", "latin1");
const elements = (count: number) => Array.from({ length: count }, (_, i) => `element ${i}`);

describe("PFADD", () => {
  test("creates a key, and tells whether a register changed", () => {
    expect(bed.run("PFADD", "k", "a", "b", "c")).toBe(":1\r\n");
    expect(bed.run("GET", "k")).toBe(bulk(abc.toString("latin1")));
    expect(bed.run("PFADD", "k", "b")).toBe(":0\r\n");
    expect(bed.run("PFADD", "k")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual([`SET k ${abc.toString("latin1")}`]);
  });

  test("of nothing creates an empty one", () => {
    expect(bed.run("PFADD", "k")).toBe(":1\r\n");
    expect(bed.run("GET", "k")).toBe(bulk(empty));
    expect(bed.recorded()).toEqual([`SET k ${empty}`]);
  });

  test("keeps the expiry and the flags, also when all is replaced", () => {
    bed.run("PFADD", "k", "a");
    bed.run("EXPIRE", "k", 100);
    bed.run("PFADD", "k", "b");
    bed.run("PFADD", "k", ...elements(10_000));
    bed.run("PFADD", "k", ...elements(10_400).slice(10_000)); // too many places for SETRANGEs
    expect([bed.run("STRLEN", "k"), bed.run("TTL", "k")]).toEqual([":12304\r\n", ":100\r\n"]);
    expect(bed.recorded().at(-1)).toMatch(/^SET k HYLL\0[\s\S]* PXAT \d+$/);
  });

  test("records a few bytes of a dense value, not all of it", () => {
    bed.run("PFADD", "k", ...elements(10_000));
    bed.run("PFCOUNT", "k");
    bed.recorded();
    for (let i = 0; i < 200; i++) bed.run("PFADD", "k", `another ${i}`);
    const effects = bed.recorded();
    expect(effects.length).toBeGreaterThan(10);
    for (const effect of effects) expect(effect.length).toBeLessThan(60);
  });

  test("the effects make the value on a follower", () => {
    const follower = new Bed();
    for (let i = 0; i < 400; i++) {
      bed.run("PFADD", "k", ...elements(10 * i).slice(-20));
      if (i % 5 === 0) bed.run("PFCOUNT", "k");
      for (const effect of bed.recorded()) {
        const [name = "", key = "", offset = "", ...bytes] = effect.split(" ");
        if (name === "SET") follower.run(name, key, latin(effect.slice("SET k ".length)));
        else follower.run(name, key, offset, latin(bytes.join(" ")));
      }
    }
    expect(follower.run("GET", "k")).toBe(bed.run("GET", "k"));
    expect(bed.run("PFDEBUG", "ENCODING", "k")).toBe("+dense\r\n");
  });
});

const latin = (text = "") => new Uint8Array(Buffer.from(text, "latin1"));

describe("PFCOUNT", () => {
  test("counts one key and keeps the cardinality in it", () => {
    bed.run("PFADD", "k", "a", "b", "c");
    bed.recorded();
    expect(bed.run("PFCOUNT", "k")).toBe(":3\r\n");
    expect(bed.recorded()).toEqual(["SETRANGE k 8 \x03\0\0\0\0\0\0\0"]);
    expect(bed.run("PFCOUNT", "k")).toBe(":3\r\n");
    expect(bed.recorded()).toEqual([]);
    expect(bytesOf("k").toString("hex").slice(16, 32)).toBe("0300000000000000");
  });

  test("counts several together, and keeps nothing", () => {
    bed.run("PFADD", "a", "1", "2");
    bed.run("PFADD", "b", "2", "3", "4");
    bed.recorded();
    expect(bed.run("PFCOUNT", "a", "b", "none")).toBe(":4\r\n");
    expect(bed.run("PFCOUNT", "none")).toBe(":0\r\n");
    expect(bed.recorded()).toEqual([]);
  });

  test("on a follower counts, and leaves the bytes of the leader", () => {
    bed.run("PFADD", "k", "a", "b", "c");
    bed.standing.follow("127.0.0.1:1");
    expect(bed.run("PFCOUNT", "k")).toBe(":3\r\n");
    expect(bed.run("PFADD", "k", "d")).toStartWith("-READONLY ");
    expect(bytesOf("k")).toEqual(abc);
  });

  test("replies a cached cardinality as it is", () => {
    bed.run("PFADD", "k", "a");
    bed.run("SETRANGE", "k", 8, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f));
    expect(bed.run("PFCOUNT", "k")).toBe(":9223372036854775807\r\n");
  });
});

describe("PFMERGE", () => {
  test("merges into a new key, or into one that has elements", () => {
    bed.run("PFADD", "a", "1", "2");
    bed.run("PFADD", "b", "3");
    expect(bed.run("PFMERGE", "both", "a", "b", "none")).toBe(ok);
    expect(bed.run("PFCOUNT", "both")).toBe(":3\r\n");
    expect(bed.run("PFMERGE", "a", "b")).toBe(ok);
    expect(bed.run("PFCOUNT", "a")).toBe(":3\r\n");
    expect(bed.run("PFMERGE", "new")).toBe(ok);
    expect(bed.run("GET", "new")).toBe(bulk(empty));
  });

  test("is dense if a source is", () => {
    bed.run("PFADD", "dense", ...elements(5_000));
    bed.run("PFADD", "k", "a");
    bed.run("PFMERGE", "k", "dense");
    expect(bed.run("STRLEN", "k")).toBe(":12304\r\n");
    bed.recorded();
    bed.run("PFMERGE", "k", "dense"); // changes nothing
    expect(bed.recorded()).toEqual([]);
  });
});

describe("PFDEBUG and PFSELFTEST", () => {
  test("show the representation", () => {
    bed.run("PFADD", "k", "a", "b", "c");
    expect(bed.run("PFDEBUG", "ENCODING", "k")).toBe("+sparse\r\n");
    expect(bed.run("PFDEBUG", "DECODE", "k")).toBe(
      bulk("Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"),
    );
    expect(bed.run("PFDEBUG", "TODENSE", "k")).toBe(":1\r\n");
    expect(bed.run("PFDEBUG", "TODENSE", "k")).toBe(":0\r\n");
    expect(bed.run("PFDEBUG", "DECODE", "k")).toBe("-ERR HLL encoding is not sparse\r\n");
    expect(bed.run("PFDEBUG", "GETREG", "k")).toStartWith("*16384\r\n:0\r\n");
    expect(bed.run("PFDEBUG", "X", "k")).toBe("-ERR Unknown PFDEBUG subcommand 'X'\r\n");
    expect(bed.run("PFDEBUG", "X", "none")).toBe("-ERR The specified key does not exist\r\n");
  });

  test("PFSELFTEST passes whatever the time", () => {
    for (let i = 0; i < 20; i++) {
      bed.x.now += 123_456_789;
      expect(bed.run("PFSELFTEST")).toBe(ok);
    }
  });
});

describe("a value that is no HyperLogLog", () => {
  test.each([
    "",
    "text",
    "HYLL\x01",
    `HYLL\x02${empty.slice(5)}`,
    `hyll${empty.slice(4)}`,
    `HYLL\0${empty.slice(5)}`,
  ])("%j is refused", (text) => {
    bed.run("SET", "k", latin(text));
    bed.recorded();
    for (const command of ["PFADD", "PFCOUNT", "PFMERGE"]) {
      expect(bed.run(command, "k")).toBe(notOne);
      expect(bed.run(command, "k", "x")).toBe(notOne);
    }
    expect(bed.run("PFMERGE", "other", "k")).toBe(notOne);
    expect(bed.run("PFDEBUG", "ENCODING", "k")).toBe(notOne);
    expect([bed.run("EXISTS", "other"), bed.recorded()]).toEqual([":0\r\n", []]);
  });

  test.each([
    ["runs that end early", `${empty.slice(0, 16)}\x7f\xfe`],
    ["runs that go on", `${empty}\x00`],
    ["more than there can be", `${empty.slice(0, 16)}${"\x00".repeat(40_000)}`],
  ])("%s are corrupt", (_name, text) => {
    bed.run("SET", "k", latin(text));
    bed.recorded();
    expect(bed.run("PFCOUNT", "k")).toBe(broken);
    expect(bed.run("PFCOUNT", "k", "none")).toBe(broken);
    expect(bed.run("PFMERGE", "k")).toBe(broken);
    expect(bed.run("PFMERGE", "other", "k")).toBe(broken);
    expect(bed.run("PFDEBUG", "TODENSE", "k")).toBe(broken);
    expect(bed.recorded()).toEqual([]);
  });

  test("a PFADD that meets a corrupt run adds nothing", () => {
    bed.run("SET", "k", latin(`${empty.slice(0, 16)}\x60\x00`)); // registers up to 8,192
    bed.recorded();
    expect(bed.run("PFADD", "k", ...elements(100))).toBe(broken);
    expect(bed.recorded()).toEqual([]);
  });
});
