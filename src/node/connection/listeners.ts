// All listening sockets of a data thread: those of its addresses, and the one of the Unix socket,
// which all threads share by descriptors of their own. listener.ts is one listener and its events.
// Invariant: after open() has thrown, stop() still ends what was bound before.

import type { Address } from "../../base/address.ts";
import { duplicate } from "../../base/descriptors.ts";
import { reasonOf } from "../../base/reason.ts";
import type { Connections } from "./connections.ts";
import { ListenError } from "./listen-error.ts";
import { type Listener, listen, listenTls, listenUnix, type ServerTls } from "./listener.ts";
import { UnixSocketFile } from "./unix-socket.ts";

export interface UnixEndpoint {
  readonly path: string;
  /** Permissions; 0: as the umask leaves them. */
  readonly mode: number;
  /** In the threads after the first: its own descriptor of the socket that the first has bound. */
  readonly descriptor?: number;
}

/** Where data threads accept clients. Plain data, as it is posted to Workers. */
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

export class Listeners {
  private readonly connections: Connections;
  private readonly all: Listener[] = [];
  /** Those for TLS. */
  private secure: Listener[] = [];
  private hasRenewed = false;
  private file: UnixSocketFile | null = null;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  /** `copies`: how many other threads need a descriptor of the Unix socket. */
  open({ addresses, tlsAddresses, tls, unix }: Endpoints, reusePort = false, copies = 0): Bound {
    const ports: number[] = [];
    const tlsPorts: number[] = [];
    // One by one, so that stop() also ends those that are bound if a later one cannot be.
    for (const address of addresses) {
      const listener = listen(this.connections, address, reusePort);
      this.all.push(listener);
      ports.push(listener.port);
    }
    for (const address of tls === null ? [] : tlsAddresses) {
      const listener = listenTls(this.connections, tls as ServerTls, { address, reusePort });
      this.secure.push(listener);
      tlsPorts.push(listener.port);
    }
    return { ports, tlsPorts, unixCopies: unix === null ? [] : this.openUnix(unix, copies) };
  }

  /**
   * From now on new clients are shown these certificates. The sockets stay, so that a client that
   * is just connecting is not lost: another listener takes over a second descriptor of each.
   */
  renew(tls: ServerTls): void {
    this.hasRenewed = true;
    this.secure = this.secure.map((old) => {
      try {
        const fd = duplicate(old.fd);
        if (fd < 0) throw new ListenError("no descriptor is left");
        const renewed = listenTls(this.connections, tls, { fd });
        old.stop();
        return renewed;
      } catch (cause) {
        const { log } = this.connections.thread;
        log.error(`new clients get the certificate from before: ${reasonOf(cause)}`);
        return old;
      }
    });
  }

  private openUnix({ path, mode, descriptor }: UnixEndpoint, copies: number): number[] {
    if (descriptor !== undefined) {
      this.all.push(listenUnix(this.connections, path, { fd: descriptor }));
      return [];
    }
    const bound: Listener[] = [];
    this.file = new UnixSocketFile(path, mode, (name) => {
      bound.push(listenUnix(this.connections, path, { unix: name }));
      this.all.push(...bound);
    });
    const all = Array.from({ length: copies }, () => duplicate(bound[0].fd));
    if (!all.includes(-1)) return all;
    throw new ListenError(`cannot listen on ${path}: no descriptor is left for its threads`);
  }

  /** Accepts no more clients; `closesClients` ends those that are there. */
  stop(closesClients = false): void {
    this.file?.remove();
    for (const listener of [...this.all, ...this.secure]) listener.stop(closesClients);
    if (!closesClients || !this.hasRenewed) return;
    // Those that listeners before a change of certificates have accepted.
    for (const connection of this.connections.all()) connection.terminate();
    this.connections.handshakes.end();
  }
}
