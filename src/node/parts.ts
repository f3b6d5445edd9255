// How the parts of a node are made: one function for each part, which gets the parts made before
// it. Nothing here serves clients; server.ts decides the order of calls.
// Invariant: a part needs no part that is made after it. A later part learns what happens to an
// earlier one from its signals.

import { dirname, resolve } from "node:path";
import type { Lookup } from "../base/host-lookup.ts";
import { type LineSink, Log } from "../base/log.ts";
import { redisVersion } from "../base/version.ts";
import type { Control } from "../command/core/node.ts";
import { Channels, type Message } from "../command/messages/channels.ts";
import { Monitors } from "../command/messages/monitors.ts";
import { anyPause, restriction } from "../command/run/gate.ts";
import { applier } from "../command/stream/apply.ts";
import { changedKeys } from "../command/stream/changed-keys.ts";
import { Tracking } from "../command/tracking/tracking.ts";
import type { Config } from "../config/config.ts";
import { followerBound } from "../config/output-limits.ts";
import { Persistence } from "../persistence/persistence.ts";
import { randomReplid } from "../replication/history.ts";
import { Replication } from "../replication/replication.ts";
import type { StoreMemory } from "../store/memory.ts";
import type { LoadPage } from "./admin/page-assets.ts";
import { Connections } from "./connection/connections.ts";
import { DataThread } from "./connection/data-thread.ts";
import { HeldCommands } from "./connection/held-commands.ts";
import { Faults, type OnFault } from "./control/faults.ts";
import { Observers } from "./control/observers.ts";
import { NodePauses } from "./control/pauses.ts";
import { Credentials } from "./security/credentials.ts";
import { NodeUsers } from "./security/node-users.ts";
import { NodeConfiguration } from "./settings/configuration.ts";
import { DeliveryDebt } from "./shared/delivery-debt.ts";
import { attach, controlThread, reserveMemory } from "./shared/shared-memory.ts";
import { LocalMailbox } from "./threads/local-mailbox.ts";
import { LocalThreads } from "./threads/local-threads.ts";
import { makeLibraries, makeScripts } from "./threads/thread-scripts.ts";
import type { Threads } from "./threads/threads.ts";
import { WorkerThreads } from "./threads/worker-threads.ts";

export interface ServerOptions {
  /** Receives the lines of the node's log; the default is standard error. It must not throw. */
  readonly logSink?: LineSink;
  /**
   * What follows an error of the node's own code: "abort" ends the process; a function is called
   * when the node has shut its parts down. `closed` then rejects with the error, too.
   */
  readonly onFault?: OnFault;
  /**
   * Whether the process, its heap and its garbage are somebody else's; default false. See
   * collector.ts.
   */
  readonly isGuest?: boolean;
  /**
   * What reserveStoreMemory() reserved for this configuration before the node was loaded; the
   * default is to reserve it now.
   */
  readonly storeMemory?: StoreMemory;
  /** The code of the data threads, for tests; the default is src/worker.ts. */
  readonly workerEntry?: URL;
  /** The page of the dashboard; without it, it is made of its sources. */
  readonly page?: LoadPage;
  /** Resolves the names of --listenaddr; the default is the system's resolver. */
  readonly lookup?: Lookup;
}

/** What all other parts are built on. */
export type Ground = ReturnType<typeof layGround>;

export function layGround(config: Config, { logSink, onFault, storeMemory }: ServerOptions) {
  const credentials = new Credentials(config); // first, as it may throw
  const memory = reserveMemory(config, storeMemory);
  const attached = attach(memory, controlThread);
  const { store, keyspace, journal, effects, standing, statistics, clientMemory } = attached;
  const { timeBounds, clientLimits, events, observer } = attached;
  const log = new Log(standing, logSink);
  const faults = new Faults(log, onFault);
  const fault = faults.raise;
  const configuration = new NodeConfiguration(config, attached, credentials);
  const current = () => configuration.current;
  const users = new NodeUsers({ access: standing.access, log, current });
  configuration.changed.on(() => users.configurationChanged());
  configuration.userLines = () => users.linesToWrite();
  const pauses = new NodePauses(store, standing, fault);
  const channels = new Channels();
  const send = (receivers: ReadonlySet<number>, message: Message) => {
    channels.send(receivers, message);
  };
  const tracking = new Tracking(send);
  const monitors = new Monitors(send);
  const asked: { control: Control | null } = { control: null };
  const scripts = makeScripts(attached, log, asked);
  const libraries = makeLibraries(attached, log, asked);
  const context = {
    store,
    keyspace,
    effects,
    standing,
    statistics,
    observer,
    channels,
    tracking,
    monitors,
    scripts,
    libraries,
  };
  return {
    ...{ memory, store, keyspace, journal, effects, events, standing, clientMemory, timeBounds },
    ...{ log, faults, fault, configuration, users, credentials, pauses },
    ...{ channels, tracking, monitors, scripts, libraries, context, clientLimits, asked },
    debt: new DeliveryDebt(memory.deliveries),
    runId: randomReplid(),
  };
}

export function makeReplication(ground: Ground): Replication {
  const { store, keyspace, journal, effects, standing, log, fault, libraries } = ground;
  const { configuration, credentials, pauses, context, runId } = ground;
  const replication = new Replication({
    ...{ store, keyspace, journal, effects, log, fault, libraries, runId },
    pauseWrites: (isPaused) => pauses.pauseFor("failover", isPaused),
    onLoadingChange: (isLoading) => {
      standing.isLoading = isLoading;
    },
    options: () => ({
      ...replicationOptions(configuration.current, standing),
      tls: credentials.current.link,
    }),
    changedKeys,
    betweenGroups: () => standing.free(restriction.BUSY),
    apply: applier(context, {
      log,
      refusesOtherTypes: () => configuration.current.otherTypes === "refuse",
    }),
  });
  pauses.clientsPaused = streamHolder(replication);
  standing.becameBusy = () => {
    const goOn = replication.holdStream(); // a script sees no change of others
    standing.free(restriction.BUSY).then(goOn, (error) => fault(error, "a script"));
  };
  ground.debt.exceeded = holderWhileBehind(ground.debt, replication);
  return replication;
}

/** The messages of a leader's stream are bounded as those of this node's own publishers are. */
function holderWhileBehind(debt: DeliveryDebt, replication: Replication): () => void {
  let isHeld = false;
  return () => {
    if (isHeld || !replication.isFollower) return;
    isHeld = true;
    const release = replication.holdStream();
    void debt.low().then(() => {
      isHeld = false;
      release();
    });
  };
}

/** As in Redis, CLIENT PAUSE on a follower holds what its leader sends, too. */
function streamHolder(replication: Replication): (isHeld: boolean) => void {
  let release: (() => void) | null = null;
  return (isHeld) => {
    // Not in the middle of the client's EXEC that ends the pause.
    if (release !== null) setImmediate(release);
    release = isHeld ? replication.holdStream() : null;
  };
}

function replicationOptions(config: Config, { port, tlsPort }: Ground["standing"]) {
  return {
    // As in Redis: whoever follows by TLS will be followed by TLS.
    listeningPort: config.announcePort || (config.tlsReplication && tlsPort) || port,
    announceIp: config.announceIp,
    leaderUser: config.leaderUser,
    leaderAuth: config.leaderPassword,
    priority: config.followerPriority,
    followerBufferBytes: config.followerBuffer,
    followerBound: followerBound(config.outputLimits, config.followerBuffer),
    minFollowersToWrite: config.minFollowersToWrite,
    minFollowersMaxLag: config.minFollowersMaxLag,
    pingSeconds: config.pingInterval,
    refusesOtherTypes: config.otherTypes === "refuse",
    snapshotDirectory: config.snapshotFile === "" ? "" : dirname(resolve(config.snapshotFile)),
  };
}

export function makePersistence(ground: Ground, replication: Replication): Persistence {
  const { store, keyspace, log, fault, configuration, libraries, standing } = ground;
  const { snapshotFile } = configuration.current;
  return new Persistence({
    ...{ store, keyspace, log, fault, replication, libraries, scripts: standing.script },
    path: snapshotFile === "" ? "" : resolve(snapshotFile),
    serverVersion: redisVersion,
    options: () => ({
      intervalSeconds: configuration.current.snapshotInterval,
      ignoresCorrupt: configuration.current.snapshotCorrupt === "ignore",
      refusesOtherTypes: configuration.current.otherTypes === "refuse",
    }),
  });
}

/**
 * The thread that runs this: it gets the control commands, and has connections if it is the only
 * one.
 */
export function makeControlThread(ground: Ground, replication: Replication, isGuest = false) {
  const { context, standing, log, fault, clientMemory, clientLimits } = ground;
  const held = new HeldCommands(() => standing.free(anyPause));
  const mailbox = new LocalMailbox(log, clientMemory, held);
  const thread = new DataThread({
    ...{ context, mailbox, standing, log, fault, clientMemory, clientLimits, isGuest },
    subscriberLeft: (id) => forget(ground, id),
    effectsRecorded: () => replication.flush(),
  });
  return { mailbox, held, thread, connections: new Connections(thread, standing) };
}

/** Reads the event log for those who observe keys. */
export function makeObservers(ground: Ground): Observers {
  const { events, channels, tracking, monitors, configuration, log } = ground;
  const { runId, debt } = ground;
  return new Observers({ events, channels, tracking, monitors, configuration, log, debt, runId });
}

/** A connection has closed. */
function forget({ channels, tracking, monitors }: Ground, id: number): void {
  channels.forget(id);
  monitors.remove(id);
  tracking.gone(id);
}

/** A single data thread is the control thread itself; several are Workers beside it. */
export function makeThreads(
  ground: Ground,
  { mailbox, connections }: ReturnType<typeof makeControlThread>,
  { logSink, workerEntry }: ServerOptions,
): Threads {
  const { memory, debt, configuration, users, channels, faults, fault } = ground;
  const count = configuration.current.threads;
  const threads =
    count === 1
      ? new LocalThreads(connections, channels)
      : new WorkerThreads({
          ...{ memory, debt, count, control: connections, mailbox, channels, fault },
          users: () => users.all(),
          subscriberLeft: (id) => forget(ground, id),
          abortsOnFault: faults.aborts,
          ...(logSink && { logSink }),
          ...(workerEntry && { entry: workerEntry }),
        });
  users.changed.on((enforcement) => threads.enforce(enforcement));
  users.logs = threads;
  channels.deliverBy((receivers, message) => threads.deliver(receivers, message));
  return threads;
}
