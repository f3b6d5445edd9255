// The role of the node, leader or follower: what the whole node does when REPLICAOF or FAILOVER
// changes it, and which commands it refuses because of its role and its links. The state machines
// are in replication/.
// Invariant: for every thread, the role changes between two commands and never within one.

import { type Address, formatAddress } from "../../base/address.ts";
import { type ErrorReply, errorReply, type Fault } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { FailoverOrder, RoleReport } from "../../base/role.ts";
import type { Clients, Roles } from "../../command/core/node.ts";
import { restriction } from "../../command/run/gate.ts";
import type { Replication } from "../../replication/replication.ts";
import type { Store } from "../../store/store.ts";
import type { NodeConfiguration } from "../settings/configuration.ts";
import { betweenCommands } from "../shared/shared-memory.ts";
import type { SharedStanding } from "../shared/standing.ts";
import type { NodePauses } from "./pauses.ts";

export interface RoleParts {
  readonly store: Store;
  readonly standing: SharedStanding;
  readonly configuration: NodeConfiguration;
  readonly pauses: NodePauses;
  readonly replication: Replication;
  readonly clients: Clients;
  readonly log: Logger;
  readonly fault: Fault;
}

export class NodeRoles implements Roles {
  private readonly parts: RoleParts;
  /** The connection whose command demotes this node; 0 for none. */
  private caller = 0;

  constructor(parts: RoleParts) {
    this.parts = parts;
    const { replication, configuration } = parts;
    replication.roleChanged.on((leader) => this.changed(leader));
    replication.standingChanged.on(() => this.updateRestrictions());
    configuration.changed.on(() => this.updateRestrictions());
    this.updateRestrictions();
  }

  report(): RoleReport {
    return this.parts.replication.role();
  }

  follow(host: string, port: number, caller = 0): boolean {
    const { store, replication } = this.parts;
    this.caller = caller;
    const isOther = betweenCommands(store, () => replication.replicaof(host, port));
    this.caller = 0;
    return isOther;
  }

  unfollow(): void {
    const { store, replication } = this.parts;
    betweenCommands(store, () => replication.noOne());
  }

  /**
   * A demoted node closes its clients: some would not notice a READONLY and look for the new
   * leader. Those who come later stay, though a thread may hear of the change after they came.
   */
  private changed(leader: Address | null): void {
    const { standing, configuration, pauses, clients, fault } = this.parts;
    const isDemoted = leader !== null && !standing.isFollower;
    this.tell(leader && formatAddress(leader));
    standing.follow(leader && formatAddress(leader));
    configuration.follow(leader);
    pauses.updateExpiry();
    this.updateRestrictions();
    if (!isDemoted) return;
    clients
      .kill({ kind: "normal", except: this.caller, lastId: standing.lastClientId })
      .catch((error) => fault(error, "a change of roles"));
  }

  private tell(leader: string | null): void {
    const { log } = this.parts;
    if (leader === null) log.info("this node leads now", { event: "role", role: "leader" });
    else log.info(`this node follows ${leader}`, { event: "role", role: "follower", leader });
  }

  /** Sets the restrictions (command/run/gate.ts) that follow from the state of replication. */
  private updateRestrictions(): void {
    const { replication, configuration } = this.parts;
    const { STALE, FEW_FOLLOWERS } = restriction;
    this.restrict(STALE, !configuration.current.staleReads && replication.isStale);
    this.restrict(FEW_FOLLOWERS, replication.lacksFollowers);
  }

  private restrict(bit: number, isSet: boolean): void {
    const { standing } = this.parts;
    if (((standing.restrictions & bit) !== 0) !== isSet) standing.restrict(bit, isSet);
  }

  // ---- failover ---------------------------------------------------------------------------------

  get isFailingOver(): boolean {
    return this.parts.replication.failover.isActive;
  }

  failover(order: FailoverOrder): ErrorReply | null {
    return errorOf(this.parts.replication.beginFailover(order));
  }

  abortFailover(): ErrorReply | null {
    return errorOf(this.parts.replication.abortFailover());
  }

  takeOverFrom(replid: string): ErrorReply | null {
    const { replication, log } = this.parts;
    const refusal = replication.refusalToTakeOver(replid);
    if (refusal !== "") return errorReply(refusal);
    log.info(`promoted: the leader of history ${replid} asks for it`, { event: "role", replid });
    this.unfollow();
    return null;
  }
}

function errorOf(text: string): ErrorReply | null {
  return text === "" ? null : errorReply(text);
}
