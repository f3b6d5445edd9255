// The replication tree as this node sees it: its followers and theirs, and its leader and those
// above. Its own followers and leader it knows; the others are what these tell of theirs. It is
// made when somebody asks, and passed on each second: up as a report, down as the way to the root.
//
// A change is seen one level further each second. A branch is gone as soon as the link to it is.
// Chains may run in a circle, in which every node follows another: there is no root then. A node
// that finds itself above or below itself says so, and shows itself once.

import { treeDepthMax, treeNodesMax } from "../base/limits.ts";
import { wayOption } from "../base/link.ts";
import { commandBytes } from "../protocol/resp/command-bytes.ts";
import type { Follower } from "./follower/follower.ts";
import type { FollowerLink } from "./leader/follower-link.ts";
import { type Branch, has, type Tree, trimmed, without } from "./tree/branch.ts";
import type { OwnLoop, Seekers } from "./tree/seekers.ts";
import { reportText } from "./tree/tree-report.ts";
import { type WayUp, wayBy, wayText } from "./tree/way-up.ts";

export interface TreeParts {
  /** Of this node, as shortId() makes it. */
  readonly id: string;
  readonly follower: Follower;
  /** The links to followers. */
  readonly links: () => readonly FollowerLink[];
  readonly offset: () => number;
  readonly seekers: Seekers;
}

export class ReplicationTree {
  private readonly parts: TreeParts;

  constructor(parts: TreeParts) {
    this.parts = parts;
  }

  /** All direct followers, and a bounded number of nodes below them. */
  get below(): Tree {
    const { links, id } = this.parts;
    const followers = links().map((link) => this.branchOf(link, id));
    const leftOut = links().reduce((sum, { told }) => sum + (told.report?.leftOut ?? 0), 0);
    return trimmed({ followers, leftOut }, followers.length + treeNodesMax, treeDepthMax);
  }

  /** From the leader of this node to the root; null on a leader. */
  get wayUp(): WayUp | null {
    const { follower, id } = this.parts;
    if (!follower.isActive) return null;
    const { host, port, isUp } = follower;
    const way = wayBy({ host, port, isUp }, follower.talk.told);
    const again = way.nodes.findIndex((node) => node.id === id);
    return again < 0 ? way : { nodes: way.nodes.slice(0, again), isWhole: false };
  }

  /** How this node follows itself, by others or by another of its names; null: it does not. */
  get ownLoop(): OwnLoop | null {
    const { follower, seekers } = this.parts;
    const waits = follower.isActive && !follower.isUp;
    return (waits ? seekers.ownLoop : null) ?? (this.isLinkedCircle ? "others" : null);
  }

  get isCircle(): boolean {
    return this.ownLoop !== null;
  }

  private get isLinkedCircle(): boolean {
    const { follower, links, id } = this.parts;
    const above = follower.talk.told;
    if (above !== null && [above, ...above.nodes].some((node) => node.id === id)) return true;
    return links().some(({ told: { report } }) => {
      return report !== null && (report.id === id || has(report.followers, id));
    });
  }

  /** What this node tells its leader. */
  report(): string {
    return reportText(this.parts.id, this.below);
  }

  /** Tells those followers of the way up that have not heard of it as it is now. */
  tellWay(): void {
    const text = wayText(this.parts.id, this.wayUp);
    let bytes: Uint8Array | null = null;
    for (const link of this.parts.links()) {
      if (!link.tellsTree || link.wayTold === text) continue;
      bytes ??= commandBytes(["REPLCONF", wayOption, text]);
      if (link.interject(bytes)) link.wayTold = text;
    }
  }

  private branchOf(link: FollowerLink, id: string): Branch {
    const { ip, port, state, acknowledgedOffset, told, tellsTree, isCopy } = link;
    const isOnline = state === "online";
    return {
      ip,
      port,
      state,
      offset: acknowledgedOffset,
      lagBytes: isOnline ? Math.max(0, this.parts.offset() - acknowledgedOffset) : null,
      lagSeconds: isOnline ? link.lagSeconds : null,
      kind: isCopy ? "copy" : tellsTree ? "ours" : "other",
      id: told.report?.id ?? "",
      followers: without(told.report?.followers ?? [], id),
    };
  }
}
