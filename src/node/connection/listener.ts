// The listening sockets of a data thread, and their handlers: each event of a socket goes to its
// connection, which is the `data` value that Bun keeps for the socket.

import { type Address, formatAddress } from "../../base/address.ts";
import { codeOf, reasonOf } from "../../base/reason.ts";
import { type TlsLink, tlsReason } from "../../base/tls-link.ts";
import type { TlsAuthClients } from "../../config/tls-options.ts";
import type { ClientSocket, Connection } from "./connection.ts";
import type { Connections } from "./connections.ts";
import { ListenError } from "./listen-error.ts";

/** `fd` is missing from Bun's types. */
export type Listener = Bun.SocketListener<Connection> & { readonly fd: number };
export type PortListener = Listener & { readonly port: number };

/** An address, or the descriptor of a socket that another listener has, or has left. */
export type ListenPlace =
  | { readonly address: Address; readonly reusePort: boolean }
  | { readonly fd: number };

/** Listens on an address, or on the descriptor of a socket that another listener has left. */
export function listen(
  connections: Connections,
  where: Address | { readonly fd: number },
  reusePort = false,
): PortListener {
  const place = "fd" in where ? where : { address: where, reusePort };
  return bind(place, { socket: handlersOf(connections) });
}

function bind(
  where: ListenPlace,
  how: { readonly socket: Bun.SocketHandler<Connection>; readonly tls?: ServerTls["options"] },
): PortListener {
  // `reusePort` works for listeners on Linux, though the type declares it for connections only.
  const place =
    "fd" in where
      ? { fd: where.fd }
      : { hostname: where.address.host, port: where.address.port, reusePort: where.reusePort };
  // A client may close its half and still read all its replies.
  const options = { ...place, ...how, allowHalfOpen: true };
  try {
    return Bun.listen<Connection>(options as never) as unknown as PortListener;
  } catch (cause) {
    throw new ListenError("fd" in where ? reasonOf(cause) : listenReason(where.address, cause));
  }
}

/** How clients are served by TLS. Plain data, because it is posted to Workers. */
export interface ServerTls {
  readonly clients: TlsAuthClients;
  readonly options: TlsLink & {
    readonly requestCert: boolean;
    readonly rejectUnauthorized: boolean;
  };
}

/**
 * Listens for TLS, on an address or, with another certificate than before, on the descriptor of a
 * listener.
 */
export function listenTls(
  connections: Connections,
  tls: ServerTls,
  where: ListenPlace,
): PortListener {
  return bind(where, { socket: tlsHandlersOf(connections, tls.clients), tls: tls.options });
}

/** Listens on a Unix socket that is bound now, or that another thread has bound. */
export function listenUnix(
  connections: Connections,
  path: string,
  where: { readonly unix: string } | { readonly fd: number },
): Listener {
  const socket = {
    ...handlersOf(connections),
    open: (opened: ClientSocket) => connections.open(opened, path),
  };
  // The type declares `fd` for connections only.
  const options = { ...where, allowHalfOpen: true, socket } as Bun.UnixSocketOptions<Connection>;
  return Bun.listen<Connection>(options) as unknown as Listener;
}

/**
 * Fails like listen() if the address is already in use: with `reusePort`, a second server would
 * start silently and take some of the connections. Port 0 is always free.
 */
export function assertFree(address: Address): void {
  if (address.port === 0) return;
  try {
    listenBriefly(address);
  } catch (cause) {
    throw new ListenError(listenReason(address, cause));
  }
}

/** Binds an address, releases it, and returns the port; if it was 0, the system chose it. */
export function listenBriefly({ host, port }: Address): number {
  const listener = Bun.listen({ hostname: host, port, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
}

/**
 * Plain Uint8Arrays: a Buffer's slice() is a view, which a request that outlives its turn must not
 * be.
 */
function handlersOf(connections: Connections): Bun.SocketHandler<Connection> {
  const { thread } = connections;
  return {
    binaryType: "uint8array",
    open: (socket) => {
      socket.setNoDelay(true);
      connections.open(socket);
    },
    data: (socket, chunk) => thread.receive(socket.data, chunk),
    drain: (socket) => connections.drained(socket.data),
    end: (socket) => thread.turn(() => socket.data.onEnd(), socket.data),
    close: (socket) => connections.closed(socket.data),
    error: (socket, error) => {
      thread.log.debug(`client ${socket.data?.session.address}: ${error.message}`);
    },
  };
}

/** A socket is given its connection when its handshake is done. */
function tlsHandlersOf(
  connections: Connections,
  clients: TlsAuthClients,
): Bun.SocketHandler<Connection> {
  const handlers = handlersOf(connections);
  const { handshakes } = connections;
  const isConnection = (socket: ClientSocket) => socket.data !== undefined;
  return {
    ...handlers,
    open: (socket) => {
      socket.setNoDelay(true);
      connections.beginHandshake(socket);
    },
    handshake: (socket, isDone, fault) => {
      if (!isDone) handshakes.fail(socket, fault === null ? "it broke off" : tlsReason(fault));
      else if (handshakes.finish(socket, fault, clients)) connections.open(socket);
    },
    data: (socket, chunk) => {
      if (isConnection(socket)) handlers.data?.(socket, chunk);
    },
    drain: (socket) => {
      if (isConnection(socket)) handlers.drain?.(socket);
    },
    end: (socket) => {
      if (isConnection(socket)) handlers.end?.(socket);
      else handshakes.fail(socket, "the client left");
    },
    close: (socket) => {
      if (isConnection(socket)) handlers.close?.(socket);
      else handshakes.fail(socket, "the client left");
    },
  };
}

/** Why an address cannot be bound, as a sentence. */
export function listenReason(address: Address, cause: unknown): string {
  const code = codeOf(cause);
  const where = formatAddress(address);
  if (code === "EADDRINUSE") return `cannot listen on ${where}: the port is taken`;
  if (code === "EACCES") return `cannot listen on ${where}: this user may not use the port`;
  if (code === "EADDRNOTAVAIL") return `cannot listen on ${where}: it is not this machine's`;
  return `cannot listen on ${where}: ${reasonOf(cause)}`;
}
