// What DEBUG does to a node as a whole. debug-command.ts has its words; here are the parts that it
// reaches. Nothing here runs unless the node was started with --enable-debug-command.

import type { Logger } from "../base/log.ts";
import type { Debugging } from "../command/core/node.ts";
import type { History } from "../replication/history.ts";
import type { Store } from "../store/store.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { NodePauses } from "./pauses.ts";

export interface DebuggingParts {
  readonly store: Store;
  readonly pauses: NodePauses;
  readonly housekeeping: Housekeeping;
  readonly history: History;
  readonly log: Logger;
}

export class NodeDebugging implements Debugging {
  private readonly parts: DebuggingParts;

  constructor(parts: DebuggingParts) {
    this.parts = parts;
  }

  /**
   * This thread stands still, as Redis's one does. Other threads hold the commands of their clients
   * meanwhile, and none of them waits for a lock.
   */
  sleep(seconds: number): void {
    const { store, pauses, log } = this.parts;
    log.warn(`DEBUG SLEEP: this node answers nobody for ${seconds} s`);
    if (store.isShared) pauses.holdAll(true);
    Bun.sleepSync(seconds * 1000);
    if (store.isShared) pauses.holdAll(false);
  }

  setActiveExpire(isOn: boolean): void {
    this.parts.housekeeping.reclaimsExpired = isOn;
  }

  changeReplicationId(): void {
    this.parts.history.fresh();
  }

  log(message: string): void {
    this.parts.log.warn(`DEBUG LOG: ${message}`);
  }
}
