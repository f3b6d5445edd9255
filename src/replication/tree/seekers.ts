// How a node without a link to its leader finds out that it follows itself: by another of its own
// names, or by other nodes in a circle, in which each waits for the next. With PSYNC each tells who
// it is and who asked it in vain lately, so the id of a node goes up until it comes back to it.
// Circles whose links are up are found by what the nodes tell each other (replication-tree.ts).
//
//   <id>:<ms since it asked>,<id>:<ms>,...      the teller first, then the latest
//
// Bounds: seekersMax ids, each for seekerMsMax. What is not exactly so is refused as a whole. Who
// may follow this node is believed: the log says it and nothing else follows from it.

import { seekerMsMax, seekersMax } from "../../base/limits.ts";

/** `name`: it follows one of its own names. `others`: it follows a node that follows it. */
export type OwnLoop = "name" | "others";

const text = /^[0-9a-f]{16}:\d{1,6}(,[0-9a-f]{16}:\d{1,6})*$/;
const textLengthMax = (seekersMax + 1) * "0123456789abcdef:123456,".length;

export class Seekers {
  private readonly id: string;
  private readonly now: () => number;
  /** When each of the others asked its leader, the one that asked last at the end. */
  private readonly asked = new Map<string, number>();
  private followsSinceMs = 0;
  private met: { readonly kind: OwnLoop; readonly askedMs: number } | null = null;

  /** `now` is the monotonic clock. */
  constructor(id: string, now: () => number) {
    this.id = id;
    this.now = now;
  }

  /** This node follows another one from now on: what came back before says nothing of that. */
  startOver(): void {
    this.followsSinceMs = this.now();
    this.met = null;
  }

  /** Whether this node's question has come back to it lately, and by which way. */
  get ownLoop(): OwnLoop | null {
    return this.met !== null && this.isRecent(this.met.askedMs) ? this.met.kind : null;
  }

  /** What this node tells its leader when it asks. */
  tell(): string {
    const now = this.now();
    const others = [...this.asked].filter(([, askedMs]) => this.isRecent(askedMs)).reverse();
    const told = others.map(([id, askedMs]) => `${id}:${Math.round(now - askedMs)}`);
    return [`${this.id}:0`, ...told].join(",");
  }

  /** What a node tells that asks this one in vain. Returns whether this node is among those. */
  hear(told: string): boolean {
    if (told.length > textLengthMax || !text.test(told)) return false;
    const now = this.now();
    let isOwn = false;
    for (const [at, pair] of told.split(",").entries()) {
      const [id = "", age] = pair.split(":");
      const askedMs = now - Number(age);
      if (id !== this.id) this.remember(id, askedMs);
      else if (askedMs >= this.followsSinceMs && this.isRecent(askedMs)) {
        isOwn = true;
        this.met = { kind: at === 0 ? "name" : "others", askedMs };
      }
    }
    return isOwn;
  }

  private remember(id: string, askedMs: number): void {
    if (askedMs <= (this.asked.get(id) ?? Number.NEGATIVE_INFINITY)) return;
    this.asked.delete(id);
    this.asked.set(id, askedMs);
    const [oldest] = this.asked.keys();
    if (this.asked.size > seekersMax && oldest !== undefined) this.asked.delete(oldest);
  }

  private isRecent(askedMs: number): boolean {
    return this.now() - askedMs <= seekerMsMax;
  }
}
