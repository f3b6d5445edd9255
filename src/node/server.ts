// Puts a node together and takes it apart: store, journal, replication, data threads. Whoever
// wants to know how the parts hang together reads startServer() from top to bottom.

import { dirname, resolve } from "node:path";
import { type Address, formatAddress } from "../base/address.ts";
import { descriptorsMax } from "../base/descriptors.ts";
import { threadFarewellMsMax } from "../base/limits.ts";
import { type LineSink, Log } from "../base/log.ts";
import { doneWithin } from "../base/patience.ts";
import { REDIS_VERSION } from "../base/version.ts";
import type { ChannelContext, Idle } from "../command/core/command.ts";
import { anyPause } from "../command/core/gate.ts";
import type { Control } from "../command/core/node.ts";
import { Channels } from "../command/pubsub/channels.ts";
import { applier } from "../command/stream/apply.ts";
import type { Config } from "../config/config.ts";
import type { Journal } from "../journal/journal.ts";
import { Persistence, type PersistenceParts } from "../persistence/persistence.ts";
import { Replication } from "../replication/replication.ts";
import type { Store } from "../store/store.ts";
import { withinDescriptors } from "./client-bound.ts";
import { NodeConfiguration } from "./configuration.ts";
import { DataThread } from "./connection/data-thread.ts";
import { Housekeeping } from "./housekeeping.ts";
import { NodeInformation } from "./information.ts";
import { NodePauses } from "./pauses.ts";
import { NodeRoles } from "./roles.ts";
import { attach, controlThread, reserveMemory } from "./shared-memory.ts";
import { ordinaryShutdown, Shutdown } from "./shutdown.ts";
import type { SharedStanding } from "./standing.ts";
import { LocalMailbox } from "./threads/mailbox.ts";
import { LocalThreads, type Threads } from "./threads/threads.ts";
import { type WorkerParts, WorkerThreads } from "./threads/worker-threads.ts";
import { NodeWaits } from "./waits.ts";

export interface Server extends AsyncDisposable {
  /** The port of the first address; the one the system chose when it was 0. */
  readonly port: number;
  readonly addresses: readonly Address[];
  /** For tests, which look at its invariants. */
  readonly store: Store;
  /** The node's own log. */
  readonly log: Log;
  /** Resolves when the node has ended, whoever asked for it: close(), or a client by SHUTDOWN. */
  readonly closed: Promise<void>;
  /** True from the moment at which somebody asked for the end of the node, unless it goes on. */
  readonly isShuttingDown: boolean;
  /**
   * Ends the node as SIGTERM does: waits for its followers, saves its data, and closes. Resolves to false
   * when the node goes on, because its data cannot be saved or the end was aborted.
   */
  shutDown(): Promise<boolean>;
  /** The same, but the node ends in any case; rejects when that was without the snapshot that was due. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Where the lines of the node's log go, if not to standard error. It must not throw. */
  readonly logSink?: LineSink;
  /** The code of its data threads, where that is not the product's own. */
  readonly workerEntry?: URL;
}

/** Starts a node. Rejects with a ListenError when an address cannot be had. */
export async function startServer(wanted: Config, options: ServerOptions = {}): Promise<Server> {
  const { config, warning } = withinDescriptors(wanted, descriptorsMax());
  const { log, store, standing, persistence, threads, roles, shutdown, close } = assemble(
    config,
    options,
  );
  if (warning !== "") log.warn(warning);
  const { leaderAddr } = config;

  const addresses = await listen(threads, config).catch(async (error) => {
    await close();
    throw error;
  });
  const { port } = addresses[0];
  standing.port = port;
  announce(log, addresses, leaderAddr);

  await load(persistence, leaderAddr !== null, shutdown);
  if (!shutdown.hasEnded) {
    standing.isLoading = false;
    if (leaderAddr !== null) roles.follow(leaderAddr.host, leaderAddr.port);
  }
  return {
    ...{ port, addresses, store, log, closed: shutdown.closed },
    get isShuttingDown() {
      return shutdown.isUnderWay;
    },
    shutDown: () => shutdown.order(ordinaryShutdown),
    close: () => shutdown.close(),
    [Symbol.asyncDispose]: () => shutdown.close(),
  };
}

/** A node that is told to end while it loads does not wait for the end of that. */
async function load(persistence: Persistence, asFollower: boolean, shutdown: Shutdown) {
  const loaded = persistence.load(asFollower).then(
    () => null,
    (error: Error) => error,
  );
  const failure = await Promise.race([loaded, shutdown.closed.then(() => null)]);
  if (failure === null) return;
  await shutdown.close();
  throw failure;
}

/** The parts of a node, each made of those above it; none of them serves anybody yet. */
function assemble(config: Config, { logSink, workerEntry }: ServerOptions) {
  const memory = reserveMemory(config);
  const attached = attach(memory, controlThread);
  const { store, keyspace, journal, effects, standing, statistics, clientMemory } = attached;
  const log = new Log(() => standing.logLevel, logSink);
  const configuration = new NodeConfiguration(config, attached);
  const pauses = new NodePauses(store, standing);
  const channels = new Channels();
  const context = { store, keyspace, effects, standing, statistics, channels };

  const replication = makeReplication({ context, standing, journal, log, configuration, pauses });
  const persistence = openPersistence(configuration, { store, keyspace, replication, log });
  // From before the first connection: nothing is served by halves, and no follower takes a write.
  standing.isLoading = persistence.isOn;
  standing.follow(config.leaderAddr && formatAddress(config.leaderAddr));

  const mailbox = new LocalMailbox(log, () => standing.free(anyPause));
  const thread = new DataThread({
    context,
    mailbox,
    standing,
    log,
    clientMemory,
    subscriberLeft: (id) => channels.forget(id),
    effectsRecorded: () => replication.flush(),
  });
  const threads = makeThreads(config.threads, {
    memory,
    control: thread,
    mailbox,
    channels,
    ...(logSink && { logSink }),
    ...(workerEntry && { entry: workerEntry }),
  });
  channels.deliverBy((receivers, message) => threads.deliver(receivers, message));

  const shared = { store, standing, configuration, replication, log };
  const roles = new NodeRoles({ ...shared, pauses, clients: threads });
  const waits = new NodeWaits(replication.waiters, threads);
  const shutdown = new Shutdown({ ...shared, pauses, persistence });
  const information = new NodeInformation({ ...shared, channels, threads, persistence, shutdown });
  const housekeeping = new Housekeeping({ store, standing, information, waits, thread });
  const closing = new AbortController();
  if (store.isShared) void standing.onEffects(() => replication.flush(), closing.signal);
  const parts = { housekeeping, threads, standing, persistence, replication, closing };
  const close = () => closeParts(parts);
  shutdown.closeBy(close);

  const control: Control = {
    configuration,
    clients: threads,
    information,
    roles,
    followers: replication.leader,
    waits,
    pauses,
    snapshots: persistence,
    shutdown,
  };
  mailbox.open({ ...context, control });
  return { log, store, standing, persistence, threads, roles, shutdown, close };
}

interface RunningParts {
  readonly housekeeping: Disposable;
  readonly threads: Threads;
  readonly standing: SharedStanding;
  readonly persistence: Persistence;
  readonly replication: Replication;
  readonly closing: AbortController;
}

/** Clients' writes wait for ever by now, and the snapshot is saved (shutdown.ts). */
async function closeParts(parts: RunningParts): Promise<void> {
  const { housekeeping, threads, standing, persistence, replication, closing } = parts;
  housekeeping[Symbol.dispose]();
  persistence.close();
  await threads.stopListening();
  await doneWithin(threadFarewellMsMax, threads.kill({ kind: "normal" }));
  standing.isLoading = true; // nor does a command run that waits for an answer of this thread
  await threads.close();
  closing.abort();
  standing.announceEffects();
  replication.close();
}

interface ReplicationParts {
  readonly context: Idle<ChannelContext>;
  readonly standing: SharedStanding;
  readonly journal: Journal;
  readonly log: Log;
  readonly configuration: NodeConfiguration;
  readonly pauses: NodePauses;
}

function makeReplication(parts: ReplicationParts): Replication {
  const { context, standing, journal, log, configuration, pauses } = parts;
  const { store, keyspace, effects } = context;
  return new Replication({
    keyspace,
    store,
    journal,
    effects,
    log,
    pauseWrites: (isPaused) => pauses.pauseFor("failover", isPaused),
    onLoadingChange: (isLoading) => {
      standing.isLoading = isLoading;
    },
    options: () => replicationOptions(configuration.current, standing.port),
    apply: applier(context, {
      log,
      refusesOtherTypes: () => configuration.current.otherTypes === "refuse",
    }),
  });
}

/** One data thread is the control thread itself; several are Workers beside it. */
function makeThreads(count: number, parts: Omit<WorkerParts, "count">): Threads {
  return count === 1 ? new LocalThreads(parts.control) : new WorkerThreads({ ...parts, count });
}

async function listen(threads: Threads, { listenAddr }: Config): Promise<Address[]> {
  const ports = await threads.listen(listenAddr);
  return listenAddr.map(({ host }, index) => ({ host, port: ports[index] }));
}

function replicationOptions(config: Config, port: number) {
  return {
    listeningPort: config.announcePort || port,
    announceIp: config.announceIp,
    leaderAuth: config.leaderAuth,
    priority: config.followerPriority,
    journalBytes: config.journalSize,
    minFollowersToWrite: config.minFollowersToWrite,
    minFollowersMaxLag: config.minFollowersMaxLag,
    refusesOtherTypes: config.otherTypes === "refuse",
    snapshotDirectory: config.snapshotFile === "" ? "" : dirname(resolve(config.snapshotFile)),
  };
}

function openPersistence(
  configuration: NodeConfiguration,
  parts: Pick<PersistenceParts, "store" | "keyspace" | "replication" | "log">,
): Persistence {
  const { snapshotFile } = configuration.current;
  return new Persistence({
    ...parts,
    path: snapshotFile === "" ? "" : resolve(snapshotFile),
    serverVersion: REDIS_VERSION,
    options: () => ({
      intervalSeconds: configuration.current.snapshotInterval,
      ignoresCorrupt: configuration.current.snapshotCorrupt === "ignore",
      refusesOtherTypes: configuration.current.otherTypes === "refuse",
    }),
  });
}

function announce(log: Log, addresses: readonly Address[], leader: Address | null): void {
  const where = addresses.map(formatAddress).join(", ");
  const role = leader === null ? "leader" : `follower of ${formatAddress(leader)}`;
  log.info(`listening on ${where} as a ${role}`);
}
