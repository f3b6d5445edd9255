// The history that the journal's bytes belong to. A replid names one unbroken journal; replid2
// names the one that it continued, valid up to `secondOffset`. This file decides only names; the
// journal knows which bytes it still holds.
// Invariant: two nodes with the same replid and the same offset have the same data. Code that
// leaves a gap in the journal must therefore call fresh(); anything else would be silent
// corruption.

const noReplid = "0".repeat(40);
const replidPattern = /^[0-9a-f]{40}$/i;
const replidBytes = 20;

export class History {
  replid: string;
  replid2 = noReplid;
  /**
   * The first offset (counted from 1, as PSYNC does) that is not shared with replid2; -1 without
   * one.
   */
  secondOffset = -1;
  private readonly makeReplid: () => string;

  constructor(makeReplid: () => string = randomReplid) {
    this.makeReplid = makeReplid;
    this.replid = makeReplid();
  }

  /** Nothing that came before can be continued. */
  fresh(): void {
    this.replid = this.makeReplid();
    this.forgetSecond();
  }

  /** This node's data are now those of the leader that sent the snapshot. */
  adopt(replid: string): void {
    this.replid = replid;
    this.forgetSecond();
  }

  /**
   * The same journal continues under a new name from `offset` on: its own, or the leader's new one.
   */
  shift(offset: number, replid: string = this.makeReplid()): void {
    this.replid2 = this.replid;
    this.secondOffset = offset + 1;
    this.replid = replid;
  }

  /**
   * Whether a follower of `replid` that wants the byte `wanted` (from 1) has the same past as this
   * node.
   */
  covers(replid: string, wanted: number): boolean {
    const name = replid.toLowerCase();
    if (name === this.replid) return true;
    return this.secondOffset >= 0 && name === this.replid2 && wanted <= this.secondOffset;
  }

  private forgetSecond(): void {
    this.replid2 = noReplid;
    this.secondOffset = -1;
  }
}

export function isReplid(text: string): boolean {
  return replidPattern.test(text);
}

/** Forty random hexadecimal digits. */
export function randomReplid(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(replidBytes))).toString("hex");
}
