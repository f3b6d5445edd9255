// Starts and ends a node. Each part is made from those before it (parts.ts); read startServer()
// from top to bottom to see how they fit together.

import { type Address, formatAddress, isLoopback } from "../base/address.ts";
import { descriptorsMax } from "../base/descriptors.ts";
import { type Lookup, lookUp } from "../base/host-lookup.ts";
import { threadFarewellMsMax } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import { doneWithin } from "../base/patience.ts";
import { memoryBoundBytes } from "../base/system-memory.ts";
import type { Control } from "../command/core/node.ts";
import { type Config, memoryWarning } from "../config/config.ts";
import type { Persistence } from "../persistence/persistence.ts";
import { Garbage } from "../replication/collection.ts";
import { Dials } from "../replication/follower/leader-connection.ts";
import type { Replication } from "../replication/replication.ts";
import type { Store } from "../store/store.ts";
import type { AdminServer } from "./admin/admin-server.ts";
import type { LoadPage } from "./admin/page-assets.ts";
import { NodeDebugging } from "./control/debugging.ts";
import { Housekeeping } from "./control/housekeeping.ts";
import { NodeMigration } from "./control/migration.ts";
import type { Observers } from "./control/observers.ts";
import { NodeRoles } from "./control/roles.ts";
import { ordinaryShutdown, Shutdown } from "./control/shutdown.ts";
import { SweepRecord } from "./control/sweep-record.ts";
import { NodeWaits } from "./control/waits.ts";
import { NodeInformation } from "./info/information.ts";
import { MemoryReport } from "./info/memory-report.ts";
import { NodeMissCurve } from "./info/node-miss-curve.ts";
import { Timings } from "./info/timings.ts";
import { endpointsOf, type Places, placesOf, shownPlaces } from "./listening/endpoints.ts";
import { relistener, showPorts } from "./listening/relisten.ts";
import {
  type Ground,
  layGround,
  makeControlThread,
  makeObservers,
  makePersistence,
  makeReplication,
  makeThreads,
  type ServerOptions,
} from "./parts.ts";
import { withinDescriptors } from "./settings/client-bound.ts";
import type { Threads } from "./threads/threads.ts";

export type { ServerOptions } from "./parts.ts";

export interface Server extends AsyncDisposable {
  /** The port of the first address; if the configured port was 0, the one that the system chose. */
  readonly port: number;
  readonly addresses: readonly Address[];
  readonly tlsAddresses: readonly Address[];
  /** The first port for TLS; 0 if there is none. */
  readonly tlsPort: number;
  /** Those of the admin HTTP server. */
  readonly httpAddresses: readonly Address[];
  readonly httpsAddresses: readonly Address[];
  /** For tests, which check its invariants. */
  readonly store: Store;
  /** The node's own log. */
  readonly log: Log;
  /**
   * Resolves when the node has ended, by shutDown(), close() or a client's SHUTDOWN. Rejects with a
   * NodeFault if an error of the node's own code has ended it.
   */
  readonly closed: Promise<void>;
  /** Whether a shutdown is under way or done; false again if it failed or was aborted. */
  readonly isShuttingDown: boolean;
  /**
   * Reads the certificates from their files again, for new connections; if one has a fault, says so
   * in the log and keeps what is there. Without TLS it does nothing.
   */
  reloadCertificates(): void;
  /**
   * Ends the node as SIGTERM does: waits for its followers, saves its data, and closes. Resolves to
   * false if the node keeps running, because its data could not be saved or the shutdown was
   * aborted.
   */
  shutDown(): Promise<boolean>;
  /**
   * As shutDown(), but the node always ends; rejects if a snapshot was due and could not be saved.
   */
  close(): Promise<void>;
}

/**
 * Starts a node. Rejects with a ListenError if an address cannot be bound, and with a SnapshotError
 * if its snapshot cannot be loaded.
 */
export async function startServer(wanted: Config, options: ServerOptions = {}): Promise<Server> {
  const { config, warning } = withinDescriptors(wanted, descriptorsMax());
  const ground = layGround(config, options);
  const { standing, log, faults } = ground;
  if (warning !== "") log.warn(warning);
  const shortage = memoryWarning(config, memoryBoundBytes());
  if (shortage !== null) log.warn(shortage, { event: "memory-short" });
  if (config.snapshotInterval > 0 && config.snapshotFile === "") {
    log.warn("--snapshot-interval has no effect without --snapshot-file: nothing is saved");
  }
  const replication = makeReplication(ground);
  const persistence = makePersistence(ground, replication);
  // Set before the first connection: no partial data are served, and no follower takes a write.
  standing.isLoading = persistence.isOn;
  standing.follow(config.leaderAddr && formatAddress(config.leaderAddr));
  if (config.leaderAddr !== null) replication.standBy(config.leaderAddr);

  const controlThread = makeControlThread(ground, replication, options.isGuest);
  const threads = makeThreads(ground, controlThread, options);
  const observers = makeObservers(ground);
  const node = makeServices(ground, {
    replication,
    persistence,
    threads,
    controlThread,
    observers,
  });
  faults.happened.on(() => breakOff(node));
  ground.credentials.changed.on(() => {
    const { server } = ground.credentials.current;
    if (server !== null) threads.renewTls(server);
  });
  const control = makeControl(ground, node);
  ground.asked.control = control;
  controlThread.mailbox.open({ ...ground.context, control });

  const places = await Promise.race([begin(node, config, ground, options), faults.ended]);
  ground.configuration.relisten = relistener({ threads, standing, log, places }, options.lookup);
  return serverOf(node, ground, places, options);
}

interface Made {
  readonly replication: Replication;
  readonly persistence: Persistence;
  readonly threads: Threads;
  readonly controlThread: ReturnType<typeof makeControlThread>;
  readonly observers: Observers;
}

/** A node whose parts all work; only its data threads do not listen yet. */
type Node = ReturnType<typeof makeServices>;

/** What answers control commands, reacts to a change of roles, and runs periodically. */
function makeServices(ground: Ground, made: Made) {
  const { store, standing, log, fault, configuration, pauses, clientMemory } = ground;
  const { channels, tracking, scripts, libraries, runId } = ground;
  const { timeBounds } = ground;
  const { replication, persistence, threads, observers } = made;
  const { connections, held } = made.controlThread;
  const chores = new AbortController();
  const sending = new AbortController();
  const admin: { server: AdminServer | null } = { server: null };
  const ending = { store, standing, replication, persistence, threads, chores, sending, admin };
  const shared = { store, standing, configuration, clientMemory, replication, log, fault };
  const roles = new NodeRoles({ ...shared, pauses, clients: threads });
  const waits = new NodeWaits(replication, threads);
  const close = () => closeParts(ending);
  const shutdown = new Shutdown({ ...shared, pauses, persistence, close });
  const timings = new Timings(threads, timeBounds);
  const missCurve = makeMissCurve(ground, chores.signal);
  const sweeps = new SweepRecord();
  const counted = {
    ...{ channels, tracking, scripts, libraries, runId, threads, persistence, shutdown },
    ...{ timings, held, missCurve, sweeps },
  };
  const information = new NodeInformation({ ...shared, ...counted });
  const memory = new MemoryReport({
    ...shared,
    scripts,
    libraries,
    peakBytes: () => information.peakBytes(),
  });
  const { signal } = chores;
  const housekeeping = new Housekeeping({
    ...{ ...shared, sweeps, waits, connections, signal },
    sampleRates: () => information.sampleRates(),
  });
  const { history } = replication;
  const parts = { credentials: ground.credentials, dials: new Dials(), garbage: new Garbage() };
  const migration = new NodeMigration(parts);
  const debugging = new NodeDebugging({
    ...{ store, pauses, housekeeping, history, log, standing, persistence, replication, libraries },
  });
  if (store.isShared) {
    const tell = () => {
      replication.flush();
      observers.drain();
    };
    const sent = standing.onEffects(tell, sending.signal);
    sent.catch((error) => fault(error, "replication"));
  }
  return {
    ...ending,
    log,
    connections,
    roles,
    waits,
    information,
    memory,
    timings,
    shutdown,
    debugging,
    migration,
  };
}

function makeMissCurve({ memory, store, fault }: Ground, signal: AbortSignal) {
  const { curve } = memory;
  return curve === null ? null : new NodeMissCurve({ store, memory: curve, fault, signal });
}

function makeControl({ configuration, users, pauses }: Ground, node: Node): Control {
  const { threads, information, memory, timings, roles, replication, waits } = node;
  const { persistence, shutdown, debugging, migration } = node;
  return {
    configuration,
    users,
    clients: threads,
    information,
    memory,
    timings,
    roles,
    followers: replication.leader,
    waits,
    pauses,
    snapshots: persistence,
    shutdown,
    debugging,
    migration,
  };
}

// ---- the start ----------------------------------------------------------------------------------

/** Listens, loads and follows; returns where it listens. */
async function begin(
  node: Node,
  config: Config,
  ground: Ground,
  { lookup = lookUp, page }: ServerOptions,
): Promise<Places> {
  const { credentials } = ground;
  const { log, standing, persistence, replication, threads, shutdown } = node;
  const { leaderAddr } = config;
  const tls = credentials.current.server;
  const places = await endpointsOf(config, tls, lookup)
    .then(async (endpoints) => placesOf(endpoints, await threads.listen(endpoints)))
    .then(async (bound) => {
      await beginAdmin(node, ground, lookup, page);
      return bound;
    })
    .catch(async (error) => {
      await closeParts(node);
      throw error;
    });
  showPorts(standing, places);
  announce(log, places, leaderAddr);
  warnOfAccess(log, standing, places, credentials);
  await load(persistence, leaderAddr !== null, shutdown);
  if (!shutdown.hasEnded) {
    standing.isLoading = false;
    if (leaderAddr !== null) replication.begin();
  }
  return places;
}

/** Loads the admin HTTP server only into a node that has one. */
async function beginAdmin(
  node: Node,
  ground: Ground,
  lookup: Lookup,
  page: LoadPage | undefined,
): Promise<void> {
  const { store, configuration, credentials, standing, log, users, monitors } = ground;
  const { http, https } = configuration.current;
  if (http.length + https.length === 0) return;
  const { startAdmin } = await import("./admin/admin-server.ts");
  const { replication, shutdown, information, threads, connections } = node;
  const shared = { store, standing, log, configuration, credentials, users, monitors };
  const parts = { ...shared, replication, shutdown, information, threads, connections, page };
  node.admin.server = await startAdmin(parts, lookup);
}

function announce(log: Log, places: Places, leader: Address | null): void {
  const all = shownPlaces(places);
  const role = leader === null ? "leader" : `follower of ${formatAddress(leader)}`;
  log.info(`listening on ${all.join(", ")} as a ${role}`, {
    event: "listening",
    addresses: all.join(","),
    role: leader === null ? "leader" : "follower",
    ...(leader && { leader: formatAddress(leader) }),
  });
}

/** Says what will keep clients out. */
function warnOfAccess(
  log: Log,
  standing: Ground["standing"],
  { addresses, tlsAddresses }: Places,
  { timeFault }: Ground["credentials"],
): void {
  if (timeFault !== null)
    log.warn(`clients will refuse the certificate of this node: ${timeFault}`);
  const isOwn = [...addresses, ...tlsAddresses].every(({ host }) => isLoopback(host));
  if (isOwn || !standing.isProtected || standing.needsLogin) return;
  log.warn(
    "protected mode: without a password, only clients of this machine are served; " +
      "set --password, or --protected-mode no in a network that you trust",
  );
}

/** A node that is told to end while it loads does not finish loading first. */
async function load(persistence: Persistence, asFollower: boolean, shutdown: Shutdown) {
  const loaded = persistence.load(asFollower).then(
    () => null,
    (error: Error) => error,
  );
  const failure = await Promise.race([loaded, shutdown.closed.then(() => null)]);
  if (failure === null) return;
  await shutdown.abandon();
  throw failure;
}

function serverOf(
  { shutdown, store, log, admin }: Node,
  { faults, standing, configuration }: Ground,
  places: Places,
  { onFault }: ServerOptions,
): Server {
  const closed = Promise.race([shutdown.closed, faults.ended]);
  if (onFault !== undefined) closed.catch(() => undefined); // onFault reports it
  const close = async () => void (await faults.unlessBroken(() => shutdown.close()));
  return {
    ...{ store, log, closed, close },
    get port() {
      return standing.port;
    },
    get tlsPort() {
      return standing.tlsPort;
    },
    get addresses() {
      return places.addresses;
    },
    get tlsAddresses() {
      return places.tlsAddresses;
    },
    get httpAddresses() {
      return admin.server?.addresses(false) ?? [];
    },
    get httpsAddresses() {
      return admin.server?.addresses(true) ?? [];
    },
    reloadCertificates: () => configuration.reloadCertificates(log),
    get isShuttingDown() {
      return shutdown.isUnderWay;
    },
    shutDown: () =>
      faults.unlessBroken(async () => (await shutdown.begin(ordinaryShutdown)).hasEnded),
    [Symbol.asyncDispose]: close,
  };
}

// ---- the end ------------------------------------------------------------------------------------

type Ending = Pick<
  Node,
  "store" | "standing" | "replication" | "persistence" | "threads" | "chores" | "sending" | "admin"
>;

/** By now clients' writes are held for good, and the snapshot is saved (shutdown.ts). */
async function closeParts(parts: Ending): Promise<void> {
  const { threads, standing, persistence, replication, chores, sending } = parts;
  chores.abort();
  parts.admin.server?.stop();
  persistence.close();
  await threads.stopListening();
  await doneWithin(threadFarewellMsMax, threads.kill({ kind: "normal" }));
  standing.isLoading = true; // a connection that still waits for this thread runs nothing more
  await threads.close();
  sending.abort();
  standing.announceEffects();
  replication.close();
}

/**
 * After a fault: nothing that may be half done is served, sent or saved. This thread releases its
 * locks, or it would wait for itself; the others have ended by then, or see LOADING.
 */
function breakOff(parts: Ending): void {
  const { store, threads, standing, persistence, replication, chores, sending } = parts;
  standing.isLoading = true;
  chores.abort();
  parts.admin.server?.stop();
  sending.abort();
  standing.announceEffects();
  persistence.abandon();
  threads.abandon();
  store.unlockAll();
  replication.close();
}
