// The replication tree as this node knows it: from the root leader down to this node, and below it
// its followers and theirs, each with its lag to the node above. What nobody tells is said to be
// unknown. It stays where somebody has scrolled it to.

import type { Follower, Leader, ReplicationTree } from "../node/admin/observations.ts";
import { el } from "./dom.ts";
import { bytes, counted, duration, percent, whole } from "./figures.ts";
import { Panel } from "./panel.ts";

type Words = readonly (Node | string)[];
type Tone = "good" | "warn" | "bad" | "none";
/** A node of the tree with its children already inside. */
type Item = HTMLElement;

export class ReplicationPanel {
  readonly panel = new Panel({ title: "Replication", name: "replication" });
  private tree: HTMLElement = el("ul", { class: "tree" });
  private readonly frame = el(
    "div",
    { class: "tree-frame", tabindex: 0, role: "group", "aria-label": "Replication tree" },
    this.tree,
  );
  private readonly footing = el("p", { class: "footing" });

  update(seen: ReplicationTree): void {
    this.panel.remark(`offset ${whole(seen.offset)}`);
    const tree = el("ul", { class: "tree" }, fromRoot(seen, ownItem(seen)));
    // Without a change nothing is replaced: selections and screen readers are not disturbed.
    if (!tree.isEqualNode(this.tree)) {
      this.tree.replaceWith(tree);
      this.tree = tree;
    }
    this.footing.replaceChildren(...hints(seen));
    this.footing.hidden = this.footing.childNodes.length === 0;
    if (!this.frame.isConnected) this.panel.show(this.frame, this.footing);
  }
}

// ---- the way from the root to this node ---------------------------------------------------------

/** `own` within its leader, this within the one above, up to the root or to where nobody tells. */
function fromRoot({ leader, above, isRootKnown, isCircle }: ReplicationTree, own: Item): Item {
  if (leader === null) return own;
  const [remark, tone] = linkOf(leader);
  let item = withItems(nodeLine(leader.address, remark, tone), "its followers", [own]);
  let isUp = leader.isUp;
  for (const [place, node] of above.entries()) {
    const isRoot = isRootKnown && place === above.length - 1;
    const name = isRoot ? "root leader" : "leader above";
    const line = nodeLine(node.address, node.isUp ? name : `${name}, gone`, toneOfLink(node.isUp));
    item = withItems(line, "its followers", [item]);
    isUp &&= node.isUp;
  }
  if (isRootKnown || isCircle || !isUp) return item;
  return withItems(nodeLine("Not known", "nobody tells", "none"), "its followers", [item]);
}

function toneOfLink(isUp: boolean): Tone {
  return isUp ? "good" : "bad";
}

function linkOf({ isUp, downSeconds, sync, unappliedBytes }: Leader): [string, Tone] {
  if (sync !== null) {
    const share = sync.totalBytes === 0 ? 0 : sync.receivedBytes / sync.totalBytes;
    return [`leader, full sync ${percent(share)}`, "warn"];
  }
  if (!isUp) return [`leader, gone for ${duration(downSeconds ?? 0)}`, "bad"];
  return [`leader, ${bytes(unappliedBytes)} to apply`, "good"];
}

// ---- this node and what is below it -------------------------------------------------------------

function ownItem({ role, followers, leftOut, unacknowledging }: ReplicationTree): Item {
  const items = followers.map(followerItem);
  if (unacknowledging > 0) {
    const others = `${whole(unacknowledging)} by the binary protocol`;
    items.push(el("li", {}, nodeLine(others, "they tell no lag", "good")));
  }
  if (leftOut > 0) {
    items.push(el("li", {}, nodeLine(`${whole(leftOut)} more`, "further down", "none")));
  }
  const own = withItems(nodeLine("This node", role, "good"), "followers of this node", items);
  own.classList.add("self");
  return own;
}

function followerItem(follower: Follower): Item {
  const { address, state, isCopy, lagBytes, lagSeconds, followers } = follower;
  const name = isCopy ? `${address}, a copy in a program` : address;
  const [remark, tone]: [string, Tone] =
    lagSeconds === null
      ? [state, "warn"]
      : [`${duration(lagSeconds)} · ${bytes(lagBytes ?? 0)} behind`, toneOf(lagSeconds)];
  const items = followers.map(followerItem);
  const item = withItems(nodeLine(name, remark, tone), `followers of ${address}`, items);
  item.dataset.follower = address;
  return item;
}

function toneOf(lagSeconds: number): Tone {
  if (lagSeconds > 10) return "bad";
  return lagSeconds > 2 ? "warn" : "good";
}

function withItems(line: HTMLElement, label: string, items: readonly Item[]): Item {
  return el(
    "li",
    {},
    line,
    items.length === 0 ? null : el("ul", { "aria-label": label }, ...items),
  );
}

function nodeLine(name: string, remark: string, tone: Tone): HTMLElement {
  return el(
    "div",
    { class: "tree-node" },
    el("span", { class: `dot ${tone}`, "aria-hidden": "true" }),
    el("span", { class: "name" }, name),
    el("span", { class: "remark" }, remark),
  );
}

// ---- what else there is to say ------------------------------------------------------------------

function hints({ role, isCircle, followers, unacknowledging }: ReplicationTree): Words {
  if (isCircle) {
    return ["These nodes follow each other in a circle. None takes writes: make one the leader."];
  }
  if (followers.length + unacknowledging === 0) return role === "leader" ? howToFollow() : [];
  const hints: string[] = [];
  const all = allOf(followers);
  if (all.length > followers.length) hints.push("Each lag is to the node above.");
  const silent = all.filter(({ tellsFollowers, isCopy }) => !tellsFollowers && !isCopy).length;
  if (silent > 0) hints.push(`${counted(silent, "node")} cannot tell of own followers.`);
  return hints.length === 0 ? [] : [hints.join(" ")];
}

function howToFollow(): Words {
  const command = `mscache --leaderaddr ${location.hostname}:PORT`;
  return ["No followers. Start one: ", el("code", {}, command)];
}

function allOf(followers: readonly Follower[]): Follower[] {
  return followers.flatMap((follower) => [follower, ...allOf(follower.followers)]);
}
