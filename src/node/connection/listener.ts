// The listening sockets of a data thread. Bun gives one set of handlers per listener and one `data`
// value per socket; ours is the connection.

import { type Address, formatAddress } from "../../base/address.ts";
import type { Connection } from "./connection.ts";
import type { DataThread } from "./data-thread.ts";

/** A start that failed for a reason outside the program, in one sentence. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

export function listen(
  thread: DataThread,
  address: Address,
  reusePort = false,
): Bun.TCPSocketListener<Connection> {
  // `reusePort` works for listeners on Linux, though the type declares it for connections only.
  const options = {
    hostname: address.host,
    port: address.port,
    reusePort,
    allowHalfOpen: true, // a client may close its half and still read all its replies
    socket: handlersOf(thread),
  };
  try {
    return Bun.listen<Connection>(options);
  } catch (cause) {
    throw new ListenError(explain(address, cause));
  }
}

/**
 * Fails as listen() does when somebody listens at the address already: with `reusePort` a second server
 * would start in silence and take a part of the connections. Port 0 is always free.
 */
export function assertFree({ host, port }: Address): void {
  if (port === 0) return;
  try {
    Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true);
  } catch (cause) {
    throw new ListenError(explain({ host, port }, cause));
  }
}

/** Plain Uint8Arrays: a Buffer's slice() is a view, which a request that outlives its turn must not be. */
function handlersOf(thread: DataThread): Bun.SocketHandler<Connection> {
  return {
    binaryType: "uint8array",
    open: (socket) => {
      socket.setNoDelay(true);
      thread.open(socket);
    },
    data: (socket, chunk) => thread.receive(socket.data, chunk),
    drain: (socket) => thread.drained(socket.data),
    end: (socket) => thread.turn(() => socket.data.onEnd(), socket.data),
    close: (socket) => thread.closed(socket.data),
    error: (socket, error) => {
      thread.log.debug(`client ${socket.data?.session.address}: ${error.message}`);
    },
  };
}

function explain(address: Address, cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const where = formatAddress(address);
  if (code === "EADDRINUSE") return `cannot listen on ${where}: the port is taken`;
  if (code === "EACCES") return `cannot listen on ${where}: this user may not use the port`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return `cannot listen on ${where}: ${reason}`;
}
