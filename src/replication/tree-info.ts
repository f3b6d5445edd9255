// INFO's fields about the replication tree beyond what Redis tells: the way up to the root leader,
// and the followers of the followers. `slaveN` are the direct ones; each `mscache_treeN` names the
// field of the node that it follows.

import { formatAddress } from "../base/address.ts";
import type { LinkState } from "./leader/follower-link.ts";
import type { ReplicationTree } from "./replication-tree.ts";
import { type Branch, countOf, levelsOf } from "./tree/branch.ts";

type InfoLine = [name: string, value: string];

/** The protocol's names for the states of a link. */
const stateNames: Readonly<Record<LinkState, string>> = {
  start: "wait_bgsave",
  wait_snapshot: "wait_bgsave",
  sending_snapshot: "send_bulk",
  online: "online",
  closed: "closed",
};

/** A state that only a later version has stays as it is. */
export function stateName(state: string): string {
  return Object.hasOwn(stateNames, state) ? stateNames[state as LinkState] : state;
}

/** Of a follower; a leader has none. */
export function wayLines({ wayUp }: ReplicationTree): InfoLine[] {
  if (wayUp === null) return [];
  return [
    ["mscache_way_up", wayUp.nodes.map(formatAddress).join(" ")],
    ["mscache_way_up_known", wayUp.isWhole ? "1" : "0"],
  ];
}

export function treeLines({ below, isCircle }: ReplicationTree): InfoLine[] {
  const { followers, leftOut } = below;
  const lines: InfoLine[] = [];
  const add = (branches: readonly Branch[], under: string): void => {
    for (const branch of branches) {
      const name = `mscache_tree${lines.length}`;
      lines.push([name, lineOf(branch, under)]);
      add(branch.followers, name);
    }
  };
  for (const [index, branch] of followers.entries()) add(branch.followers, `slave${index}`);
  return [
    ["mscache_tree_nodes", String(countOf(followers))],
    ["mscache_tree_levels", String(levelsOf(followers))],
    ["mscache_tree_left_out", String(leftOut)],
    ["mscache_tree_circle", isCircle ? "1" : "0"],
    ...lines,
  ];
}

/** `lag` is in seconds, as in slaveN; `behind` are the bytes that only the node above has. */
function lineOf(branch: Branch, under: string): string {
  const { ip, port, state, offset, lagSeconds, lagBytes } = branch;
  const place = `under=${under},ip=${ip},port=${port},state=${stateName(state)},offset=${offset}`;
  return `${place},lag=${lagSeconds ?? 0},behind=${lagBytes ?? 0}`;
}
