// What both processes of the benchmark `tags` must agree on: the names of entries and tags, and how
// many tags expire.

export const prefix = "t:";

export function entryOf(i: number): string {
  return `entry:${i}`;
}

export function tagOf(i: number): string {
  return `tag ${i}`;
}

/** The first so many expire one after the other. */
export function expireCount(tags: number): number {
  return Math.min(200, tags >> 1);
}
