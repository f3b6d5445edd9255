// All listening sockets of a data thread: those of its addresses, and the one of the Unix socket,
// which all threads share by descriptors of their own. listener.ts is one listener and its events.
// Invariant: after open() has thrown, stop() still ends what was bound before; a change of ports
// (rebinding.ts) binds the new ones before it ends the old ones.

import type { Address } from "../../base/address.ts";
import { duplicate } from "../../base/descriptors.ts";
import { reasonOf } from "../../base/reason.ts";
import type { Connections } from "./connections.ts";
import { ListenError } from "./listen-error.ts";
import { type Listener, listen, listenTls, listenUnix, type ServerTls } from "./listener.ts";
import { type Move, Rebinding, type Seat } from "./rebinding.ts";
import { UnixSocketFile } from "./unix-socket.ts";

export interface UnixEndpoint {
  readonly path: string;
  /** Permissions; 0: as the umask leaves them. */
  readonly mode: number;
  /** In the threads after the first: its own descriptor of the socket that the first has bound. */
  readonly descriptor?: number;
}

/** Where data threads accept clients. Plain data, because it is posted to Workers. */
export interface Endpoints {
  readonly addresses: readonly Address[];
  readonly tlsAddresses: readonly Address[];
  /** Null if there are no addresses for TLS. */
  readonly tls: ServerTls | null;
  readonly unix: UnixEndpoint | null;
}

/** What open() has bound. */
export interface Bound {
  /** The ports of the addresses; for port 0, the one that the system chose. */
  readonly ports: number[];
  readonly tlsPorts: number[];
  /** Further descriptors of the Unix socket. */
  readonly unixCopies: number[];
}

function stopAll(listeners: readonly Listener[], closesClients = false): void {
  for (const listener of listeners) listener.stop(closesClients);
}

export class Listeners {
  private readonly connections: Connections;
  /** Those of the Unix socket. */
  private readonly local: Listener[] = [];
  private plain: Seat[] = [];
  /** Those for TLS. */
  private secure: Seat[] = [];
  /** What prepare() has bound, until settle(). */
  private pending: Rebinding | null = null;
  private hasRenewed = false;
  private file: UnixSocketFile | null = null;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  /** `copies`: how many other threads need a descriptor of the Unix socket. */
  open({ addresses, tlsAddresses, tls, unix }: Endpoints, reusePort = false, copies = 0): Bound {
    const ports = this.bind(addresses, reusePort, this.plain);
    const tlsPorts = this.bindTls(tlsAddresses, tls, reusePort, this.secure);
    return { ports, tlsPorts, unixCopies: unix === null ? [] : this.openUnix(unix, copies) };
  }

  /** One by one into `bound`, so that those that are bound can be ended if a later one fails. */
  private bind(addresses: readonly Address[], reusePort: boolean, bound: Seat[]): number[] {
    return addresses.map((address) => {
      const listener = listen(this.connections, address, reusePort);
      bound.push({ address: { ...address, port: listener.port }, listener });
      return listener.port;
    });
  }

  private bindTls(
    addresses: readonly Address[],
    tls: ServerTls | null,
    reusePort: boolean,
    bound: Seat[],
  ): number[] {
    if (tls === null) return [];
    return addresses.map((address) => {
      const listener = listenTls(this.connections, tls, { address, reusePort });
      bound.push({ address: { ...address, port: listener.port }, listener });
      return listener.port;
    });
  }

  // ---- elsewhere --------------------------------------------------------------------------------

  /**
   * Binds beside what is bound; settle() then ends the one or the other. If something cannot be
   * bound, throws and leaves what there was.
   */
  prepare(move: Move, reusePort = false): Bound {
    const rebinding = new Rebinding(this.connections, move, reusePort);
    const bound = rebinding.bind(this.plain, this.secure);
    this.pending = rebinding;
    return { ...bound, unixCopies: [] };
  }

  /** Clients that are there stay, whichever socket they came by. */
  settle(isKept: boolean): void {
    const { pending } = this;
    this.pending = null;
    if (pending === null) return;
    if (!isKept) return pending.cancel();
    this.hasRenewed = true;
    const { plain, secure } = pending.finish();
    this.plain = plain ?? this.plain;
    this.secure = secure ?? this.secure;
  }

  /**
   * From now on new clients are shown these certificates. The sockets stay, so that a client that
   * is just connecting is not lost: another listener takes over a second descriptor of each.
   */
  renew(tls: ServerTls): void {
    this.hasRenewed = true;
    for (const seat of this.secure) {
      const old = seat.listener;
      try {
        const fd = duplicate(old.fd);
        if (fd < 0) throw new ListenError("no descriptor is left");
        seat.listener = listenTls(this.connections, tls, { fd });
        old.stop();
      } catch (cause) {
        const { log } = this.connections.thread;
        const reason = reasonOf(cause);
        const fields = { event: "certificates", reason } as const;
        log.error(`new clients get the certificate from before: ${reason}`, fields);
      }
    }
  }

  private openUnix({ path, mode, descriptor }: UnixEndpoint, copies: number): number[] {
    if (descriptor !== undefined) {
      this.local.push(listenUnix(this.connections, path, { fd: descriptor }));
      return [];
    }
    const bound: Listener[] = [];
    this.file = new UnixSocketFile(path, mode, (name) => {
      bound.push(listenUnix(this.connections, path, { unix: name }));
      this.local.push(...bound);
    });
    const all = Array.from({ length: copies }, () => duplicate(bound[0].fd));
    if (!all.includes(-1)) return all;
    throw new ListenError(`cannot listen on ${path}: no descriptor is left for its threads`);
  }

  /** Accepts no more clients; `closesClients` ends those that are there. */
  stop(closesClients = false): void {
    this.file?.remove();
    const seats = [...this.plain, ...this.secure];
    stopAll([...this.local, ...seats.map(({ listener }) => listener)], closesClients);
    this.settle(false);
    if (!closesClients || !this.hasRenewed) return;
    // Those that listeners before a change of ports or certificates have accepted.
    for (const connection of this.connections.all()) connection.terminate();
    this.connections.handshakes.end();
  }
}
