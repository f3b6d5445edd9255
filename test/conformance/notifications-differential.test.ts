/**
 * Random commands sent to our node and to redis-server: each must cause the same events, in the
 * same order. Times to live are left out, as the moment of an expiry is chance; notifications.test
 * has them.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { nextSteps, type Step } from "../support/commands.ts";
import { Peer } from "../support/peer.ts";
import { repetitions, variants } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { oracle, oursWithThreads } from "../support/servers.ts";
import { Times } from "../support/values.ts";
import { partsOf, showCommand, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const timed = /^(P?EXPIRE(AT)?|P?SETEX|GETEX|RESTORE|EX|PX|EXAT|PXAT)$/i;
/** They choose by themselves, or end what the test needs. */
const others = /^(MULTI|EXEC|DISCARD|WATCH|SUBSCRIBE|PSUBSCRIBE|CONFIG|CLIENT|PUBLISH|DEBUG)$/i;

for (const threads of variants([2], [1, 4])) {
  const ours = oursWithThreads(threads);
  test.skipIf(oracle.isMissing)(`random commands cause Redis's events: ${ours.name}`, async () => {
    await using redis = await oracle.start();
    await using node = await ours.start();
    await using one = await Side.open(redis.port);
    await using other = await Side.open(node.port);
    const random = new Random(seedFor("EVENTS_SEED"));
    const times = new Times(random);
    for (let i = 0; i < repetitions(400, 20_000); i++) {
      for (const step of nextSteps(random, times).filter(isPlain)) {
        const [expected, found] = await Promise.all([one.events(step), other.events(step)]);
        const command = showCommand(step.args);
        expect([command, ...found]).toEqual([command, ...expected]);
      }
    }
  });
}

function isPlain({ args }: Step): boolean {
  return !args.some((arg) => timed.test(String(arg))) && !others.test(String(args[0]));
}

/** A client, and a subscriber to all events of keys. */
class Side {
  private readonly client: Peer;
  private readonly subscriber: Peer;
  private ends = 0;

  private constructor(client: Peer, subscriber: Peer) {
    this.client = client;
    this.subscriber = subscriber;
  }

  static async open(port: number): Promise<Side> {
    const client = await Peer.connect(port);
    await client.typed("CONFIG", "SET", "notify-keyspace-events", "KAnm");
    const subscriber = await Peer.connect(port);
    await subscriber.typed("PSUBSCRIBE", "__keyspace@*");
    await subscriber.typed("SUBSCRIBE", "end");
    return new Side(client, subscriber);
  }

  /** The messages that a command causes. */
  async events({ args }: Step): Promise<string[]> {
    await this.client.typed(...args);
    const end = `${++this.ends}`;
    await this.client.typed("PUBLISH", "end", end);
    const found: string[] = [];
    for (;;) {
      const [kind, ...parts] = partsOf(await this.subscriber.reply()).map(textOf);
      if (kind === "message" && parts[1] === end) return found;
      found.push(parts.slice(1).join(" "));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.subscriber[Symbol.asyncDispose]();
  }
}
