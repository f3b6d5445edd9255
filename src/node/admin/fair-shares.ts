// Shares a resource among parties that are not known beforehand: each may hold at most as much as
// stays free. So a single one gets half of it, two get a third each, and a newcomer always finds
// something. Nothing is set aside for a party that holds nothing.
// Invariant: the total is the sum of all that is held; a party that holds nothing is forgotten.

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
   * False, and nothing is taken: it would exceed the share of `who`. `taken` is what all hold, if
   * the caller knows that better.
   */
  take(who: string, amount: number, taken = this.sum): boolean {
    const own = (this.held.get(who) ?? 0) + amount;
    if (own > this.most - taken - amount) return false;
    this.hold(who, amount);
    return true;
  }

  /** Takes it even if that exceeds the share. */
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
