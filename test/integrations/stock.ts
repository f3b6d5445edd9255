// Stock software from npm, unchanged: package.json and bun.lock of this folder pin it
// (scripts/stock-packages.ts). Without a network the first install fails, and so do the tests.
// Invariant: an integration has done something with the node, and the node refused nothing of it.

import { expect, test } from "bun:test";
import { installStock } from "../../scripts/stock-packages.ts";
import { respClient, startNode, startRedis } from "../harness.ts";

const packages = installStock("integrations", import.meta.dir);
/** MSCACHE_TEST_SERVER=redis puts redis-server in the place of the node: all pass there too. */
const onRedis = process.env.MSCACHE_TEST_SERVER === "redis";

/** What comes from a stock package: their types are not those of this project's compiler. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Untyped = any;

/** What a stock package exports. */
export async function stock(name: string): Promise<Untyped> {
  return await import(stockPath(name));
}

/** The file that a stock package is imported from. */
export function stockPath(name: string): string {
  return Bun.resolveSync(name, packages);
}

/** A node for one integration, and what the integration has opened on it. */
export interface Bench {
  readonly port: number;
  readonly url: string;
  /** How it is closed at the end, the last opened first. */
  after(close: () => unknown): void;
  /** A command by a client of ours, to see what the integration has left in the node. */
  ask(...args: string[]): Promise<unknown>;
}

export interface Expected {
  /** Some of the commands that the integration is known to send. */
  readonly sends: string;
  /** Commands that the node does not know and that the integration tries without need. */
  readonly unknown?: number;
  /** Scripts that it asks for by their SHA1 before it has sent them: it sends the text then. */
  readonly unloaded?: number;
  /** What is not installed, so that it is skipped. */
  readonly lacks?: string;
}

/** A test of an integration: does what its documents show, on a node of its own. */
export function integration(
  name: string,
  { sends, unknown = 0, unloaded = 0, lacks = "" }: Expected,
  run: (bench: Bench) => Promise<void>,
): void {
  const note = lacks === "" ? "" : ` (skipped: there is no ${lacks})`;
  test.skipIf(lacks !== "")(`${name}${note}`, async () => {
    await using node = await (onRedis ? startRedis() : startNode());
    await using own = await respClient(node.port);
    const opened = new AsyncDisposableStack();
    const asked: string[] = [];
    try {
      await run({
        port: node.port,
        url: `redis://127.0.0.1:${node.port}`,
        after: (close) => opened.defer(async () => void (await close())),
        ask: (...args) => {
          asked.push(args.slice(0, args[0] === "PUBSUB" ? 2 : 1).join("|"));
          return own.call(...args);
        },
      });
      expect(await refusalsOf(own)).toEqual(expectedRefusals(unknown, unloaded));
      expect(await calledOf(own, asked)).toEqual(expect.arrayContaining(sends.split(" ")));
    } catch (error) {
      // What is half open may never close, or fail to, which would hide the error.
      void opened.disposeAsync().catch(() => undefined);
      throw error;
    }
    await opened.disposeAsync();
  });
}

type Client = Awaited<ReturnType<typeof respClient>>;

const refusal = /^errorstat_|(rejected|failed)_calls=[1-9]/;

/** Commands that were refused or failed, and how often which error was replied. */
async function refusalsOf(client: Client): Promise<string[]> {
  const lines = `${await client.call("INFO", "commandstats", "errorstats")}`.split("\r\n");
  const pattern = onRedis ? /^errorstat_(?!ERR)|failed_calls=[1-9]/ : refusal;
  const refused = lines.filter((line) => pattern.test(line));
  return refused.map((line) => line.replace(/:calls=.*,rejected/, ":rejected")).sort();
}

/** Redis 7.0 knows other commands than we do: there only the rest is compared. */
function expectedRefusals(unknown: number, unloaded: number): string[] {
  const evalsha = `cmdstat_evalsha:rejected_calls=0,failed_calls=${unloaded}`;
  return [
    ...(unloaded === 0 ? [] : [evalsha]),
    ...(unknown === 0 || onRedis ? [] : [`errorstat_ERR:count=${unknown}`]),
    ...(unloaded === 0 ? [] : [`errorstat_NOSCRIPT:count=${unloaded}`]),
  ];
}

/** Commands that ran more often than we asked for them. */
async function calledOf(client: Client, asked: readonly string[]): Promise<string[]> {
  const text = `${await client.call("INFO", "commandstats")}`;
  const rows = [...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  return rows.flatMap(([, name = "", calls]) => {
    const own = asked.filter((one) => one.toLowerCase() === name).length;
    return Number(calls) > own ? [name.toUpperCase()] : [];
  });
}
