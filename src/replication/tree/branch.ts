// Nodes of the replication tree as values: a follower as the node that it follows sees it, with the
// followers that it tells of. What is here is bounded by whoever makes it, with trimmed().

/** Whether it tells of its own followers: a node of ours does, and a copy in a program has none. */
export type BranchKind = "ours" | "other" | "copy";

export interface Branch {
  readonly ip: string;
  readonly port: number;
  /** Of its link: a LinkState, or a word of a later version. */
  readonly state: string;
  /** The last one that it acknowledged. */
  readonly offset: number;
  /** Behind the node that it follows, as that one sees it; null while it is not online. */
  readonly lagBytes: number | null;
  readonly lagSeconds: number | null;
  readonly kind: BranchKind;
  /** Tells nodes apart; empty if it has told none. */
  readonly id: string;
  readonly followers: readonly Branch[];
}

/** What is below a node. */
export interface Tree {
  readonly followers: readonly Branch[];
  /** Nodes that are known and did not fit within a bound. */
  readonly leftOut: number;
}

export function countOf(branches: readonly Branch[]): number {
  return branches.reduce((count, { followers }) => count + 1 + countOf(followers), 0);
}

/** How many levels of followers there are. */
export function levelsOf(branches: readonly Branch[]): number {
  return branches.reduce((most, { followers }) => Math.max(most, 1 + levelsOf(followers)), 0);
}

/** Bytes that the node lacks which is farthest behind, each lag on its way added up. */
export function farthestBehind(branches: readonly Branch[]): number {
  return branches.reduce((most, { lagBytes, followers }) => {
    return Math.max(most, (lagBytes ?? 0) + farthestBehind(followers));
  }, 0);
}

/** At most so many nodes and levels, the upper ones first: no large branch hides another. */
export function trimmed({ followers, leftOut }: Tree, nodesMax: number, levelsMax: number): Tree {
  const kept = new Set<Branch>();
  let level = followers;
  for (let depth = 0; depth < levelsMax && level.length > 0; depth++) {
    for (const branch of level) if (kept.size < nodesMax) kept.add(branch);
    level = level.flatMap((branch) => (kept.has(branch) ? branch.followers : []));
  }
  const total = countOf(followers);
  if (kept.size === total) return { followers, leftOut };
  const prune = (branches: readonly Branch[]): Branch[] =>
    branches
      .filter((branch) => kept.has(branch))
      .map((branch) => ({ ...branch, followers: prune(branch.followers) }));
  return { followers: prune(followers), leftOut: leftOut + total - kept.size };
}

/** Without a node that would be its own follower, and what is below it there. */
export function without(branches: readonly Branch[], id: string): readonly Branch[] {
  if (!has(branches, id)) return branches;
  return branches
    .filter((branch) => branch.id !== id)
    .map((branch) => ({ ...branch, followers: without(branch.followers, id) }));
}

export function has(branches: readonly Branch[], id: string): boolean {
  return branches.some((branch) => branch.id === id || has(branch.followers, id));
}
