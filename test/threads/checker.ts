/**
 * One connection of the soak: sends random commands on keys that only it writes, and compares every
 * reply with a model; also on a few keys that all connections share, where it checks laws instead.
 * A value names its owner, its key and its number, and is long enough to be torn, so that a wrong
 * one is evident. Expiring keys are checked by what must and must not exist at both ends of a call.
 * Invariant: a reply that contradicts the model throws, with the command and both values.
 */
import type { Peer } from "../support/peer.ts";
import type { Random } from "../support/seed.ts";
import { type Argument, encodeCommand, type Reply, show, showCommand } from "../support/wire.ts";

const keyCount = 40;
const counterCount = 8;
const briefMsMax = 60;

interface Step {
  readonly command: readonly Argument[];
  readonly check: (reply: string) => boolean;
}

/** A value with an expiry, and the earliest and latest moment at which it may end. */
interface Brief {
  readonly value: string;
  readonly from: number;
  readonly to: number;
}

export interface CheckerOptions {
  readonly name: string;
  readonly peer: Peer;
  readonly random: Random;
  /** Values vanish by eviction: a missing one is no mistake, a wrong one is. */
  readonly mayVanish: boolean;
  /** How many of the values are large, up to some 20 KB. */
  readonly largeShare: number;
}

export class Checker {
  /** Commands checked. */
  count = 0;
  /** What this checker added to each shared counter. */
  readonly added: number[] = new Array(counterCount).fill(0);
  private readonly options: CheckerOptions;
  private readonly model = new Map<string, string>();
  private readonly brief = new Map<string, Brief>();
  private number = 0;

  constructor(options: CheckerOptions) {
    this.options = options;
  }

  /**
   * Checks until `isOver`, with up to so many commands in a pipeline. The longer it is, the more
   * the threads work at the same time, as they then have what to do while this side writes and
   * reads.
   */
  async run(batchMax: number, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.batch(batchMax);
      if (!this.options.mayVanish) await this.briefStep();
    }
  }

  /** Everything was flushed. */
  forget(): void {
    this.model.clear();
    this.brief.clear();
  }

  /** Reads every key of the model once. */
  async verify(): Promise<void> {
    for (const [key] of [...this.model]) await this.play([this.get(key)]);
  }

  // ---- own keys ---------------------------------------------------------------------------------

  private async batch(batchMax: number): Promise<void> {
    const length = this.options.random.between(1, batchMax);
    await this.play(Array.from({ length }, () => this.step()));
  }

  private async play(steps: readonly Step[]): Promise<void> {
    const { peer, name } = this.options;
    peer.write(Buffer.concat(steps.map(({ command }) => encodeCommand(command))));
    for (const { command, check } of steps) {
      const reply = show(await peer.reply());
      if (!check(reply))
        throw new Error(`${name}: ${showCommand(command)}: ${reply.slice(0, 400)}`);
      this.count++;
    }
  }

  private step(): Step {
    const { random, mayVanish } = this.options;
    const key = this.key();
    const plain: (readonly [number, () => Step])[] = [
      [6, () => this.get(key)],
      [6, () => this.set(key)],
      [2, () => this.mset()],
      [3, () => this.mget()],
      [1, () => this.delete(key)],
    ];
    if (mayVanish) return random.weighted(plain)();
    return random.weighted<() => Step>([
      ...plain,
      [3, () => this.append(key)],
      [2, () => this.setRange(key)],
      [1, () => this.getDelete(key)],
      [1, () => this.rename(key, this.key())],
      [1, () => this.copy(key, this.key())],
      [2, () => this.increment()],
      [1, () => this.writeTrio()],
      [2, () => this.readTrio()],
      [1, () => this.moveToken()],
      [2, () => this.findToken()],
    ])();
  }

  private key(): string {
    const { name, random } = this.options;
    return `${name}:${random.below(keyCount)}`;
  }

  private value(key: string): string {
    const { random, largeShare } = this.options;
    const mark = `${key}#${++this.number} `;
    const repeats = random.chance(largeShare) ? random.between(200, 2_000) : random.between(1, 12);
    return mark.repeat(repeats);
  }

  /** What GET shows now; taken when the command is sent, as replies come in order. */
  private expected(key: string): (shown: string) => boolean {
    const value = this.model.get(key);
    if (value === undefined) return (shown) => shown === "$null";
    if (!this.options.mayVanish) return (shown) => shown === `$${value}`;
    return (shown) => shown === `$${value}` || shown === "$null";
  }

  private get(key: string): Step {
    return { command: ["GET", key], check: this.expected(key) };
  }

  private set(key: string): Step {
    const value = this.value(key);
    this.model.set(key, value);
    return { command: ["SET", key, value], check: (reply) => reply === "+OK" };
  }

  private keysOfSeveral(): string[] {
    const count = this.options.random.between(2, 6);
    return [...new Set(Array.from({ length: count }, () => this.key()))];
  }

  private mset(): Step {
    const pairs = this.keysOfSeveral().map((key) => [key, this.value(key)] as const);
    for (const [key, value] of pairs) this.model.set(key, value);
    return { command: ["MSET", ...pairs.flat()], check: (reply) => reply === "+OK" };
  }

  private mget(): Step {
    const keys = this.keysOfSeveral();
    const checks = keys.map((key) => this.expected(key));
    const check = (reply: string) => {
      const values = valuesIn(reply);
      return values.length === keys.length && values.every((value, i) => checks[i]?.(value));
    };
    return { command: ["MGET", ...keys], check };
  }

  private delete(key: string): Step {
    const existed = this.model.delete(key) ? ":1" : ":0";
    const { mayVanish } = this.options;
    return { command: ["DEL", key], check: (reply) => reply === existed || mayVanish };
  }

  private append(key: string): Step {
    const added = this.value(key);
    const value = (this.model.get(key) ?? "") + added;
    this.model.set(key, value.length > 40_000 ? added : value);
    if (value.length > 40_000) return { command: ["SET", key, added], check: (r) => r === "+OK" };
    return { command: ["APPEND", key, added], check: (reply) => reply === `:${value.length}` };
  }

  private setRange(key: string): Step {
    const value = this.model.get(key);
    if (value === undefined) return this.set(key);
    const at = this.options.random.below(value.length);
    const written = `${value.slice(0, at)}~${value.slice(at + 1)}`;
    this.model.set(key, written);
    return { command: ["SETRANGE", key, at, "~"], check: (reply) => reply === `:${value.length}` };
  }

  private getDelete(key: string): Step {
    const check = this.expected(key);
    this.model.delete(key);
    return { command: ["GETDEL", key], check };
  }

  private rename(from: string, to: string): Step {
    const value = this.model.get(from);
    if (value === undefined) {
      return { command: ["RENAME", from, to], check: (reply) => reply === "-ERR no such key" };
    }
    this.model.delete(from);
    this.model.set(to, value);
    return { command: ["RENAME", from, to], check: (reply) => reply === "+OK" };
  }

  private copy(from: string, to: string): Step {
    const value = from === to ? undefined : this.model.get(from);
    if (value === undefined) return this.get(from);
    this.model.set(to, value);
    return { command: ["COPY", from, to, "REPLACE"], check: (reply) => reply === ":1" };
  }

  // ---- keys that end ----------------------------------------------------------------------------

  /**
   * Sets a key with a short life, or looks at one: alone, so that both ends of the call are known.
   */
  private async briefStep(): Promise<void> {
    const { random, name } = this.options;
    const key = `${name}:brief:${random.below(4)}`;
    const known = this.brief.get(key);
    if (known === undefined) await this.setBriefly(key, random.between(1, briefMsMax));
    else await this.getBrief(key, known);
  }

  private async setBriefly(key: string, ms: number): Promise<void> {
    const value = this.value(key);
    const before = Date.now();
    const command = ["SET", key, value, "PX", ms];
    await this.play([{ command, check: (reply) => reply === "+OK" }]);
    this.brief.set(key, { value, from: before + ms, to: Date.now() + ms });
  }

  private async getBrief(key: string, { value, from, to }: Brief): Promise<void> {
    const before = Date.now();
    const check = (reply: string) => {
      if (reply === `$${value}`) return before <= to;
      this.brief.delete(key);
      return reply === "$null" && Date.now() >= from;
    };
    await this.play([{ command: ["GET", key], check }]);
  }

  // ---- keys that all write ----------------------------------------------------------------------

  private increment(): Step {
    const { random } = this.options;
    const counter = random.below(counterCount);
    const by = random.between(1, 9);
    this.added[counter] = (this.added[counter] ?? 0) + by;
    const check = (reply: string) => /^:\d+$/.test(reply);
    return { command: ["INCRBY", `counter:${counter}`, by], check };
  }

  /** Three keys in three shards that are always written together. */
  private writeTrio(): Step {
    const value = this.value(`trio of ${this.options.name}`);
    const command = ["MSET", "trio:a", value, "trio:b", value, "trio:c", value];
    return { command, check: (reply) => reply === "+OK" };
  }

  private readTrio(): Step {
    const check = (reply: string) => new Set(valuesIn(reply)).size === 1;
    return { command: ["MGET", "trio:a", "trio:b", "trio:c"], check };
  }

  /** A value that lies under exactly one of two names, whoever moves it. */
  private moveToken(): Step {
    const [from, to] = this.options.random.chance(0.5) ? ["a", "b"] : ["b", "a"];
    const check = (reply: string) => reply === "+OK" || reply === "-ERR no such key";
    return { command: ["RENAME", `token:${from}`, `token:${to}`], check };
  }

  private findToken(): Step {
    const check = (reply: string) => {
      const values = valuesIn(reply);
      return (
        values.filter((value) => value === "$the token").length === 1 && values.includes("$null")
      );
    };
    return { command: ["MGET", "token:a", "token:b"], check };
  }
}

export async function placeToken(peer: Peer): Promise<void> {
  await peer.ask("MSET", "token:a", "the token");
}

export async function countersOf(peer: Peer): Promise<number[]> {
  const keys = Array.from({ length: counterCount }, (_, counter) => `counter:${counter}`);
  const reply: Reply = await peer.typed("MGET", ...keys);
  return valuesIn(show(reply)).map((shown) => (shown === "$null" ? 0 : Number(shown.slice(1))));
}

/** The parts of a shown array of strings; the soak's values never contain " $". */
function valuesIn(shown: string): string[] {
  return shown.slice(2, -1).split(/ (?=\$)/);
}
