// Who may take how much of something that all share: at most as much as would still be free
// afterwards. So one alone gets half of it, two get a third each, and whoever comes new always
// finds something. Nobody's share is kept while he holds nothing.
// Invariant: the total is the sum of what each holds; who holds nothing is forgotten.

export class FairShares {
  private readonly most: number;
  private readonly held = new Map<string, number>();
  private sum = 0;

  constructor(most: number) {
    this.most = most;
  }

  get total(): number {
    return this.sum;
  }

  /**
   * False: that is more than the share of `who`. `taken` is what all hold, if the caller knows
   * better.
   */
  take(who: string, amount: number, taken = this.sum): boolean {
    const own = (this.held.get(who) ?? 0) + amount;
    if (own > this.most - taken - amount) return false;
    this.hold(who, amount);
    return true;
  }

  /** Takes it whatever the share is. */
  hold(who: string, amount: number): void {
    this.held.set(who, (this.held.get(who) ?? 0) + amount);
    this.sum += amount;
  }

  giveBack(who: string, amount: number): void {
    const left = (this.held.get(who) ?? 0) - amount;
    if (left > 0) this.held.set(who, left);
    else this.held.delete(who);
    this.sum -= amount;
  }
}
