// What followers lack, in sentences for the log of a shutdown. It asks nobody and waits for
// nothing: a follower counts as it has acknowledged.

import type { FollowerLink } from "./follower-link.ts";
import type { JoinLink } from "./join-link.ts";

/** A sentence for each that lacks bytes up to `offset`, also during a full sync. */
export function lagging(
  all: readonly FollowerLink[],
  joined: readonly JoinLink[],
  offset: number,
): string[] {
  const lacks = (it: FollowerLink) => it.acknowledgedOffset < offset || it.state !== "online";
  const links = all.filter((it) => !it.isCopy && lacks(it));
  const joins = joined.filter((it) => !it.hasEverything);
  return [
    ...links.map(({ name, state, acknowledgedOffset }) => {
      const bytes = Math.max(0, offset - acknowledgedOffset);
      return state === "online" ? `${name} lacks ${bytes} bytes` : `${name} is in ${state}`;
    }),
    ...joins.map(({ name }) => `${name} lacks keys`),
  ];
}
