/**
 * Sends the same steps to two servers and compares what comes back, reply by reply, and at the end
 * the whole keyspace with its times.
 * Does not decide which of the two is right: the first one named is the reference.
 * Invariant: after a difference both servers are emptied, so that one fault is reported once and
 * does not make everything after it differ.
 */
import { type Comparison, echoBytesMax, nextSteps, type Step } from "./commands.ts";
import type { Peer } from "./peer.ts";
import type { Random } from "./seed.ts";
import { Times } from "./values.ts";
import { type Argument, partsOf, type Reply, show, showCommand, textOf } from "./wire.ts";

/** What may pass between the two servers' turns on a busy machine. */
const clockToleranceMs = 5_000;
/** Times beyond this were given as moments and must match to the millisecond. */
const momentsFromMs = 4_000_000_000_000;
const differencesMax = 25;
const historyShown = 12;
const signatureChars = 24;
const lineCharsShown = 240;

export interface Difference {
  readonly step: number;
  readonly command: string;
  readonly reference: string;
  readonly judged: string;
  /** The commands before it, oldest first. */
  readonly history: readonly string[];
}

export class Judge {
  readonly differences: Difference[] = [];
  private readonly reference: Peer;
  private readonly judged: Peer;
  private history: string[] = [];
  private steps = 0;
  private readonly signatures = new Set<string>();

  constructor(reference: Peer, judged: Peer) {
    this.reference = reference;
    this.judged = judged;
  }

  get hasEnough(): boolean {
    return this.differences.length >= differencesMax;
  }

  /** One sequence of random steps from an empty keyspace to the comparison of what it left. */
  async sequence(random: Random, length: number): Promise<void> {
    await this.restart();
    const times = new Times(random);
    const end = this.steps + length;
    while (this.steps < end && !this.hasEnough) {
      await this.batch(this.draw(random, times, random.between(1, 40)));
    }
    await this.compareKeyspaces();
  }

  /** Sends the steps in one write to each server; false after a difference. */
  async batch(steps: readonly Step[]): Promise<boolean> {
    for (const group of groups(steps)) {
      const first = group[0] as Step;
      // Real time has to pass where a drawn expiry is to be met.
      if (first.pauseMs !== undefined) await Bun.sleep(first.pauseMs);
      const same = needsDialogue(first.compare)
        ? await this.dialogue(first)
        : await this.pipeline(group);
      if (!same) {
        await this.restart();
        return false;
      }
    }
    return true;
  }

  async compareKeyspaces(): Promise<void> {
    const reference = await keyspace(this.reference);
    const judged = await keyspace(this.judged);
    for (const key of new Set([...reference.keys(), ...judged.keys()])) {
      const [left, right] = [reference.get(key), judged.get(key)];
      if (left === undefined || right === undefined || !sameEntry(left, right)) {
        this.report(`the whole keyspace, key ${key}`, describe(left), describe(right));
      }
    }
  }

  private draw(random: Random, times: Times, count: number): Step[] {
    const steps: Step[] = [];
    while (steps.length < count) steps.push(...nextSteps(random, times));
    return steps;
  }

  private async restart(): Promise<void> {
    this.history = [];
    const [left, right] = await this.both(["FLUSHALL"]);
    if (show(left) !== show(right)) this.report("FLUSHALL", show(left), show(right));
  }

  private both(args: readonly Argument[]): Promise<[Reply, Reply]> {
    return Promise.all([this.reference.typed(...args), this.judged.typed(...args)]);
  }

  private async pipeline(steps: readonly Step[]): Promise<boolean> {
    for (const step of steps) {
      this.reference.send(...step.args);
      this.judged.send(...step.args);
    }
    const [left, right] = await Promise.all([
      this.reference.replies(steps.length),
      this.judged.replies(steps.length),
    ]);
    return steps.every((step, i) => this.check(step, left[i] as Reply, right[i] as Reply));
  }

  private check(step: Step, left: Reply, right: Reply): boolean {
    this.note(step);
    if (matches(step.compare, left, right)) return true;
    this.report(showCommand(step.args), show(left), show(right));
    return false;
  }

  /** SCAN, RANDOMKEY and DUMP: the replies differ rightly, so look at what they mean. */
  private async dialogue(step: Step): Promise<boolean> {
    const [left, right] = await this.both(step.args);
    if (left.type === "-" || right.type === "-") return this.check(step, left, right);
    this.note(step);
    const meaning = await Promise.all(this.meanings(step, left, right));
    if (meaning[0] === meaning[1]) return true;
    this.report(showCommand(step.args), meaning[0], meaning[1]);
    return false;
  }

  private meanings(step: Step, left: Reply, right: Reply): Promise<string>[] {
    const { reference, judged } = this;
    if (step.compare === "payload") return [restored(judged, left), restored(reference, right)];
    const answer = step.compare === "walk" ? walk : membership;
    return [answer(reference, step.args, left), answer(judged, step.args, right)];
  }

  private note(step: Step): void {
    this.steps++;
    this.history.push(showCommand(step.args));
    if (this.history.length > historyShown) this.history.shift();
  }

  /** One fault, met again and again, is reported once. */
  private report(command: string, reference: string, judged: string): void {
    const start = (text: string) => text.toLowerCase().slice(0, signatureChars);
    const signature = `${start(reference)}|${start(judged)}`;
    if (this.signatures.has(signature)) return;
    this.signatures.add(signature);
    const history = this.history.slice(0, -1);
    this.differences.push({ step: this.steps, command, reference, judged, history });
  }
}

export function showDifference(difference: Difference): string {
  return [
    `step ${difference.step}: ${difference.command}`,
    `  reference: ${difference.reference}`,
    `  judged:    ${difference.judged}`,
    ...difference.history.map((line) => `    before: ${line}`),
  ]
    .map(abbreviated)
    .join("\n");
}

function abbreviated(line: string): string {
  const runs = line.replace(/(.)\1{20,}/g, (run, char) => `${char}*${run.length}`);
  return runs.length <= lineCharsShown ? runs : `${runs.slice(0, lineCharsShown)}...`;
}

function needsDialogue(compare: Comparison): boolean {
  return compare === "walk" || compare === "member" || compare === "payload";
}

/** Runs of steps that can be pipelined, and the others one by one. */
function groups(steps: readonly Step[]): Step[][] {
  const result: Step[][] = [];
  let open: Step[] | undefined;
  for (const step of steps) {
    if (needsDialogue(step.compare)) {
      result.push([step]);
      open = undefined;
    } else if (open === undefined || step.pauseMs !== undefined) {
      open = [step];
      result.push(open);
    } else open.push(step);
  }
  return result;
}

export function matches(compare: Comparison, left: Reply, right: Reply): boolean {
  if (left.type !== right.type) return false;
  if (left.type === "-" && compare === "cut echo") return isCut(textOf(left), textOf(right));
  if (left.type === "-") return show(left) === show(right);
  switch (compare) {
    case "seconds left":
      return isNear(left, right, 1000, Infinity);
    case "milliseconds left":
      return isNear(left, right, 1, Infinity);
    case "moment in seconds":
      return isNear(left, right, 1000, momentsFromMs);
    case "moment in milliseconds":
      return isNear(left, right, 1, momentsFromMs);
    case "unordered":
      return sorted(left) === sorted(right);
    case "loose":
      return shape(left) === shape(right);
    default:
      return show(left) === show(right);
  }
}

function isCut(whole: string, cut: string): boolean {
  return whole === cut || (cut.length > echoBytesMax && whole.startsWith(cut));
}

/** A negative answer (no key, no time) and a moment that was given as one must match exactly. */
function isNear(left: Reply, right: Reply, unitMs: number, exactFromMs: number): boolean {
  const [a, b] = [Number(textOf(left)) * unitMs, Number(textOf(right)) * unitMs];
  if (Math.min(a, b) < 0 || Math.max(a, b) >= exactFromMs) return textOf(left) === textOf(right);
  return Math.abs(a - b) <= clockToleranceMs;
}

function sorted(reply: Reply): string {
  return partsOf(reply).map(show).sort().join(" ");
}

/** Types and counts without the contents. */
function shape(reply: Reply): string {
  if (reply.value === null || typeof reply.value === "string") return reply.type;
  return `${reply.type}[${reply.value.map(shape).join(" ")}]`;
}

/** All keys of a whole SCAN iteration, each once, in order. */
async function walk(peer: Peer, args: readonly Argument[], first: Reply): Promise<string> {
  const found = new Set<string>();
  let reply = first;
  for (;;) {
    const [cursor, keys] = partsOf(reply);
    for (const key of partsOf(keys as Reply)) found.add(show(key));
    const next = textOf(cursor as Reply);
    if (next === "0") return [...found].sort().join(" ");
    reply = await peer.typed(args[0] as Argument, next, ...args.slice(2));
  }
}

async function membership(peer: Peer, _args: readonly Argument[], reply: Reply): Promise<string> {
  const keys = partsOf(await peer.typed("KEYS", "*")).map(show);
  if (reply.value === null) return `${show(reply)} of ${keys.length} keys`;
  return keys.includes(show(reply)) ? "a key that is there" : `${show(reply)} which is not there`;
}

/** The value that the other server makes of a payload of DUMP. */
async function restored(peer: Peer, payload: Reply): Promise<string> {
  if (payload.value === null) return show(payload);
  const name = "restored";
  const bytes = Buffer.from(textOf(payload), "latin1");
  const replies = [
    await peer.ask("RESTORE", name, "0", bytes),
    await peer.ask("GET", name),
    await peer.ask("DEL", name),
  ];
  return replies.join(" ");
}

interface Entry {
  readonly value: string;
  readonly expiresAt: Reply;
}

/** Of all databases; the first one is selected afterwards. */
async function keyspace(peer: Peer): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for (const database of await databasesOf(peer)) {
    await peer.typed("SELECT", database);
    for (const key of partsOf(await peer.typed("KEYS", "*"))) {
      const name = Buffer.from(textOf(key), "latin1");
      const value = show(await peer.typed("GET", name));
      const expiresAt = await peer.typed("PEXPIRETIME", name);
      entries.set(`${database} ${show(key)}`, { value, expiresAt });
    }
  }
  await peer.typed("SELECT", "0");
  return entries;
}

/** Those that have keys. */
export async function databasesOf(peer: Peer): Promise<string[]> {
  const text = textOf(await peer.typed("INFO", "keyspace"));
  return [...text.matchAll(/^db(\d+):/gm)].map(([, number]) => number);
}

function sameEntry(left: Entry, right: Entry): boolean {
  return (
    left.value === right.value && matches("moment in milliseconds", left.expiresAt, right.expiresAt)
  );
}

function describe(entry: Entry | undefined): string {
  return entry === undefined ? "absent" : `${entry.value} expires ${show(entry.expiresAt)}`;
}
