// Puts a node together and takes it apart: store, journal, replication, data thread, listeners. Whoever
// wants to know how the parts hang together reads startServer() from top to bottom.

import { randomBytes } from "node:crypto";
import { wallClockMs } from "../clock.ts";
import { type Address, type Config, formatAddress } from "../config.ts";
import { Effects } from "../journal/effects.ts";
import { Journal, reserveJournal } from "../journal/journal.ts";
import { log, setLogLevel } from "../log.ts";
import { Replication } from "../replication/replication.ts";
import { reserveStore } from "../store/memory.ts";
import { Store } from "../store/store.ts";
import { applier } from "./apply.ts";
import { DataThread } from "./data-thread.ts";
import { Housekeeping } from "./housekeeping.ts";
import { listen } from "./listener.ts";
import { LocalMailbox } from "./mailbox.ts";
import { ServerNode } from "./node.ts";
import { SharedState } from "./shared-state.ts";
import { LocalThreads } from "./threads.ts";

export interface Server extends AsyncDisposable {
  /** The port of the first address; the one the system chose when it was 0. */
  readonly port: number;
  readonly addresses: readonly Address[];
  /** Stops listening, closes all connections and links, and resolves when that is done. */
  close(): Promise<void>;
}

/** Starts a node. Rejects with a ListenError when an address cannot be had. */
export async function startServer(config: Config): Promise<Server> {
  setLogLevel(config.logLevel);
  const store = openStore(config);
  const journal = new Journal(reserveJournal(config.journalSize));
  const effects = new Effects(journal);
  store.listener = {
    removed: (_reason, bytes, start, end) => effects.delete(bytes, start, end),
  };

  const state = new SharedState();
  const node = new ServerNode(config, store, state, randomBytes(20).toString("hex"));
  const context = { store, effects, node };
  const replication = new Replication({
    store,
    journal,
    effects,
    log,
    onRoleChange: (role) => {
      state.isFollower = role === "follower";
    },
    onLoadingChange: (isLoading) => {
      state.isLoading = isLoading;
    },
    options: () => replicationOptions(node),
    apply: applier(context),
  });

  const thread = new DataThread({
    context,
    mailbox: new LocalMailbox(context),
    get password() {
      return node.password;
    },
    get maxClients() {
      return node.config.maxClients;
    },
    nextClientId: () => state.nextClientId(),
    effectsRecorded: () => replication.flush(),
  });
  node.wire({ threads: new LocalThreads(thread), replication });

  const listeners = config.listenAddr.map((address) => listen(thread, address));
  const addresses = listeners.map(({ port }, i) => ({ host: config.listenAddr[i].host, port }));
  node.port = addresses[0].port;
  const housekeeping = new Housekeeping(store, node, thread);
  const { leaderAddr } = config;
  if (leaderAddr !== null) replication.replicaof(leaderAddr.host, leaderAddr.port);
  announce(addresses, leaderAddr);

  const close = async (): Promise<void> => {
    housekeeping[Symbol.dispose]();
    for (const listener of listeners) listener.stop(true);
    await replication.close();
  };
  return { port: node.port, addresses, close, [Symbol.asyncDispose]: close };
}

function openStore(config: Config): Store {
  const memory = reserveStore({
    memoryLimitBytes: config.maxMemory,
    reserveBytes: config.reserve,
    valueBytesMax: config.maxValueSize,
    eviction: config.eviction,
    hashSeed: randomBytes(4).readInt32LE(),
    versionEpoch: wallClockMs(),
    concurrent: config.threads > 1,
  });
  return new Store(memory, 0);
}

function replicationOptions({ config, port }: ServerNode) {
  return {
    listeningPort: config.announcePort || port,
    announceIp: config.announceIp,
    leaderAuth: config.leaderAuth,
    journalBytes: config.journalSize,
  };
}

function announce(addresses: readonly Address[], leader: Address | null): void {
  const where = addresses.map(formatAddress).join(", ");
  const role = leader === null ? "leader" : `follower of ${formatAddress(leader)}`;
  log.info(`listening on ${where} as a ${role}`);
}
