// The data threads, as the control thread sees them, and what each of them answers for itself. One
// thread answers at once (local-threads.ts), several by messages (worker-threads.ts).

import { fits } from "../../command/connection/client-filter.ts";
import type { Denial } from "../../command/core/access-control.ts";
import type { ClientFilter, ClientReport, Clients } from "../../command/core/node.ts";
import type { Message } from "../../command/messages/channels.ts";
import type { CommandTimes } from "../../command/timing/command-times.ts";
import { sizesOf } from "../connection/client-sizes.ts";
import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { ListenError } from "../connection/listen-error.ts";
import type { ServerTls } from "../connection/listener.ts";
import type { Bound, Endpoints, Listeners } from "../connection/listeners.ts";
import type { Move } from "../connection/rebinding.ts";
import type { Enforcement } from "../security/node-users.ts";
import type { ThreadStatistics } from "./thread-statistics.ts";
import type { TimeQuestions } from "./time-questions.ts";

export interface Threads extends Clients {
  /** Starts to listen; for port 0, the system chooses one. */
  listen(endpoints: Endpoints): Promise<Bound>;
  /**
   * Listens elsewhere as well; settleListening() ends the one or the other. A sentence says why
   * that fails, and nothing has changed.
   */
  relisten(move: Move): Promise<Bound | string>;
  /** Whether the new sockets are kept, or the old ones. */
  settleListening(isKept: boolean): Promise<void>;
  /** Shows other certificates to new clients. */
  renewTls(tls: ServerTls): void;
  statistics(): Promise<ThreadStatistics>;
  /** The same by thread. With Workers, the control thread is the first. */
  statisticsByThread(): Promise<readonly ThreadStatistics[]>;
  /** The same at once: of other threads than this, what they told last. */
  statisticsNow(): ThreadStatistics;
  resetStatistics(): void;
  /** The answer of each thread. */
  askTimes<Name extends keyof TimeQuestions>(
    name: Name,
    detail: TimeQuestions[Name]["detail"],
  ): Promise<TimeQuestions[Name]["answer"][]>;
  /** The same at once; null if there are other threads. */
  timesNow<Name extends keyof TimeQuestions>(
    name: Name,
    detail: TimeQuestions[Name]["detail"],
  ): TimeQuestions[Name]["answer"][] | null;
  resetSlowLog(): void;
  /** Resolves when all threads have done what every client must see done. */
  settle(): Promise<unknown>;
  /** Resolves when no thread owes so many messages that a PUBLISH waits. */
  roomForMessages(): Promise<void>;
  /**
   * Has all threads judge by changed users, ends the connections of those that are gone, and of
   * subscribers that lost a channel. No answer goes out before that is done.
   */
  enforce(enforcement: Enforcement): void;
  /** The logs of refused commands of all threads. */
  denials(): Promise<Denial[]>;
  resetDenials(): Promise<void>;
  /** Delivers a published message to the connections with these ids. */
  deliver(receivers: ReadonlySet<number>, message: Message): void;
  /** Accepts no more connections; open ones stay. */
  stopListening(): Promise<void>;
  /** Stops listening and ends all connections. */
  close(): Promise<void>;
  /** The same after a fault: at once, as far as that needs no help from the threads. */
  abandon(): void;
}

// ---- one thread's answers -----------------------------------------------------------------------

export function reportClients(connections: Connections, filter: ClientFilter): ClientReport[] {
  return select(connections, filter).map((connection) => {
    const { session } = connection;
    const isHeld = connections.thread.held.has(session.id);
    const queued = session.transaction?.requests.length ?? -1;
    return { session, queued, isHeld, sizes: sizesOf(connection) };
  });
}

/** A sentence says why it cannot listen there. */
export function prepareListeners(
  listeners: Listeners,
  move: Move,
  reusePort: boolean,
): Bound | string {
  try {
    return listeners.prepare(move, reusePort);
  } catch (error) {
    if (error instanceof ListenError) return error.message;
    throw error;
  }
}

export function killClients(connections: Connections, filter: ClientFilter): number {
  const found = select(connections, filter);
  for (const connection of found) connection.close();
  return found.length;
}

export function timesOf({ thread }: Connections): CommandTimes {
  return thread.context.statistics.times;
}

function select(connections: Connections, filter: ClientFilter): Connection[] {
  return connections.all().filter(({ session }) => fits(filter, session));
}
