// The nodes of a view, in the order in which they were named. With `finds`, it adds the leaders and
// followers that these nodes report. It looks at all of them at once and shows nothing.
// Invariant: no place is there twice, and there are at most nodesMax of them.

import { formatPlace, type Place } from "../../base/place.ts";
import type { Settings } from "../../client/client-options.ts";
import { followersIn, type InfoFields } from "../info-fields.ts";
import { NodeWatch } from "./node-watch.ts";

/** More than a terminal has lines; a bound for what a wrong report could name. */
const nodesMax = 64;

export class WatchGroup implements AsyncDisposable {
  readonly nodes: NodeWatch[] = [];
  private readonly finds: boolean;

  constructor(targets: readonly Settings[], finds: boolean) {
    this.finds = finds;
    for (const settings of targets) {
      for (const place of settings.places) this.add(settings, place);
    }
  }

  /** Looks at every node; resolves when all have answered or failed. */
  async look(chosen: NodeWatch | null): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.look(node === chosen)));
    if (this.finds && this.find()) await this.look(chosen);
  }

  /** The leader among the nodes whose data this follower has; null if it is not among them. */
  leaderOf(info: InfoFields): InfoFields | null {
    const id = info.text("master_replid");
    const leader = this.nodes.find(({ state, now }) => {
      const isLeader = state === "up" && now?.info.text("role") === "master";
      return isLeader && now.info.text("master_replid") === id;
    });
    return leader?.now?.info ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }

  /** Whether there are new nodes. */
  private find(): boolean {
    const before = this.nodes.length;
    for (const { settings, now } of [...this.nodes]) {
      if (now === null) continue;
      for (const place of reportedBy(now.info)) this.add(settings, place);
    }
    return this.nodes.length > before;
  }

  private add(settings: Settings, place: Place): void {
    const name = formatPlace(place);
    const isThere = this.nodes.some((node) => node.name === name || isSame(node, place));
    if (!isThere && this.nodes.length < nodesMax) this.nodes.push(new NodeWatch(settings, place));
  }
}

// --- internal ---

/** Whether this machine's node is meant by another of its own names. */
function isSame(node: NodeWatch, { host, port }: Place): boolean {
  const local = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;
  return node.place.port === port && local.test(node.place.host) && local.test(host);
}

function reportedBy(info: InfoFields): Place[] {
  const host = info.text("master_host");
  const port = info.number("master_port");
  const leader = host === null || host === "" || port === null ? [] : [{ host, port }];
  return [...leader, ...followersIn(info)];
}
