/**
 * A node made of Replication and a small store: it follows real leaders over real sockets, and a
 * small listener lets real followers follow it. It serves no clients; writes are made by calling
 * it.
 * Invariant: what it writes goes by the keyspace, into store and journal.
 */

import { type Clock, monotonicMs } from "../../../src/base/clock.ts";
import { fatal } from "../../../src/base/errors.ts";
import type { LinkPeer } from "../../../src/base/link.ts";
import { changedKeys } from "../../../src/command/stream/changed-keys.ts";
import { Effects } from "../../../src/journal/effects.ts";
import { EventLog, reserveEventLog } from "../../../src/journal/event-log.ts";
import { Journal, reserveJournal } from "../../../src/journal/journal.ts";
import { Keyspace } from "../../../src/keyspace/keyspace.ts";
import { Request } from "../../../src/protocol/request.ts";
import { RespParser } from "../../../src/protocol/resp/resp-parser.ts";
import type { FollowerLink } from "../../../src/replication/leader/follower-link.ts";
import { Replication, type ReplicationOptions } from "../../../src/replication/replication.ts";
import { SmallStore, type SmallStoreOptions } from "../../support/small-store.ts";
import { applyTo, FakeLog, write } from "../../unit/replication/fakes.ts";

let nextId = 1;

/** What the listener keeps of a connection. */
class Peer implements LinkPeer {
  readonly id = nextId++;
  lastActiveMs = monotonicMs();
  readonly replconf = { listeningPort: 0, ipAddress: "", eof: false, psync2: false };
  readonly parser = new RespParser();
  link: FollowerLink | null = null;
}

export class TestNode implements AsyncDisposable {
  readonly store: SmallStore;
  readonly keyspace: Keyspace;
  readonly journal: Journal;
  readonly effects: Effects;
  readonly log = new FakeLog();
  readonly replication: Replication;
  readonly roles: string[] = [];
  /** Every order to pause writes (true) or to let them go on. */
  readonly pauses: boolean[] = [];
  /** Every change of LOADING, and how many items could be read from its end on. */
  readonly loading: boolean[] = [];
  readonly itemsShown: number[] = [];
  /** How often a full sync had the data go. */
  replacements = 0;
  private readonly listener: Bun.TCPSocketListener<Peer>;
  private readonly sockets = new Set<Bun.Socket<Peer>>();
  /** Set to make followers that connect wait. */
  refuses = false;

  constructor(
    options: Partial<ReplicationOptions> & SmallStoreOptions & { journalBytes?: number } = {},
    clock?: Clock,
  ) {
    this.store = new SmallStore(options);
    this.journal = new Journal(reserveJournal(options.journalBytes ?? 1 << 20));
    this.effects = new Effects(this.journal);
    this.keyspace = new Keyspace(
      this.store,
      this.effects,
      new EventLog(reserveEventLog(1 << 16), this.journal),
    );
    this.listener = Bun.listen<Peer>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => this.opened(socket),
        data: (socket, chunk) => this.received(socket, chunk),
        drain: (socket) => socket.data.link?.onDrain(),
        close: (socket) => this.closed(socket),
      },
    });
    this.replication = new Replication({
      store: this.store,
      keyspace: this.keyspace,
      journal: this.journal,
      effects: this.effects,
      log: this.log,
      fault: fatal,
      apply: applyTo(this.store),
      changedKeys,
      ...(clock && { clock }),
      pauseWrites: (isPaused) => this.pauses.push(isPaused),
      options: () => ({
        listeningPort: this.port,
        announceIp: "",
        leaderUser: "",
        leaderAuth: "",
        ...options,
      }),
      onLoadingChange: (isLoading) => {
        this.loading.push(isLoading);
        if (!isLoading) this.itemsShown.push(this.store.count());
      },
    });
    this.replication.dataReplaced.on(() => this.replacements++);
    this.replication.roleChanged.on((leader) => {
      this.roles.push(leader === null ? "leader" : "follower");
    });
  }

  get port(): number {
    return this.listener.port;
  }

  get info(): Record<string, string> {
    return Object.fromEntries([
      ...this.replication.infoLines(),
      ...this.replication.counterLines(),
    ]);
  }

  follow(port: number): void {
    this.replication.replicaof("127.0.0.1", port);
  }

  /** One recorded write, as a client would make it. */
  set(name: string, value: string | Buffer, expiresAt = 0): void {
    write(this.keyspace, name, value, expiresAt);
    this.replication.flush();
  }

  delete(name: string): void {
    const key = Buffer.from(name, "latin1");
    this.keyspace.delete(key, 0, key.length, 0);
    this.replication.flush();
  }

  flushAll(): void {
    this.keyspace.flush();
    this.replication.flush();
  }

  /** Ends every follower's connection without a word. */
  cutFollowers(): void {
    for (const socket of this.sockets) socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.replication.close();
    this.listener.stop(true);
  }

  private opened(socket: Bun.Socket<Peer>): void {
    socket.data = new Peer();
    this.sockets.add(socket);
    if (this.refuses) socket.terminate();
  }

  private closed(socket: Bun.Socket<Peer>): void {
    this.sockets.delete(socket);
    socket.data.link?.onClose();
  }

  private received(socket: Bun.Socket<Peer>, chunk: Uint8Array): void {
    const peer = socket.data;
    peer.lastActiveMs = monotonicMs();
    peer.parser.feed(chunk);
    const request = new Request();
    while (peer.parser.next(request)) {
      const words = Array.from({ length: request.argc }, (_, i) => request.text(i));
      this.command(socket, words);
    }
  }

  private command(socket: Bun.Socket<Peer>, words: string[]): void {
    const peer = socket.data;
    const [name, first, second] = words.map((word) => word.toLowerCase());
    if (name === "ping") socket.write("+PONG\r\n");
    else if (name === "psync") {
      const link = {
        write: (bytes: Uint8Array) => socket.write(bytes),
        end: () => void socket.end(),
        remoteAddress: socket.remoteAddress,
      };
      peer.link = this.replication.leader.psync(link, peer, first, Number(second));
    } else if (name === "replconf" && first === "ack") {
      peer.link?.acknowledge(Number(second));
    } else if (name === "replconf") {
      if (first === "listening-port") peer.replconf.listeningPort = Number(second);
      if (words.includes("eof")) peer.replconf.eof = true;
      if (words.includes("psync2")) peer.replconf.psync2 = true;
      socket.write("+OK\r\n");
    } else throw new Error(`unexpected command ${words.join(" ")}`);
  }
}
