// A node as one row of the view: its state, its numbers, and how far it is behind. It is made anew
// for each frame and knows neither columns nor colours.

import { followersIn, type InfoFields } from "../info-fields.ts";
import type { NodeState, NodeWatch } from "./node-watch.ts";
import { type NodeNumbers, numbersOf } from "./rates.ts";
import type { WatchGroup } from "./watch-group.ts";

/** How far a follower is behind its leader; of a leader, the last of its followers. */
export type Lag =
  | { readonly bytes: number }
  /** Since it heard of its leader, where the leader is not watched. */
  | { readonly seconds: number }
  | { readonly isLost: true };

export interface NodeRow {
  readonly name: string;
  readonly state: NodeState;
  readonly sinceMs: number;
  readonly reason: string;
  readonly role: "leader" | "follower" | null;
  /** Null while the node is not up. */
  readonly numbers: NodeNumbers | null;
  readonly lag: Lag | null;
}

export function rowOf(node: NodeWatch, group: WatchGroup): NodeRow {
  const { name, state, sinceMs, reason, before, now } = node;
  const isUp = state === "up" && now !== null;
  const said = now?.info.text("role") ?? null;
  return {
    name,
    state,
    sinceMs,
    reason,
    // What it was last, while it is down.
    role: said === null ? null : said === "slave" ? "follower" : "leader",
    numbers: isUp ? numbersOf(before, now) : null,
    lag: isUp ? lagOf(now.info, group.leaderOf(now.info)) : null,
  };
}

/** `leader`: the INFO of the leader of a follower, if it is known. */
export function lagOf(info: InfoFields, leader: InfoFields | null): Lag | null {
  if (info.text("role") !== "slave") return lastFollower(info);
  if (info.text("master_link_status") !== "up") return { isLost: true };
  const ahead = leader?.number("master_repl_offset") ?? null;
  const own = info.number("slave_repl_offset") ?? info.number("master_repl_offset");
  // The two were asked one after the other, so a follower may seem to be ahead.
  if (ahead !== null && own !== null) return { bytes: Math.max(0, ahead - own) };
  const seconds = info.number("master_last_io_seconds_ago");
  return seconds === null ? null : { seconds };
}

function lastFollower(info: InfoFields): Lag | null {
  const own = info.number("master_repl_offset");
  const offsets = followersIn(info).flatMap(({ offset }) => offset ?? []);
  if (own === null || offsets.length === 0) return null;
  return { bytes: Math.max(0, own - Math.min(...offsets)) };
}
