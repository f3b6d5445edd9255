// A planned change of roles: this leader pauses writes, waits until a follower has every byte,
// becomes a follower of that follower, and asks it with `PSYNC ... FAILOVER` to promote itself. No
// write is lost, unless the failover is forced.
//
//   no-failover --begin()--> waiting-for-sync --target has all--> failover-in-progress
//   failover-in-progress --accepted--> no-failover
//   waiting-for-sync --time over, not forced; abort()--> no-failover (still the leader)
//   waiting-for-sync --time over, forced--> failover-in-progress
//   failover-in-progress --refused; abort()--> no-failover (the leader again, under a new replid)
//
// Invariant: writes are paused in every state but no-failover. From redis 7.0 `replication.c`:
// failoverCommand, updateFailoverStatus; but Redis waits up to a second for the target's next ACK,
// and here one GETACK asks for it. The GETACK comes after the last write, and the ACK does not
// count it: so the target must acknowledge the last write, not the end of the stream. It has
// received the GETACK as well when it is asked to promote itself, because our new connection and
// handshake come later. If the GETACK were lost with the link, our PSYNC would be beyond the
// target's history, and we would need a full sync.

import { type Address, formatAddress } from "../base/address.ts";
import { assert, attempt, type Fault } from "../base/errors.ts";
import { timerMsMax } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import type { FailoverOrder } from "../base/role.ts";
import type { FollowerLink } from "./leader/follower-link.ts";

export type FailoverState = "no-failover" | "waiting-for-sync" | "failover-in-progress";

const transitions: Readonly<Record<FailoverState, readonly FailoverState[]>> = {
  "no-failover": ["waiting-for-sync"],
  "waiting-for-sync": ["failover-in-progress", "no-failover"],
  "failover-in-progress": ["no-failover"],
};

export interface FailoverParts {
  readonly log: Logger;
  readonly fault: Fault;
  readonly links: () => readonly FollowerLink[];
  readonly offset: () => number;
  /** Asks all followers to acknowledge now. */
  readonly requestAcknowledgements: () => void;
  /** Stops and resumes writes. When it returns, no write is under way in any thread. */
  readonly pauseWrites: (isPaused: boolean) => void;
  readonly demote: (target: Address) => void;
  readonly promote: () => void;
}

export class Failover {
  state: FailoverState = "no-failover";
  private readonly parts: FailoverParts;
  private order: FailoverOrder | null = null;
  /** The offset behind the last write before the pause. */
  private wanted = 0;
  private timer: Timer | null = null;

  constructor(parts: FailoverParts) {
    this.parts = parts;
  }

  get isActive(): boolean {
    return this.state !== "no-failover";
  }

  /** Begins a failover. Why it cannot begin, or "". */
  begin(order: FailoverOrder): string {
    const { target, timeoutMs } = order;
    const { fault } = this.parts;
    if (target !== null) {
      const link = this.parts.links().find((it) => isLinkOf(it, target));
      if (link === undefined) return "FAILOVER target HOST and PORT is not a replica.";
      if (link.state !== "online") return "FAILOVER target replica is not online.";
    }
    this.order = order;
    this.transition("waiting-for-sync", "FAILOVER");
    this.parts.pauseWrites(true);
    this.wanted = this.parts.offset();
    if (timeoutMs > 0 && timeoutMs <= timerMsMax)
      this.timer = setTimeout(() => attempt(fault, "failover", () => this.timeIsOver()), timeoutMs);
    this.check();
    if (this.state === "waiting-for-sync") this.parts.requestAcknowledgements();
    return "";
  }

  /** Called when a follower has acknowledged. */
  check(): void {
    if (this.state !== "waiting-for-sync") return;
    const target = this.order?.target ?? null;
    const ready = this.parts.links().find((link) => {
      if (link.isCopy || (target !== null && !isLinkOf(link, target))) return false;
      return link.state === "online" && link.acknowledgedOffset >= this.wanted;
    });
    if (ready !== undefined) this.handOver(ready, "the target has everything");
  }

  /** Called when the target has answered our PSYNC, with or without a promotion. */
  answered(accepted: boolean, reason: string): void {
    if (this.state !== "failover-in-progress") return;
    if (accepted) this.end("the target is the leader now");
    else this.abort(`the target refused: ${reason}`);
  }

  abort(reason: string): void {
    const wasDemoted = this.state === "failover-in-progress";
    if (wasDemoted) this.parts.promote();
    this.end(`aborted: ${reason}`);
  }

  private timeIsOver(): void {
    this.timer = null;
    if (this.state !== "waiting-for-sync" || this.order === null) return;
    const { force, target } = this.order;
    if (force && target !== null) this.handOver({ ip: target.host, port: target.port }, "forced");
    else this.abort("the target did not catch up in time");
  }

  private handOver({ ip: host, port }: { ip: string; port: number }, reason: string): void {
    this.transition("failover-in-progress", `${reason}: ${formatAddress({ host, port })}`);
    this.parts.demote({ host, port });
  }

  private end(reason: string): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.order = null;
    this.transition("no-failover", reason);
    this.parts.pauseWrites(false);
  }

  private transition(to: FailoverState, reason: string): void {
    const from = this.state;
    assert(transitions[from].includes(to), `failover ${from} -> ${to}`);
    this.state = to;
    const fields = { event: "failover", from, to, reason } as const;
    this.parts.log.info(`failover: ${from} -> ${to} (${reason})`, fields);
  }
}

function isLinkOf(link: FollowerLink, { host, port }: Address): boolean {
  return link.ip === host && link.port === port;
}
