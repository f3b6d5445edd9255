// The docstrings of the package: every exported function and class and every public method of one
// has an example, and every example runs against a node. What it logs is what the comment behind
// says. The names that an example uses without declaring them are in surroundings() below.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { KeyvStore } from "../../src/client/adapters/keyv-store.ts";
import { RateLimiter } from "../../src/client/adapters/rate-limit.ts";
import {
  AbortedError,
  BehindError,
  type Client,
  ClosedError,
  ConflictError,
  ConnectError,
  ConnectionLostError,
  CrossShardError,
  connect,
  createCache,
  FactoryFailedError,
  FactoryTimeoutError,
  FollowFaultError,
  follow,
  InvalidArgumentError,
  ProtocolError,
  ReadOnlyError,
  ResultOutOfRangeError,
  ServeError,
  ServerError,
  ServerFaultError,
  Store,
  StoreFullError,
  serve,
  TimeoutError,
  TooManyPendingError,
  ValueTooLargeError,
} from "../../src/index.ts";
import { caseMsMax, startNode, temporaryDirectory } from "../harness.ts";
import { examplesIn } from "../support/docstring-example.ts";
import { patient } from "../support/patient-client.ts";
import { publicNames } from "../support/public-names.ts";
import { ScriptedNode } from "./scripted-node.ts";

setDefaultTimeout(caseMsMax);

const root = join(import.meta.dir, "../..");

/** Files whose examples of several lines run in tests of their own, with what they need. */
const whole = ["src/client/adapters/", "src/embed/embedded-serve.ts", "src/embed/follow.ts"];

const names = await publicNames();
const files = [...new Set(names.map(({ path }) => path))];

const errors = [
  new ConnectError("127.0.0.1:1", "refused"),
  new ConnectionLostError("127.0.0.1:1", "closed"),
  new AbortedError(false),
  new TimeoutError(1, false),
  new ServerError("OOM", "OOM no memory"),
  new ReadOnlyError("127.0.0.1:1"),
  new TooManyPendingError(1),
  new ProtocolError("no reply"),
  new ResultOutOfRangeError(2n ** 60n),
  new CrossShardError("MGET", ["a", "b"], ["1", "2"]),
  new ConflictError(1),
  new ClosedError(),
  new InvalidArgumentError("key"),
  new FactoryTimeoutError("key", 1),
  new FactoryFailedError("no"),
  new BehindError(2, 1, 1),
  new FollowFaultError(new Error("ours")),
  new ServeError("no"),
  new ServerFaultError("ours"),
  new ValueTooLargeError("no"),
  new StoreFullError("no"),
];

test("every function, class and method that the package exports has an example", () => {
  expect(names.length).toBeGreaterThan(150);
  const bare = names.filter(({ docstring }) => !/@example|@internal/.test(docstring));
  expect(bare.map(({ path, name }) => `${path}: ${name}`)).toEqual([]);
});

type Example = (names: Record<string, unknown>) => Promise<void>;

test("every example runs, and logs what it says", async () => {
  await using node = await startNode();
  await using second = await startNode();
  await using guard = sentinelOf(second.port);
  await using directory = await temporaryDirectory();
  const places: Readonly<Record<string, string>> = {
    "127.0.0.1:5000": node.address,
    "cache-1:5000": node.address,
    "cache-2:5000": "127.0.0.1:1",
    "sentinel-1:26379": guard.addr,
  };
  const shards = [
    { name: "a", addresses: [node.address] },
    { name: "b", addresses: [second.address] },
  ];
  const codes: [path: string, code: string][] = [];
  for (const path of files) {
    const isWhole = whole.some((one) => path.startsWith(one));
    for (const code of await examplesIn(path)) {
      if (!isWhole || !code.includes("\n")) codes.push([path, code]);
    }
  }
  const placed = codes.map(([, code]) =>
    Object.entries(places).reduce((all, [name, place]) => all.replaceAll(name, place), code),
  );
  const module = join(directory.path, "examples.ts");
  await Bun.write(module, moduleOf(placed));
  const { examples, opened } = (await import(module)) as { examples: Example[]; opened: Client[] };
  expect(examples.length).toBeGreaterThan(50);
  for (const [at, example] of examples.entries()) {
    const [path, code] = codes[at] as [string, string];
    const client = path.includes("shards")
      ? await connect({ shards, ...patient })
      : await connect(node.address, patient);
    await using here = await surroundings(client, code, path);
    await example(here.names).catch((cause: unknown) => {
      throw new Error(`${path}: ${code}`, { cause });
    });
    const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
    if (said.length > 0) expect([code, here.logged]).toEqual([code, said as string[]]);
    if (/^if \(error instanceof (?!MSCacheError)/.test(code)) expect(here.logged).toHaveLength(1);
  }
  await Promise.all(opened.map((client) => client.close()));
});

/**
 * One function for each example, and the clients that they connect. The names of the surroundings
 * are parameters, so that an example may declare them anew.
 */
function moduleOf(codes: readonly string[]): string {
  const names = [...surrounding, "console"].join(", ");
  const functions = codes.map((code) => {
    // An example about an error meets each of them.
    const isAboutErrors = code.startsWith("if (error");
    const body = `${isAboutErrors ? "for (const error of errors) " : ""}{\n${code}\n}`;
    return `async ({ ${names}, errors }: any) => {\n${body}\n}`;
  });
  const imports = `import * as mscache from ${JSON.stringify(join(root, "src/index.ts"))};`;
  const classes = errors.map(({ name }) => name).join(", ");
  return [
    imports,
    `const { createCache, Store, MSCacheError, ${classes} } = mscache;`,
    "export const opened = [];",
    "const connect = async (...to: any) => opened[opened.push(await mscache.connect(...to)) - 1];",
    "type User = unknown;",
    `export const examples = [${functions.join(",\n")}];`,
  ].join("\n");
}

const surrounding = [
  ...["client", "cache", "near", "store", "news", "limiter", "sum", "copy", "server"],
  ...["token", "id", "ids", "user", "request", "loadUser", "loadUsers", "reload", "fetch", "Bun"],
];

/** What the examples use without declaring it. */
async function surroundings(client: Client, code: string, path: string) {
  const stack = new AsyncDisposableStack();
  stack.use(client);
  await client.flushAll();
  await client.mset({ "report:new": "1", name: "Ada" });
  const logged: string[] = [];
  const isListening = code.includes(".subscribe(");
  const log = (...words: unknown[]): void => {
    logged.push(words.map(String).join(" "));
    if (isListening) void client.close(); // it would listen for ever
  };
  const uses = (name: string): boolean => new RegExp(`\\b${name}\\.`).test(code);
  const news = uses("news") && !isListening ? await client.subscribe("news") : null;
  const publisher = isListening || news !== null ? publishing(client) : undefined;
  const names: Record<string, unknown> = {
    ...{
      client,
      news,
      errors,
      console: { log, error: log },
      store: path.includes("keyv") ? keyvStore(client) : new Store({ maxMemory: 1024 * 1024 }),
    },
    copy: uses("copy") ? stack.use(await follow(client.address, { maxMemory })) : null,
    server: uses("server") ? stack.use(await serve({ maxMemory })) : null,
    cache: uses("cache") ? createCache({ client }) : null,
    near: uses("near") ? await client.near() : null,
    limiter: path.includes("rate-limit")
      ? new RateLimiter({ client, limit: 100, window: 60_000 })
      : client.script("return ARGV[1]"),
    sum: client.script("return #KEYS"),
    ...{
      token: "token",
      id: "id",
      ids: ["1", "2"],
      user: { name: "Ada" },
      request: new Request("http://a/"),
    },
    loadUser: async () => ({ name: "Ada" }),
    loadUsers: async (ids: readonly string[]) => ids,
    reload: async () => undefined,
    fetch: async () => new Response("{}"),
    Bun: { serve: () => undefined },
  };
  return {
    names,
    logged,
    async [Symbol.asyncDispose]() {
      clearInterval(publisher);
      await stack.disposeAsync();
    },
  };
}

const maxMemory = 64 * 1024 * 1024;

/** As Keyv leaves it. */
function keyvStore(client: Client): KeyvStore {
  const store = new KeyvStore({ client });
  store.namespace = "users";
  return store;
}

/** News, and an empty message, until the client is closed. */
function publishing(client: Client): ReturnType<typeof setInterval> {
  return setInterval(() => {
    for (const [channel, text] of [
      ["news.sport", "3:1"],
      ["news", ""],
    ] as const) {
      client.publish(channel, text).catch(() => undefined); // the example has closed it
    }
  }, 1);
}

/** A Sentinel that names the node of this port. */
function sentinelOf(port: number): ScriptedNode {
  return new ScriptedNode((command) =>
    command.startsWith("HELLO")
      ? undefined
      : `*2\r\n$9\r\n127.0.0.1\r\n$${String(port).length}\r\n${port}\r\n`,
  );
}
