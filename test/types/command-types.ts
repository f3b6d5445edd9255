// What the compiler says about command(), pipeline() and the like: the arguments that each command
// takes and the type of its reply. Nothing here runs; `tsc --noEmit` is the test, and a refusal
// that stops being one fails it.

import type {
  Client,
  CommandReply,
  MSCacheError,
  ServerError,
  Subscription,
} from "../../src/index.ts";

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only where the promise has this result. */
declare function gives<Result>(): <T>(promise: Promise<T>, equal: Equal<T, Result>) => void;

export function replies(client: Client, anyName: string): void {
  gives<string>()(client.command("GETRANGE", "k", 0, -1), true);
  gives<Uint8Array>()(client.commandBytes("GETRANGE", "k", 0, -1), true);
  gives<string | null>()(client.command("GET", new Uint8Array(1)), true);
  gives<(Uint8Array | null)[]>()(client.commandBytes("MGET", "a", "b"), true);
  gives<number | bigint>()(client.command("INCRBY", "k", 2n ** 60n), true);
  gives<0 | 1>()(client.command("EXPIRE", "k", 60, "NX"), true);
  gives<Map<string, string>>()(client.command("CONFIG GET", "maxmemory"), true);
  gives<[cursor: string, keys: string[]]>()(client.command("SCAN", 0, "MATCH", "a*"), true);
  gives<"OK">()(client.command("FLUSHALL", "ASYNC"), true);
  gives<CommandReply>()(client.command("NO.SUCH", 1, "a"), true);
  gives<CommandReply>()(client.command(anyName, "k"), true);
}

export function refused(client: Client): void {
  // @ts-expect-error an argument is missing
  client.command("GETRANGE", "k", 0);
  // @ts-expect-error one argument too many
  client.command("GET", "k", "other");
  // @ts-expect-error a key is no number
  client.command("GET", 1);
  // @ts-expect-error a word that is none of the command's
  client.command("EXPIRE", "k", 60, "SOMETIMES");
  // @ts-expect-error an object is no argument
  client.command("SET", "k", { a: 1 });
  // @ts-expect-error nor is undefined
  client.command("NO.SUCH", undefined);
}

export async function streams(client: Client): Promise<void> {
  gives<Subscription>()(client.subscribe("news"), true);
  gives<Subscription<Uint8Array>>()(client.subscribe({ patterns: ["a*"] }, { bytes: true }), true);
  for await (const { message, missed } of await client.subscribe(["a", "b"], { bytes: true })) {
    const bytes: Uint8Array = message;
    const dropped: number | undefined = missed?.dropped;
    if (bytes.length === dropped) break;
  }
  gives<IteratorResult<string, void>>()(client.scan({ match: "a*" }).next(), true);
  gives<IteratorResult<Uint8Array, void>>()(client.scan({ bytes: true }).next(), true);
  // @ts-expect-error a name, not a number
  client.subscribe(1);
  // @ts-expect-error an option that is none
  client.scan({ pattern: "a*" });
}

export function lists(client: Client, keys: readonly string[]): void {
  const pair = client.pipeline([
    ["GET", "a"],
    ["INCR", "n"],
  ]);
  gives<[string | null | MSCacheError, number | bigint | MSCacheError]>()(pair, true);
  const many = client.pipeline(keys.map((key) => ["GETRANGE", key, 0, 9] as const));
  gives<(string | MSCacheError)[]>()(many, true);
  gives<[Uint8Array | null | MSCacheError]>()(
    client.pipeline([["GET", "a"]], { bytes: true }),
    true,
  );
  gives<["OK" | string | null | ServerError]>()(client.transaction([["SET", "a", "1"]]), true);
  const watched = client.watch(["a"], async (command) => {
    const value: string | null = await command("GET", "a");
    return value === null ? null : [["APPEND", "a", value]];
  });
  gives<[number | ServerError] | null>()(watched, true);
  const watchedBytes = client.watch(
    ["a"],
    async (command) => {
      const value: Uint8Array | null = await command("GET", "a");
      return value === null ? null : [["GETDEL", value]];
    },
    { bytes: true },
  );
  gives<[Uint8Array | null | ServerError] | null>()(watchedBytes, true);
  // @ts-expect-error an argument is missing
  client.pipeline([["GETRANGE", "a", 0]]);
  // @ts-expect-error a list of commands, not a command
  client.pipeline(["GET", "a"]);
  // @ts-expect-error an argument is missing
  client.transaction([["SET", "b"]]);
}
