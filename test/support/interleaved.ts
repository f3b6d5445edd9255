/**
 * Clients that take turns, each a pair of connections: to a reference and to the server judged.
 * Replies are compared one by one; what a client is told to drop (CLIENT TRACKING) is gathered
 * apart and compared as the keys since the last look, as one message or several may tell them.
 * What a command replies inside EXEC is compared as it would be alone.
 * Invariant: both connections of a pair have sent the same and have read the reply to each command.
 */
import { type Comparison, nextSteps } from "./commands.ts";
import { matches } from "./judge.ts";
import { Peer } from "./peer.ts";
import type { Random } from "./seed.ts";
import type { Times } from "./values.ts";
import { type Argument, partsOf, type Reply, show, showCommand, textOf } from "./wire.ts";

export interface Turn {
  readonly args: readonly Argument[];
  readonly compare: Comparison;
}

const looksMax = 200;

/** A turn of the table whose two replies need no further questions. */
export function plainTurn(random: Random, times: Times): Turn {
  for (;;) {
    const [step, ...more] = nextSteps(random, times);
    if (step === undefined || more.length > 0 || step.pauseMs !== undefined) continue;
    if (!["walk", "member", "payload"].includes(step.compare)) return step;
  }
}

export class Pair implements AsyncDisposable {
  readonly reference: Side;
  readonly judged: Side;
  /** Whether the last turn was an EXEC that the reference ran and the server judged aborted. */
  wasAbortedAlone = false;
  private queued: Comparison[] | null = null;

  private constructor(reference: Side, judged: Side) {
    this.reference = reference;
    this.judged = judged;
  }

  static async connect(ports: readonly [number, number]): Promise<Pair> {
    const [reference, judged] = await Promise.all(ports.map((port) => Peer.connect(port)));
    return new Pair(new Side(reference as Peer), new Side(judged as Peer));
  }

  /** Between MULTI and EXEC. */
  get isQueueing(): boolean {
    return this.queued !== null;
  }

  /** What differed, or null. */
  async take({ args, compare }: Turn): Promise<string | null> {
    const sides = [this.reference, this.judged];
    const [left, right] = await Promise.all(sides.map((side) => side.ask(args)));
    if (left === undefined || right === undefined) throw new Error("no reply");
    const isSame = this.compare(compare, left, right);
    this.wasAbortedAlone = isExec(args) && left.type === "*" && left.value !== null && isNil(right);
    this.follow(args, compare, left);
    return isSame ? null : `${showCommand(args)}: ${show(left)}, and not ${show(right)}`;
  }

  /**
   * What was told to one side alone since the last call, or null. Not between MULTI and EXEC.
   * A busy server may tell after the replies to later commands, so it is asked for more of these.
   */
  async compareDropped(): Promise<string | null> {
    const [left, right] = [new Set<string>(), new Set<string>()];
    for (let looks = 0; looks < looksMax; looks++) {
      await this.take({ args: ["PING"], compare: "equal" });
      for (const key of this.reference.takeDropped()) left.add(key);
      for (const key of this.judged.takeDropped()) right.add(key);
      if (left.symmetricDifference(right).size === 0) return null;
    }
    const [missing, more] = [left.difference(right), right.difference(left)];
    return `not told to drop ${listed(missing)}, and told to drop ${listed(more)}`;
  }

  private compare(compare: Comparison, left: Reply, right: Reply): boolean {
    if (this.queued === null) return matches(compare, left, right);
    const isResult = left.type === "*" && left.value !== null && right.value !== null;
    if (!isResult) return show(left) === show(right);
    const [wanted, found] = [partsOf(left), partsOf(right)];
    if (wanted.length !== found.length) return false;
    return wanted.every((reply, i) => {
      return matches(this.queued?.[i] ?? "equal", reply, found[i] as Reply);
    });
  }

  private follow(args: readonly Argument[], compare: Comparison, reply: Reply): void {
    const name = String(args[0]).toUpperCase();
    if (name === "MULTI" && show(reply) === "+OK") this.queued = [];
    else if (["EXEC", "DISCARD", "RESET"].includes(name) && reply.type !== "-") this.queued = null;
    else if (name === "EXEC" && /^-EXECABORT/.test(show(reply))) this.queued = null;
    else if (show(reply) === "+QUEUED") this.queued?.push(compare);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const side of [this.reference, this.judged]) await side.peer[Symbol.asyncDispose]();
  }
}

function isExec(args: readonly Argument[]): boolean {
  return String(args[0]).toUpperCase() === "EXEC";
}

/** `_` in RESP3, `*-1` in RESP2. */
function isNil(reply: Reply): boolean {
  return reply.value === null && (reply.type === "_" || reply.type === "*");
}

function listed(keys: ReadonlySet<string>): string {
  return keys.size === 0 ? "nothing" : [...keys].join(" ");
}

/** One connection, whose messages are kept apart from its replies. */
class Side {
  readonly peer: Peer;
  private dropped = new Set<string>();

  constructor(peer: Peer) {
    this.peer = peer;
  }

  async ask(args: readonly Argument[]): Promise<Reply> {
    this.peer.send(...args);
    for (;;) {
      const reply = await this.peer.reply();
      if (reply.type !== ">") return reply;
      const [kind, keys] = partsOf(reply);
      if (textOf(kind as Reply) !== "invalidate") throw new Error(`got ${show(reply)}`);
      if (keys?.value === null) this.dropped.add("everything");
      else for (const key of partsOf(keys as Reply)) this.dropped.add(show(key));
    }
  }

  takeDropped(): Set<string> {
    const keys = this.dropped;
    this.dropped = new Set();
    return keys;
  }
}
