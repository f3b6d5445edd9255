// One data thread, which is the control thread itself: it answers at once what several threads are
// asked by messages (worker-threads.ts).

import type { Link, LinkSocket } from "../../base/link.ts";
import type { Denial } from "../../command/core/access-control.ts";
import type { ClientFilter, ClientReport } from "../../command/core/node.ts";
import type { Channels, Message } from "../../command/messages/channels.ts";
import type { Session } from "../../command/terms/session.ts";
import type { Connections } from "../connection/connections.ts";
import type { ServerTls } from "../connection/listener.ts";
import { type Bound, type Endpoints, Listeners } from "../connection/listeners.ts";
import type { Move } from "../connection/rebinding.ts";
import type { Enforcement } from "../security/node-users.ts";
import { enforceUsers, losersAmong } from "./enforcement.ts";
import { type ThreadStatistics, threadStatistics } from "./thread-statistics.ts";
import { killClients, prepareListeners, reportClients, type Threads, timesOf } from "./threads.ts";
import { answerTimes, type TimeQuestions } from "./time-questions.ts";

export class LocalThreads implements Threads {
  private readonly connections: Connections;
  private readonly channels: Channels;
  private readonly listeners: Listeners;

  constructor(connections: Connections, channels: Channels) {
    this.connections = connections;
    this.listeners = new Listeners(connections);
    this.channels = channels;
  }

  enforce({ change, channelRules }: Enforcement): void {
    const subscribers = enforceUsers(this.connections, change, [...channelRules.keys()]);
    const ids = losersAmong(subscribers, channelRules, this.channels);
    if (ids.size > 0) killClients(this.connections, { ids });
  }

  async denials(): Promise<Denial[]> {
    return [...this.connections.access.denials.report()];
  }

  async resetDenials(): Promise<void> {
    this.connections.access.denials.reset();
  }

  async listen(endpoints: Endpoints): Promise<Bound> {
    return this.listeners.open(endpoints);
  }

  async relisten(move: Move): Promise<Bound | string> {
    return prepareListeners(this.listeners, move, false);
  }

  async settleListening(isKept: boolean): Promise<void> {
    this.listeners.settle(isKept);
  }

  renewTls(tls: ServerTls): void {
    this.listeners.renew(tls);
  }

  async list(filter: ClientFilter): Promise<ClientReport[]> {
    return reportClients(this.connections, filter);
  }

  async kill(filter: ClientFilter): Promise<number> {
    return killClients(this.connections, filter);
  }

  async statistics(): Promise<ThreadStatistics> {
    return this.statisticsNow();
  }

  async statisticsByThread(): Promise<readonly ThreadStatistics[]> {
    return [this.statisticsNow()];
  }

  statisticsNow(): ThreadStatistics {
    return threadStatistics(this.connections);
  }

  resetStatistics(): void {
    this.connections.resetStatistics();
  }

  async askTimes<Name extends keyof TimeQuestions>(
    name: Name,
    detail: TimeQuestions[Name]["detail"],
  ): Promise<TimeQuestions[Name]["answer"][]> {
    return this.timesNow(name, detail);
  }

  timesNow<Name extends keyof TimeQuestions>(
    name: Name,
    detail: TimeQuestions[Name]["detail"],
  ): TimeQuestions[Name]["answer"][] {
    return [answerTimes(timesOf(this.connections), name, detail)];
  }

  resetSlowLog(): void {
    this.timesNow("resetSlowLog", null);
  }

  deliver(receivers: ReadonlySet<number>, message: Message): void {
    this.connections.delivery.deliver(receivers, message);
  }

  takeOver(session: Session, open: (socket: LinkSocket) => Link): void {
    const connection = this.connections.get(session.id);
    connection?.takeOver(open(connection));
  }

  async settle(): Promise<void> {}

  async roomForMessages(): Promise<void> {}

  async stopListening(): Promise<void> {
    this.listeners.stop();
  }

  async close(): Promise<void> {
    this.abandon();
  }

  abandon(): void {
    this.listeners.stop(true);
  }
}
