/**
 * Two to four clients that take turns with random commands of the whole table, in RESP2 and RESP3,
 * with transactions, watched keys, databases and tracking of all kinds: every reply, and what each
 * client is told to drop, is what redis-server says.
 * Replay with INTERLEAVED_SEED=n; run longer with INTERLEAVED_STEPS=n.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Pair, plainTurn, type Turn } from "../support/interleaved.ts";
import { repetitions } from "../support/repetitions.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";
import { key, Times } from "../support/values.ts";
import { type Argument, showCommand } from "../support/wire.ts";

const steps = numberFromEnvironment("INTERLEAVED_STEPS", repetitions(1_500, 60_000));
setDefaultTimeout(caseMsMax + steps * 20);

/** Of the same clients. */
const turnsTogether = 1_500;
/** From one comparison of what is told to the next. */
const turnsUnlooked = 8;
const historyShown = 60;

const tracking = (random: Random): Argument[] => {
  const modes = [[], ["BCAST"], ["BCAST", "PREFIX", "k"], ["OPTIN"], ["OPTOUT"]];
  return ["CLIENT", "TRACKING", "ON", ...random.pick(modes), ...random.pick([[], ["NOLOOP"]])];
};

const makers: readonly (readonly [number, (random: Random) => Argument[]])[] = [
  [6, () => ["MULTI"]],
  [8, () => ["EXEC"]],
  [1, () => ["DISCARD"]],
  [5, (r) => ["WATCH", key(r), key(r)]],
  [1, () => ["UNWATCH"]],
  [4, tracking],
  [3, (r) => ["CLIENT", "CACHING", r.pick(["YES", "NO"])]],
  [1, () => ["CLIENT", "TRACKINGINFO"]],
  [20, (r) => ["GET", key(r)]],
];

interface Variant {
  readonly own: typeof makers;
  /** Whether the table's turn is another matter. */
  readonly leavesOut: (args: readonly string[]) => boolean;
}

const isTracking = ([, make]: (typeof makers)[number]) => make(new Random(1))[0] === "CLIENT";

/**
 * What clients that track are told otherwise, on purpose: to drop everything after a swap, and keys
 * that a failed BITFIELD made longer or PFDEBUG has written anew; redis-server tells of none. It
 * goes on telling of keys that were read before a TRACKING OFF, so nobody stops tracking here.
 */
const variants: Readonly<Record<string, Variant>> = {
  "swap databases": {
    own: makers.filter((one) => !isTracking(one)),
    leavesOut: () => false,
  },
  "track keys": {
    own: makers,
    leavesOut: ([name = "", ...args]) =>
      ["SWAPDB", "PFDEBUG"].includes(name) || (name === "BITFIELD" && args.includes("FAIL")),
  },
};

function draw(random: Random, times: Times, variant: Variant): Turn {
  if (random.chance(0.7)) {
    const turn = plainTurn(random, times);
    const words = turn.args.map((arg) => String(arg).toUpperCase());
    return variant.leavesOut(words) ? draw(random, times, variant) : turn;
  }
  const args = random.weighted(variant.own)(random);
  // Its flags are a set.
  return { args, compare: args[1] === "TRACKINGINFO" ? "unordered" : "equal" };
}

/** Within EXEC, redis-server tells of changes before the command, too, and by its new options. */
function isTrackingOn({ args }: Turn): boolean {
  return args[1] === "TRACKING";
}

describe.skipIf(oracle.isMissing)(`clients that take turns${redisNote}`, () => {
  test.each(Object.entries(variants))("and %s get what redis-server says", async (_, variant) => {
    const random = new Random(seedFor("INTERLEAVED_SEED"));
    for (let done = 0; done < steps; done += turnsTogether) {
      const seed = random.below(2 ** 32);
      if (await takeTurns(seed, variant)) continue;
      console.log(`the sequence of ${seed} once more, as a transaction was aborted here alone`);
      expect(await takeTurns(seed, variant)).toBe(true);
    }
  });
});

/**
 * False if a transaction was aborted by our server alone, which ends a sequence. The store compares
 * counters that keys share by their hash, so that happens where nobody is wrong, a few times in a
 * million turns. A server has a hash of its own: it does not happen twice in the same sequence.
 */
async function takeTurns(seed: number, variant: Variant): Promise<boolean> {
  const random = new Random(seed);
  await using stack = new AsyncDisposableStack();
  const ports = [stack.use(await oracle.start()).port, stack.use(await ours.start()).port] as const;
  const clients: Pair[] = [];
  for (let i = random.between(2, 4); i > 0; i--) clients.push(stack.use(await Pair.connect(ports)));
  for (const client of clients) {
    const version = random.pick(["2", "3", "3"]);
    await client.take({ args: ["HELLO", version], compare: "loose" });
  }
  const times = new Times(random);
  const history: string[] = [];
  const agree = (difference: string | null, who: number) => {
    if (difference === null) return;
    throw new Error(`${who}: ${difference}\nafter\n${history.slice(-historyShown).join("\n")}`);
  };
  for (let turn = 1; turn <= turnsTogether; turn++) {
    const who = random.below(clients.length);
    const client = clients[who] as Pair;
    const drawn = draw(random, times, variant);
    if (client.isQueueing && isTrackingOn(drawn)) continue;
    history.push(`${who}: ${showCommand(drawn.args)}`);
    const difference = await client.take(drawn);
    if (client.wasAbortedAlone) return false;
    agree(difference, who);
    if (turn % turnsUnlooked !== 0) continue;
    for (const [i, client] of clients.entries()) {
      if (!client.isQueueing) agree(await client.compareDropped(), i);
    }
  }
  expect(history.length).toBeGreaterThan(turnsTogether / 2);
  return true;
}
