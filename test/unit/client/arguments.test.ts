// Every method of the client with every kind of wrong argument, as a caller without types could
// pass it. The call rejects with an InvalidArgumentError that names the argument; nothing is sent
// or thrown. No promise is left behind either: bun test fails a test with an unhandled rejection or
// exception. The effect of valid arguments is tested in client-options.test.ts and conformance/.

import { describe, expect, test } from "bun:test";
import { connect, InvalidArgumentError } from "../../../src/index.ts";
import { ScriptedNode } from "../../client/scripted-node.ts";

/** One value of every kind, and several of the numbers and strings that are easily mistaken. */
const values: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  "a boolean": true,
  zero: 0,
  "a number": 7,
  "a fraction": 1.5,
  "a negative number": -7,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "a number too large": 2 ** 53,
  "a bigint": 7n,
  "a symbol": Symbol("s"),
  "an empty string": "",
  "a numeral": "7",
  "a string": "text",
  "an object": {},
  "an object that cannot be shown": Object.defineProperties(
    {},
    { toString: { value: refuseToShow }, toJSON: { value: refuseToShow } },
  ),
  "an object without a prototype": Object.create(null),
  "a function": () => "k",
  "a list": [],
  "a list of texts": ["k"],
  "a date": new Date(4e12),
  "an invalid date": new Date(Number.NaN),
  "an ArrayBuffer": new ArrayBuffer(8),
  "a DataView": new DataView(new ArrayBuffer(8)),
  "a Float64Array": new Float64Array(1),
  "a map": new Map([["ttl", 1]]),
  "a promise": Promise.resolve("k"),
};

function refuseToShow(): never {
  throw new Error("shown");
}

type Kinds = readonly (keyof typeof values)[];

const texts: Kinds = ["an empty string", "a numeral", "a string"];
const wholeNumbers: Kinds = ["zero", "a number", "a negative number"];
const durations: Kinds = ["undefined", "a number", "a fraction", "a number too large"];
const flags: Kinds = ["undefined", "a boolean"];
/** Objects without any of the known options, which count as {}. */
const bags: Kinds = [
  "an object",
  "an object that cannot be shown",
  "an object without a prototype",
];

/** A client whose methods accept any type. */
type Loose = Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>> & AsyncDisposable;

interface Case {
  /** The call as a user writes it, with the name of the argument. */
  readonly call: string;
  /** The name that the message must contain. */
  readonly name: string;
  readonly run: (client: Loose, value: unknown) => Promise<unknown>;
  /** The kinds of values that are valid here. */
  readonly right: Kinds;
}

const keyed = ["get", "getBytes", "has", "ttl", "delete", "incr"];
const many = ["mget", "mgetBytes", "deleteMany"];

const cases: readonly Case[] = [
  ...keyed.map((method) => ({
    call: `${method}(key)`,
    name: "key",
    run: (client: Loose, value: unknown) => client[method](value),
    right: texts,
  })),
  ...many.map((method) => ({
    call: `${method}(keys)`,
    name: "keys",
    run: (client: Loose, value: unknown) => client[method](value),
    right: ["a list", "a list of texts"],
  })),
  ...many.map((method) => ({
    call: `${method}(["k", key])`,
    name: "keys[1]",
    run: (client: Loose, value: unknown) => client[method](["k", value]),
    right: texts,
  })),
  {
    call: "set(key, value)",
    name: "key",
    run: (client, value) => client.set(value, "v"),
    right: texts,
  },
  {
    call: "set(key, value)",
    name: "value",
    run: (client, value) => client.set("k", value),
    right: texts,
  },
  {
    call: "set(key, value, options)",
    name: "options",
    run: (client, value) => client.set("k", "v", value),
    right: ["undefined", ...bags],
  },
  {
    call: "expire(key, lifetime)",
    name: "key",
    run: (client, value) => client.expire(value, { ttl: 1 }),
    right: texts,
  },
  {
    call: "expire(key, lifetime)",
    name: "lifetime",
    run: (client, value) => client.expire("k", value),
    right: [],
  },
  {
    call: "incr(key, by)",
    name: "by",
    run: (client, value) => client.incr("k", value),
    right: ["undefined", ...wholeNumbers],
  },
  {
    call: "info(section)",
    name: "section",
    run: (client, value) => client.info(value),
    right: ["undefined", ...texts],
  },
  ...Object.entries({
    ttl: durations.filter((kind) => kind !== "a number too large"),
    expiresAt: ["undefined", "a number", "a fraction", "a date"] as Kinds,
    keepTtl: flags,
    onlyIfAbsent: flags,
    onlyIfPresent: flags,
  }).map(([option, right]) => ({
    call: `set(key, value, { ${option} })`,
    name: option,
    run: (client: Loose, value: unknown) => client.set("k", "v", { [option]: value }),
    right,
  })),
];

const wrongCases = (given: readonly Case[]) =>
  given.flatMap((one) =>
    Object.entries(values)
      .filter(([kind]) => !one.right.includes(kind))
      .map(([kind, value]) => ({ ...one, kind, value })),
  );

async function looseClient(node: ScriptedNode): Promise<Loose> {
  return (await connect(node.addr)) as unknown as Loose;
}

/** The result or the error of a call. No method of a client throws. */
async function outcome(run: () => Promise<unknown>): Promise<unknown> {
  const promise = run();
  expect(promise).toBeInstanceOf(Promise);
  return promise.catch((error: unknown) => error);
}

function expectRefusal(error: Error, message: RegExp): void {
  expect(error).toBeInstanceOf(InvalidArgumentError);
  expect(error.message).toMatch(message);
}

describe("a wrong argument is named, and nothing is sent", () => {
  test.each(cases.map((one) => [one.call, one.name, one] as const))(
    "%s: %s",
    async (_call, name, one) => {
      await using node = new ScriptedNode((command) =>
        command.startsWith("HELLO") ? undefined : "+OK\r\n",
      );
      await using client = await looseClient(node);
      for (const { kind, value } of wrongCases([one])) {
        const error = (await outcome(() => one.run(client, value))) as Error;
        expect([kind, error.name]).toEqual([kind, "InvalidArgumentError"]);
        expect([kind, error.message]).toEqual([kind, expect.stringContaining(name)]);
      }
      expect(node.commands).toEqual([]);
      expect(await client.ping()).toBe("OK");
    },
  );

  test("a hole in a list is a wrong element", async () => {
    await using node = new ScriptedNode(() => undefined);
    await using client = await looseClient(node);
    const hole = new Array(2).fill("k", 0, 1);
    for (const method of many) {
      const error = (await outcome(() => client[method](hole))) as Error;
      expectRefusal(error, /keys\[1\].*undefined/);
    }
    expect(node.commands).toEqual([]);
  });

  test("a value too large for any node is refused before it is copied", async () => {
    await using node = new ScriptedNode(() => undefined);
    await using client = await looseClient(node);
    const large = new Uint8Array(512 * 1024 * 1024 + 1);
    for (const call of [() => client.set("k", large), () => client.get(large)]) {
      const error = (await outcome(call)) as Error;
      expectRefusal(error, /(key|value) is longer/);
    }
    const many = new Array(1024 * 1024).fill("k");
    const error = (await outcome(() => client.mget(many))) as Error;
    expectRefusal(error, /^keys /);
    expect(node.commands).toEqual([]);
  });
});

describe("a valid argument is accepted", () => {
  test.each(cases.map((one) => [one.call, one.name, one] as const))(
    "%s: %s",
    async (_call, _name, one) => {
      await using node = new ScriptedNode((command) =>
        command.startsWith("HELLO") ? undefined : "+OK\r\n",
      );
      await using client = await looseClient(node);
      for (const kind of one.right) {
        const result = (await outcome(() => one.run(client, values[kind]))) as Error | undefined;
        expect([kind, result?.name]).not.toEqual([kind, "InvalidArgumentError"]);
      }
    },
  );
});

describe("connect", () => {
  const times: Kinds = ["undefined", "a number", "a fraction"];
  const options: Readonly<Record<string, Kinds>> = {
    password: ["undefined", ...texts],
    username: ["undefined"],
    connectTimeoutMs: times,
    requestTimeoutMs: times,
    maxPending: ["undefined", "a number"],
    reconnect: ["undefined", ...bags],
    "reconnect.minDelayMs": times,
    "reconnect.maxDelayMs": times,
    "reconnect.maxAttempts": ["undefined", "zero", "a number", "Infinity"],
  };

  test.each(Object.entries(options))("names a wrong %s", async (name, right) => {
    await using node = new ScriptedNode(() => undefined);
    const [option, inner] = name.split(".");
    const base = { reconnect: { minDelayMs: 0.5 } };
    for (const [kind, value] of Object.entries(values)) {
      if (right.includes(kind)) continue;
      const given = inner === undefined ? value : { ...base.reconnect, [inner]: value };
      const loose: object = { ...base, [option]: given };
      const error = (await outcome(() => connect(node.addr, loose))) as Error;
      expect([kind, error.name]).toEqual([kind, "InvalidArgumentError"]);
      expect([kind, error.message]).toEqual([kind, expect.stringContaining(name)]);
    }
    expect(node.peers).toEqual([]);
  });

  test("names an address that is not a string, alone or in a list", async () => {
    for (const [kind, value] of Object.entries(values)) {
      if (value === undefined || typeof value === "string") continue;
      const inList = (await outcome(() => connect([":1", value as string]))) as Error;
      expectRefusal(inList, /^addresses\[1\] must be a string/);
      if (Array.isArray(value)) continue;
      const alone = (await outcome(() => connect(value as string))) as Error;
      expect([kind, alone.message]).toEqual([kind, expect.stringMatching(/^address must be /)]);
    }
    expectRefusal((await outcome(() => connect([]))) as Error, /^addresses is an empty list/);
  });

  test("names options that are not an object", async () => {
    for (const [kind, value] of Object.entries(values)) {
      if (value === undefined || bags.includes(kind)) continue;
      const error = (await outcome(() => connect(":1", value as object))) as Error;
      expect([kind, error.name]).toEqual([kind, "InvalidArgumentError"]);
      expect([kind, error.message]).toEqual([kind, expect.stringContaining("options")]);
    }
  });

  test("shows neither a password nor a very long address in its message", async () => {
    const password = 1234567 as unknown as string;
    const error = (await outcome(() => connect(":1", { password }))) as Error;
    expect(error.message).not.toContain("1234567");
    const addr = `${"long".repeat(100_000)}:5000`;
    const other = (await outcome(() => connect(addr))) as Error;
    expectRefusal(other, /^address /);
    expect(other.message.length).toBeLessThan(500);
  }, 60_000); // a search that is quadratic in the length takes minutes
});
