// Says in the log, once for each time, that this node follows itself: by another of its own names
// or through other nodes. No attempt to reach the leader changes that, so the attempts are not
// worth a line meanwhile (follower.ts). It finds nothing out: that is seekers.ts and the tree.

import { type Address, formatAddress } from "../../base/address.ts";
import type { Logger } from "../../base/log.ts";
import type { OwnLoop } from "./seekers.ts";

export class LoopNotice {
  private readonly log: Logger;
  private told: OwnLoop | null = null;

  constructor(log: Logger) {
    this.log = log;
  }

  /** Called again and again, with what is so now. */
  tell(loop: OwnLoop | null, { host, port }: Address): void {
    if (loop === this.told) return;
    this.told = loop;
    const leader = formatAddress({ host, port });
    const fields = { event: "leader-link", leader } as const;
    if (loop === null) this.log.info("this node does not follow itself any more", fields);
    else this.log.warn(sentences[loop](leader), fields);
  }
}

const sentences = {
  name: (leader: string) =>
    `this node follows itself: ${leader} is one of its own addresses. It has no leader and ` +
    "refuses writes; REPLICAOF NO ONE makes it lead",
  others: (leader: string) =>
    `this node follows itself through others: ${leader}, its leader, follows it. None of them ` +
    "leads, and all refuse writes; REPLICAOF NO ONE makes one of them lead",
} as const;
