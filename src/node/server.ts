// Puts a node together and takes it apart: store, journal, replication, data threads. Whoever
// wants to know how the parts hang together reads startServer() from top to bottom.

import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { type Address, formatAddress } from "../base/address.ts";
import { threadFarewellMsMax } from "../base/limits.ts";
import { log, setLogLevel } from "../base/log.ts";
import { doneWithin } from "../base/patience.ts";
import { REDIS_VERSION } from "../base/version.ts";
import { anyPause } from "../command/core/restrictions.ts";
import { applier } from "../command/stream/apply.ts";
import type { Config } from "../config/config.ts";
import { Persistence, type PersistenceParts } from "../persistence/persistence.ts";
import { Replication } from "../replication/replication.ts";
import type { Store } from "../store/store.ts";
import { DataThread } from "./connection/data-thread.ts";
import { Housekeeping } from "./housekeeping.ts";
import { ServerNode } from "./node.ts";
import { attach, controlThread, reserveMemory, type SharedMemory } from "./shared-memory.ts";
import type { SharedStanding } from "./standing.ts";
import { LocalMailbox, type Mailbox } from "./threads/mailbox.ts";
import { LocalThreads, type Threads } from "./threads/threads.ts";
import { WorkerThreads } from "./threads/worker-threads.ts";

export interface Server extends AsyncDisposable {
  /** The port of the first address; the one the system chose when it was 0. */
  readonly port: number;
  readonly addresses: readonly Address[];
  /** For tests, which look at its invariants. */
  readonly store: Store;
  /** Resolves when the node has ended, whoever asked for it: close(), or a client by SHUTDOWN. */
  readonly closed: Promise<void>;
  /** Stops listening, closes all connections and links, and resolves when that is done. */
  close(): Promise<void>;
}

/**
 * Starts a node. Rejects with a ListenError when an address cannot be had. `workerEntry` is the code of
 * its data threads where that is not the product's own.
 */
export async function startServer(config: Config, workerEntry?: URL): Promise<Server> {
  setLogLevel(config.logLevel);
  const memory = reserveMemory(config);
  const { store, journal, effects, standing } = attach(memory, controlThread);
  const node = new ServerNode(config, store, standing, randomBytes(20).toString("hex"));
  const context = { store, effects, standing, node };
  const replication = new Replication({
    store,
    journal,
    effects,
    log,
    onRoleChange: (leader) => node.roleChanged(leader),
    onStandingChange: () => node.updateStanding(),
    pauseWrites: (isPaused) => node.pauseForFailover(isPaused),
    onLoadingChange: (isLoading) => {
      standing.isLoading = isLoading;
    },
    onDataReplaced: () => persistence.interrupt("a full sync replaces the data"),
    options: () => replicationOptions(node, standing.port),
    apply: applier(context, {
      refusesOtherTypes: () => node.config.otherTypes === "refuse",
      lacksValues: () => replication.follower.refusedItems > 0,
    }),
  });

  const persistence = openPersistence(node, { store, effects, replication });
  // From before the first connection: what is loaded is served whole or not at all, and no write is
  // taken that a leader does not know of.
  standing.isLoading = persistence.isOn;
  standing.follow(config.leaderAddr && formatAddress(config.leaderAddr));

  const mailbox = new LocalMailbox(context, () => standing.free(anyPause));
  const thread = new DataThread({
    context,
    mailbox,
    standing,
    get maxClients() {
      return node.config.maxClients;
    },
    subscriberLeft: (id) => node.channels.forget(id),
    effectsRecorded: () => replication.flush(),
  });
  const threads = makeThreads(memory, { control: thread, mailbox, node, workerEntry });
  const closing = new AbortController();
  const housekeeping = new Housekeeping(store, node, thread);
  const end = ending({ housekeeping, threads, standing, persistence, replication, closing });
  const { close, closed } = end;
  node.wire({ threads, replication, persistence, close });
  node.updateStanding();
  if (store.isShared) void standing.onEffects(() => replication.flush(), closing.signal);

  const addresses = await listen(threads, config).catch(async (error) => {
    housekeeping[Symbol.dispose]();
    await threads.close();
    replication.close();
    throw error;
  });
  const { leaderAddr } = config;
  const { port } = addresses[0];
  standing.port = port;
  announce(addresses, leaderAddr);

  await persistence.load(leaderAddr !== null).catch(async (error) => {
    await close();
    throw error;
  });
  standing.isLoading = false;
  if (leaderAddr !== null && !end.hasBegun) node.follow(leaderAddr.host, leaderAddr.port);
  return { port, addresses, store, closed, close, [Symbol.asyncDispose]: () => close() };
}

interface RunningParts {
  readonly housekeeping: Disposable;
  readonly threads: Threads;
  readonly standing: SharedStanding;
  readonly persistence: Persistence;
  readonly replication: Replication;
  readonly closing: AbortController;
}

/** The one end of a node, which whoever asks again waits for as well. */
function ending(parts: RunningParts) {
  const ended = Promise.withResolvers<void>();
  let end: Promise<void> | null = null;
  return {
    closed: ended.promise,
    get hasBegun() {
      return end !== null;
    },
    close: (saves = true): Promise<void> => {
      end ??= shutDown(parts, saves).finally(ended.resolve);
      return end;
    },
  };
}

/** Clients go first, so that nothing writes when the followers have everything and the file is made. */
async function shutDown(parts: RunningParts, saves: boolean): Promise<void> {
  const { housekeeping, threads, standing, persistence, replication, closing } = parts;
  housekeeping[Symbol.dispose]();
  await threads.stopListening();
  await doneWithin(threadFarewellMsMax, threads.kill({ kind: "normal" }));
  standing.isLoading = true; // nor does anybody who was just coming in
  const saveLast = await persistence.settle();
  await threads.close();
  closing.abort();
  standing.announceEffects();
  await replication.close();
  if (saves) await saveLast();
}

interface ThreadParts {
  readonly control: DataThread;
  readonly mailbox: Mailbox;
  readonly node: ServerNode;
  readonly workerEntry: URL | undefined;
}

/** One data thread is the control thread itself; several are Workers beside it. */
function makeThreads(memory: SharedMemory, parts: ThreadParts): Threads {
  const { control, mailbox, node, workerEntry } = parts;
  if (node.config.threads === 1) return new LocalThreads(control);
  return new WorkerThreads({
    memory,
    control,
    mailbox,
    config: node.config,
    acknowledge: (session, offset) => node.acknowledge(session, offset),
    ...(workerEntry && { entry: workerEntry }),
  });
}

async function listen(threads: Threads, { listenAddr }: Config): Promise<Address[]> {
  const ports = await threads.listen(listenAddr);
  return listenAddr.map(({ host }, index) => ({ host, port: ports[index] }));
}

function replicationOptions({ config }: ServerNode, port: number) {
  return {
    listeningPort: config.announcePort || port,
    announceIp: config.announceIp,
    leaderAuth: config.leaderAuth,
    priority: config.followerPriority,
    journalBytes: config.journalSize,
    minFollowersToWrite: config.minFollowersToWrite,
    minFollowersMaxLag: config.minFollowersMaxLag,
    refusesOtherTypes: config.otherTypes === "refuse",
  };
}

function openPersistence(
  node: ServerNode,
  parts: Pick<PersistenceParts, "store" | "effects" | "replication">,
): Persistence {
  const { snapshotFile } = node.config;
  return new Persistence({
    ...parts,
    path: snapshotFile === "" ? "" : resolve(snapshotFile),
    log,
    serverVersion: REDIS_VERSION,
    options: () => ({
      intervalSeconds: node.config.snapshotInterval,
      ignoresCorrupt: node.config.snapshotCorrupt === "ignore",
      refusesOtherTypes: node.config.otherTypes === "refuse",
    }),
  });
}

function announce(addresses: readonly Address[], leader: Address | null): void {
  const where = addresses.map(formatAddress).join(", ");
  const role = leader === null ? "leader" : `follower of ${formatAddress(leader)}`;
  log.info(`listening on ${where} as a ${role}`);
}
