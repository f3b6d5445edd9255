// The TLS handshakes of a data thread that are under way. A socket becomes a connection when its
// handshake is done, so that strangers who begin one and say no more take no client's place: they
// are bounded in number and time, and the oldest makes room.
// Invariant: a socket is here from its first event until it becomes a connection or ends.

import { formatAddress } from "../../base/address.ts";
import { monotonicMs } from "../../base/clock.ts";
import { handshakeMsMax, handshakesMax } from "../../base/limits.ts";
import type { Logger } from "../../base/log.ts";
import { RecurringTrouble } from "../../base/recurring.ts";
import type { TlsAuthClients } from "../../config/tls-options.ts";

/** What is needed of a socket. */
export type HandshakingSocket = Pick<
  Bun.Socket<unknown>,
  "authorized" | "getPeerCertificate" | "remoteAddress" | "remotePort" | "terminate"
>;

export class Handshakes {
  /** When each began, the oldest first. */
  private readonly underWay = new Map<HandshakingSocket, number>();
  private readonly troubles: RecurringTrouble;
  private readonly now: () => number;

  constructor(log: Logger, now: () => number = monotonicMs) {
    this.now = now;
    this.troubles = new RecurringTrouble(log, now);
  }

  begin(socket: HandshakingSocket): void {
    for (const [oldest] of this.underWay) {
      if (this.underWay.size < handshakesMax) break;
      this.fail(oldest, `more than ${handshakesMax} are under way`);
    }
    this.underWay.set(socket, this.now());
  }

  /** The handshake is done: whether the socket may become a connection. It is ended if not. */
  finish(socket: HandshakingSocket, fault: Error | null, clients: TlsAuthClients): boolean {
    if (!this.underWay.has(socket)) return false; // it was ended before
    // Without a certificate of the client there is a fault as well, which "optional" overlooks.
    const isRight = socket.authorized || clients === "no";
    if (!isRight && (clients === "yes" || hasCertificate(socket))) {
      this.fail(socket, fault?.message ?? "the client has no certificate");
      return false;
    }
    this.underWay.delete(socket);
    return true;
  }

  /** Ends a socket whose handshake went wrong, and says so. */
  fail(socket: HandshakingSocket, reason: string): void {
    if (!this.underWay.delete(socket)) return;
    const client = formatAddress({ host: socket.remoteAddress, port: socket.remotePort });
    const fields = { event: "client-refused", client, reason } as const;
    this.troubles.happened(reason, `client ${client}: its TLS handshake failed: ${reason}`, fields);
    socket.terminate();
  }

  /** Called once a second. */
  expire(): void {
    const before = this.now() - handshakeMsMax;
    for (const [socket, beganMs] of this.underWay) {
      if (beganMs > before) return;
      this.fail(socket, `it was not done within ${handshakeMsMax} ms`);
    }
  }

  /** At the end of the node. */
  end(): void {
    for (const socket of this.underWay.keys()) socket.terminate();
    this.underWay.clear();
  }
}

function hasCertificate(socket: HandshakingSocket): boolean {
  return Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
}
