/**
 * Users and their rules against redis-server: the categories of every command that both have, the
 * replies and error texts of ACL, and random rules, after which both must show the same user and
 * judge the same commands alike. Replay with ACCESS_SEED=n. Who may do what in a connection is
 * tried in permissions.test.ts.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, type RespClient, respClient, type Value } from "../harness.ts";
import { randomRule, triedCommand } from "../support/access-rules.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { type Contestant, oracle, ours, oursWithThreads, redisNote } from "../support/servers.ts";

setDefaultTimeout(2 * caseMsMax);

/** Runs the same on redis-server and on a node of ours. */
async function withBoth(
  contestant: Contestant,
  work: (redis: RespClient, node: RespClient) => Promise<void>,
  protocol: 2 | 3 = 2,
): Promise<void> {
  await using redis = await oracle.start();
  await using node = await contestant.start();
  await using one = await respClient(redis.port, { protocol });
  await using other = await respClient(node.port, { protocol });
  await work(one, other);
}

/** Redis lists commands in the order of a hash table. */
function unordered(value: Value): unknown {
  if (Array.isArray(value)) return value.map(unordered);
  return typeof value === "string" ? value.split(" ").sort() : value;
}

test.skipIf(oracle.isMissing)(
  `ACL CAT names the same categories, and the same of the commands that both have${redisNote}`,
  () =>
    withBoth(ours, async (redis, node) => {
      const categories = await redis.call("ACL", "CAT");
      expect(await node.call("ACL", "CAT")).toEqual(categories);
      const all = async (client: RespClient) =>
        new Set((await client.call("COMMAND", "LIST", "FILTERBY", "PATTERN", "*")) as string[]);
      const [theirs, ownNames] = [await all(redis), await all(node)];
      for (const category of categories as string[]) {
        const inCategory = async (client: RespClient) =>
          ((await client.call("ACL", "CAT", category)) as string[])
            .filter((name) => theirs.has(name) && ownNames.has(name))
            .sort();
        expect([category, await inCategory(node)]).toEqual([category, await inCategory(redis)]);
      }
    }),
);

test.skipIf(oracle.isMissing)(
  `a user of any one category is shown by that category${redisNote}`,
  () =>
    withBoth(ours, async (redis, node) => {
      for (const category of (await redis.call("ACL", "CAT")) as string[]) {
        for (const rules of [
          ["+@all", `-@${category}`],
          ["-@all", `+@${category}`],
        ]) {
          expect(await node.call("ACL", "SETUSER", "u", "reset", ...rules)).toBe("OK");
          const shown = (await node.call("ACL", "GETUSER", "u")) as Value[];
          expect(shown[shown.indexOf("commands") + 1]).toBe(rules.join(" "));
        }
      }
    }),
);

const asked: readonly (readonly string[])[] = [
  ...[["WHOAMI"], ["USERS"], ["LIST"], ["HELP"], ["LOG"], ["LOG", "-1"], ["LOG", "x"]],
  ...[["LOG", "reset"], ["LOG", "1", "2"], ["CAT", "nope"], ["CAT", "read", "write"], ["NOPE"]],
  ...[["LOAD"], ["SAVE"], ["GENPASS", "0"], ["GENPASS", "4097"], ["GENPASS", "x"]],
  ...[
    ["GENPASS", "1", "2"],
    ["GETUSER", "nobody"],
    ["DELUSER", "default"],
    ["DELUSER", "a", "b"],
  ],
  ...[
    ["SETUSER", "a b"],
    ["SETUSER", "a\0b"],
    ["SETUSER", ""],
    ["GETUSER", ""],
  ],
  ...[
    ["SETUSER", "a", "on", ">pw", "+get", "~a*", "%R~b", "&c", "(+set ~x &y)"],
    ["GETUSER", "a"],
  ],
  ...[["SETUSER", "a", "(+get", "~a", ")", "(", "-@all)"], ["GETUSER", "a"], ["LIST"]],
  ...[
    ["SETUSER", "a", "(+get", "~a"],
    ["SETUSER", "a", "(+nope)"],
    ["SETUSER", "a", "()"],
  ],
  ...[
    ["SETUSER", "a", "allkeys", "~b"],
    ["SETUSER", "a", "allchannels", "&b"],
  ],
  ...[
    ["SETUSER", "a", "<nope"],
    ["SETUSER", "a", "!abc"],
    ["SETUSER", "a", "#abc"],
  ],
  ...[
    ["SETUSER", "a", "+config|get|x"],
    ["SETUSER", "a", "+get|a|b"],
    ["SETUSER", "a", "+get|"],
  ],
  ...[["SETUSER", "default", "resetchannels"], ["GETUSER", "default"], ["LIST"], ["USERS"]],
  ...[
    ["DRYRUN", "nobody", "get", "k"],
    ["DRYRUN", "a", "nope"],
    ["DRYRUN", "a", "get"],
  ],
  ...[
    ["DRYRUN", "a", "get", "ab"],
    ["DRYRUN", "a", "set", "ab", "v"],
    ["DRYRUN", "a", "ping"],
  ],
  ...[
    ["DRYRUN", "a", "config", "get", "x"],
    ["DRYRUN", "default", "get", "k"],
  ],
  ...[["SETUSER", "\u00e9", "on"], ["USERS"], ["DELUSER", "a", "a", "\u00e9", "no"], ["USERS"]],
];

for (const protocol of [2, 3] as const) {
  test.skipIf(oracle.isMissing)(
    `ACL answers as redis-server does in RESP${protocol}${redisNote}`,
    () =>
      withBoth(
        ours,
        async (redis, node) => {
          for (const args of asked) {
            const [theirs, own] = [
              await redis.typed("ACL", ...args),
              await node.typed("ACL", ...args),
            ];
            expect([args, own.type, ordered(own)]).toEqual([args, theirs.type, ordered(theirs)]);
          }
        },
        protocol,
      ),
  );
}

/** The same with every type of the wire. */
function ordered({ type, value }: Awaited<ReturnType<RespClient["typed"]>>): unknown {
  if (Array.isArray(value)) return [type, value.map(ordered)];
  return [type, typeof value === "string" ? value.split(" ").sort() : value];
}

const rounds = repetitions(60, 1500);

for (const contestant of variants([oursWithThreads(2)], [ours, oursWithThreads(4)])) {
  test.skipIf(oracle.isMissing)(
    `random rules make of a user of ${contestant.name} what they make in redis-server${redisNote}`,
    () =>
      withBoth(contestant, async (redis, node) => {
        const random = new Random(seedFor("ACCESS_SEED"));
        const history: string[] = [];
        for (let round = 0; round < rounds; round++) {
          const rules = Array.from({ length: random.between(1, 5) }, () => randomRule(random));
          if (random.chance(0.2)) rules.unshift("reset");
          history.push(JSON.stringify(rules));
          const told = `${history.slice(-8).join("\n")}`;
          const [theirs, own] = await both(redis, node, "ACL", "SETUSER", "u", ...rules);
          expect([told, own]).toEqual([told, theirs]);
          await compareUser(redis, node, told);
          for (let i = 0; i < 12; i++) {
            const tried = triedCommand(random);
            const verdicts = await both(redis, node, "ACL", "DRYRUN", "u", ...tried);
            expect([told, tried, verdicts[1]]).toEqual([told, tried, verdicts[0]]);
          }
        }
      }),
  );
}

async function both(redis: RespClient, node: RespClient, ...args: string[]): Promise<Value[]> {
  return Promise.all([redis.call(...args), node.call(...args)]);
}

/**
 * Our commands that Redis 7.0 lacks may make another category the best description. Then Redis must
 * make of our description, without those commands, what it shows itself.
 */
async function compareUser(redis: RespClient, node: RespClient, told: string): Promise<void> {
  const [theirs, own] = await both(redis, node, "ACL", "GETUSER", "u");
  const same = Bun.deepEquals(unordered(own), unordered(theirs));
  if (same) return;
  const fields = own as Value[];
  const rules = String(fields[fields.indexOf("commands") + 1]).split(" ");
  await redis.call("ACL", "SETUSER", "copy", "reset", ...selectorRules(theirs as Value[]));
  for (const rule of rules) await redis.call("ACL", "SETUSER", "copy", rule);
  const copy = (await redis.call("ACL", "GETUSER", "copy")) as Value[];
  const commands = (shown: Value[]) => unordered(shown[shown.indexOf("commands") + 1] as Value);
  expect([told, commands(copy)]).toEqual([told, commands(theirs as Value[])]);
}

function selectorRules(shown: Value[]): string[] {
  const keys = String(shown[shown.indexOf("keys") + 1]);
  return keys.split(" ").filter((rule) => rule !== "");
}
