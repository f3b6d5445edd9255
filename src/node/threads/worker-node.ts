// The node as a data thread in a Worker sees it beyond its standing: limits as the control thread last
// told them. What acts on the whole node is the control thread's:
// CONTROL commands never run here, and calling their part of the interface is a programmer's error.

import type { ErrorReply } from "../../base/errors.ts";
import type { RoleReport } from "../../base/role.ts";
import type { ClientReport, Node, Snapshots } from "../../command/core/node.ts";
import type { Session } from "../../command/core/session.ts";
import type { Channels } from "../../command/pubsub/channels.ts";
import type { ThreadSettings } from "./messages.ts";

export class WorkerNode implements Node {
  settings: ThreadSettings;
  private readonly onAcknowledge: (id: number, offset: number) => void;

  constructor(settings: ThreadSettings, onAcknowledge: (id: number, offset: number) => void) {
    this.settings = settings;
    this.onAcknowledge = onAcknowledge;
  }

  /** The one message of a link that comes as an ordinary command. */
  acknowledge(session: Session, offset: number): void {
    this.onAcknowledge(session.id, offset);
  }

  // ---- the control thread's ----------------------------------------------------------------------

  get channels(): Channels {
    return notHere("channels");
  }

  get snapshots(): Snapshots {
    return notHere("snapshots");
  }

  configGet(): [string, string][] {
    return notHere("configGet");
  }

  configSet(): ErrorReply | null {
    return notHere("configSet");
  }

  configRewrite(): ErrorReply | null {
    return notHere("configRewrite");
  }

  shutDown(): Promise<void> {
    return notHere("shutDown");
  }

  resetStatistics(): void {
    notHere("resetStatistics");
  }

  clients(): ClientReport[] {
    return notHere("clients");
  }

  killClients(): number {
    return notHere("killClients");
  }

  info(): string {
    return notHere("info");
  }

  role(): RoleReport {
    return notHere("role");
  }

  follow(): boolean {
    return notHere("follow");
  }

  unfollow(): void {
    notHere("unfollow");
  }

  get isFailingOver(): boolean {
    return notHere("isFailingOver");
  }

  failover(): ErrorReply | null {
    return notHere("failover");
  }

  abortFailover(): ErrorReply | null {
    return notHere("abortFailover");
  }

  takeOverFrom(): ErrorReply | null {
    return notHere("takeOverFrom");
  }

  wait(): Promise<number> {
    return notHere("wait");
  }

  unblock(): boolean {
    return notHere("unblock");
  }

  pause(): void {
    notHere("pause");
  }

  unpause(): void {
    notHere("unpause");
  }

  psync(): void {
    notHere("psync");
  }

  join(): void {
    notHere("join");
  }
}

function notHere(name: string): never {
  throw new Error(`${name}() belongs to the control thread`);
}
