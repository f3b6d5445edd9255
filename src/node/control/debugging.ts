// What DEBUG does to a node as a whole. debug-command.ts has its words; here are the parts that it
// reaches. Nothing here runs unless the node was started with --enable-debug-command.

import { busyScript, type ErrorReply, errorReply } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { reasonOf } from "../../base/reason.ts";
import type { Debugging, ReloadOrder } from "../../command/core/node.ts";
import type { Libraries } from "../../command/function/node-libraries.ts";
import type { Persistence } from "../../persistence/persistence.ts";
import type { History } from "../../replication/history.ts";
import type { LibraryData } from "../../replication/library-data.ts";
import type { Replication } from "../../replication/replication.ts";
import type { Store } from "../../store/store.ts";
import type { SharedStanding } from "../shared/standing.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { NodePauses } from "./pauses.ts";

export interface DebuggingParts {
  readonly store: Store;
  readonly pauses: NodePauses;
  readonly housekeeping: Housekeeping;
  readonly history: History;
  readonly log: Logger;
  readonly standing: SharedStanding;
  readonly persistence: Persistence;
  readonly replication: Replication;
  readonly libraries: Libraries;
}

const isFollower = errorReply("DEBUG RELOAD is for a leader: a follower has its leader's data");
const isBusy = errorReply("DEBUG RELOAD cannot run during a save or a load");
const cannotLoad = errorReply("Error trying to load the RDB dump");

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

  /**
   * Nobody is served meanwhile, as in Redis, where all of it is one command. Followers get all data
   * anew: the file may have others.
   */
  async reload(order: ReloadOrder): Promise<ErrorReply | null> {
    await Promise.resolve(); // a transaction has its locks until then
    const { standing, persistence, replication, pauses } = this.parts;
    if (standing.isFollower) return isFollower;
    if (standing.isLoading || persistence.isSaving) return isBusy;
    pauses.holdAll(true);
    try {
      if (standing.isBusy) return busyScript; // it was suspended while this waited for its locks
      const problem = order.saves ? await persistence.save() : null;
      if (problem !== null) return problem;
      standing.isLoading = true; // from here on no follower may come either
      replication.leader.dropAll("DEBUG RELOAD replaces the data");
      return await this.load(order);
    } finally {
      standing.isLoading = false;
      pauses.holdAll(false);
    }
  }

  private async load({ flushes, merges }: ReloadOrder): Promise<ErrorReply | null> {
    const { persistence, libraries, log } = this.parts;
    const all = flushes ? libraries : addedTo(libraries, merges);
    try {
      await persistence.reload({ flushes, merges, libraries: all });
      log.warn("DEBUG RELOAD: the data are those of the snapshot file now");
      return null;
    } catch (error) {
      const left = flushes ? "this node is empty now" : "a part of it may have been loaded";
      log.error(`DEBUG RELOAD: ${left}: ${reasonOf(error)}`);
      return cannotLoad;
    }
  }

  log(message: string): void {
    this.parts.log.warn(`DEBUG LOG: ${message}`);
  }
}

/** Libraries of a file that come to those that the node has. */
function addedTo(libraries: Libraries, merges: boolean): LibraryData {
  return {
    texts: () => libraries.texts(),
    changes: libraries.changes,
    replaceAll: (texts) =>
      texts.flatMap((text) => {
        const outcome = libraries.load(text, merges);
        return typeof outcome === "string" ? [] : [outcome.text];
      }),
  };
}
