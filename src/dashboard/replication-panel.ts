// The replication tree as this node sees it: its leader, itself, and its followers with their lag.
// Of nodes further away it knows nothing: whoever wants to see them is told how.

import type { Follower, Leader, ReplicationTree } from "../node/admin/observations.ts";
import { el } from "./dom.ts";
import { bytes, duration, percent, whole } from "./figures.ts";
import { Panel } from "./panel.ts";

type Tone = "good" | "warn" | "bad";

export class ReplicationPanel {
  readonly panel = new Panel({ title: "Replication", name: "replication" });

  update({ role, offset, leader, followers, unacknowledging }: ReplicationTree): void {
    this.panel.remark(`offset ${whole(offset)}`);
    const lines = followers.map(followerLine);
    if (unacknowledging > 0) {
      const others = `${unacknowledging} by the binary protocol`;
      lines.push(el("li", {}, nodeLine(others, "they tell no lag", "good")));
    }
    const isAlone = lines.length === 0;
    const own = el(
      "li",
      { class: "self" },
      nodeLine("This node", role, "good"),
      isAlone ? null : el("ul", {}, ...lines),
    );
    const tree = el("ul", { class: "tree" }, leader === null ? own : leaderLine(leader, own));
    this.panel.show(tree, isAlone ? hint(role) : wholeTreeHint());
  }
}

function leaderLine(leader: Leader, own: HTMLElement): HTMLElement {
  const [remark, tone] = linkOf(leader);
  return el("li", {}, nodeLine(leader.address, remark, tone), el("ul", {}, own));
}

function linkOf({ isUp, downSeconds, sync, unappliedBytes }: Leader): [string, Tone] {
  if (sync !== null) {
    const share = sync.totalBytes === 0 ? 0 : sync.receivedBytes / sync.totalBytes;
    return [`leader, full sync ${percent(share)}`, "warn"];
  }
  if (!isUp) return [`leader, gone for ${duration(downSeconds ?? 0)}`, "bad"];
  return [`leader, ${bytes(unappliedBytes)} to apply`, "good"];
}

function followerLine({ address, state, isCopy, lagBytes, lagSeconds }: Follower): HTMLElement {
  const name = isCopy ? `${address}, a copy in a program` : address;
  const [remark, tone]: [string, Tone] =
    lagSeconds === null
      ? [state, "warn"]
      : [`${duration(lagSeconds)} · ${bytes(lagBytes ?? 0)} behind`, toneOf(lagSeconds)];
  return el("li", { "data-follower": address }, nodeLine(name, remark, tone));
}

function toneOf(lagSeconds: number): Tone {
  if (lagSeconds > 10) return "bad";
  return lagSeconds > 2 ? "warn" : "good";
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

/** Nobody tells a leader of the followers of its followers. */
function wholeTreeHint(): HTMLElement {
  const text = "Their own followers are in ";
  return el("p", { class: "footing" }, text, el("code", {}, "mscache top --group"));
}

function hint(role: string): HTMLElement {
  const text = role === "leader" ? "No followers. Start one: " : "Nobody follows this follower. ";
  const command = el("code", {}, `mscache --leaderaddr ${location.hostname}:PORT`);
  return el("p", { class: "footing" }, text, role === "leader" ? command : null);
}
