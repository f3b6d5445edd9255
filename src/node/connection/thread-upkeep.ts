// What each data thread does periodically for its own connections: closes the idle ones, and frees
// memory. The timers are those of its owner: node/control/housekeeping.ts in the control thread,
// node/threads/worker-server.ts in a Worker.

import { buffers } from "../../base/buffer-pool.ts";
import { monotonicMs } from "../../base/clock.ts";
import type { Connections } from "./connections.ts";
import type { DataThread } from "./data-thread.ts";

/** How often closeIdle() is called. */
export const upkeepEveryMs = 1000;
/** A second that takes this long means that the process was stopped, or that the machine slept. */
const stoppedMsMin = 2.5 * upkeepEveryMs;
/** How often tidyMemory() is called: reading resident memory takes 20 to 90 us. */
export const memoryEveryMs = 250;

/**
 * For one thread: disconnects clients that hold too much, collects garbage, frees unused buffers.
 */
export function tidyMemory({ collector, clientMemory }: DataThread): void {
  clientMemory.check();
  collector.look();
  buffers.trim();
}

/**
 * Closes the clients of one thread that were silent for longer than the timeout; 0 closes none. A
 * client that waits for this node is not idle, nor is a subscriber, a monitor or a link.
 */
export function closeIdle(connections: Connections, timeoutSeconds: number): void {
  const { thread } = connections;
  const now = monotonicMs();
  const wasStopped = now - thread.idleCheckedMs > stoppedMsMin;
  thread.idleCheckedMs = now;
  // Input that arrived while the process stood still is read first; the next call judges it.
  if (timeoutSeconds === 0 || wasStopped) return;
  const before = now - timeoutSeconds * 1000;
  for (const connection of connections.all()) {
    const { session } = connection;
    if (session.kind !== "normal" || session.subscriptions > 0 || session.isMonitor) continue;
    if (connection.isWaiting || session.lastActiveMs >= before) continue;
    const fields = { event: "client-closed", client: session.address } as const;
    thread.log.debug(`client ${session.address} was idle: closed`, fields);
    connection.close();
  }
}
