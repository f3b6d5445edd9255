// A change of where one thread listens, in two steps: bind() makes new sockets beside the old ones,
// then finish() ends the old ones, or cancel() the new ones. An address that stays keeps its
// socket; one that goes from plain to TLS, or back, keeps it under another listener, so that two
// ports can be exchanged; one that is wider or narrower than an old one shares its port for as long
// as both are there.
// Invariant: until finish() the old listeners accept as they did, and no socket has two listeners.

import { closeSync } from "node:fs";
import { type Address, formatAddress, overlaps } from "../../base/address.ts";
import { duplicate, sharePort } from "../../base/descriptors.ts";
import { reasonOf } from "../../base/reason.ts";
import type { Connections } from "./connections.ts";
import { ListenError } from "./listen-error.ts";
import {
  type Listener,
  type ListenPlace,
  listen,
  listenTls,
  type PortListener,
  type ServerTls,
} from "./listener.ts";

/** Where to listen instead; null: nothing changes there. Plain data: it is posted to Workers. */
export interface Move {
  readonly addresses: readonly Address[] | null;
  readonly tlsAddresses: readonly Address[] | null;
  /** Null if there are no addresses for TLS. */
  readonly tls: ServerTls | null;
  /** Those of them that no socket of this node has, nor shares with what it leaves. */
  readonly fresh: readonly Address[];
}

/** A socket that listens on an address; other certificates give it another listener. */
export interface Seat {
  readonly address: Address;
  listener: Listener;
}

/** One kind of listener: the old ones, and what stands for them. */
interface Side {
  readonly isSecure: boolean;
  /** Null: nothing changes. */
  readonly wanted: readonly Address[] | null;
  readonly old: readonly Seat[];
  readonly kept: Seat[];
  readonly bound: Seat[];
  /** Second descriptors of sockets of the other side, which finish() listens on. */
  readonly taken: { readonly address: Address; readonly fd: number }[];
}

function findAt(seats: readonly Seat[], { host, port }: Address): Seat | undefined {
  return seats.find(({ address }) => address.host === host && address.port === port);
}

/** Those whose place nobody of the same kind wants any more. */
function leaving({ wanted, old }: Side): Seat[] {
  if (wanted === null) return [];
  return old.filter((seat) => !wanted.some((address) => findAt([seat], address) !== undefined));
}

export class Rebinding {
  private readonly connections: Connections;
  private readonly move: Move;
  private readonly reusePort: boolean;
  private sides: readonly Side[] = [];
  /** Old and new sockets that have a port together. */
  private readonly shared = new Set<Seat>();

  constructor(connections: Connections, move: Move, reusePort: boolean) {
    this.connections = connections;
    this.move = move;
    this.reusePort = reusePort;
  }

  /** Throws, and leaves nothing behind, if an address cannot be bound. */
  bind(plain: readonly Seat[], secure: readonly Seat[]): Ports {
    const { addresses, tlsAddresses, tls } = this.move;
    const fresh = () => ({ kept: [], bound: [], taken: [] });
    const one: Side = { isSecure: false, wanted: addresses, old: plain, ...fresh() };
    const wanted = tls === null ? tlsAddresses && [] : tlsAddresses;
    const other: Side = { isSecure: true, wanted, old: secure, ...fresh() };
    this.sides = [one, other];
    try {
      return { ports: this.bindSide(one, other), tlsPorts: this.bindSide(other, one) };
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  private bindSide(side: Side, other: Side): number[] {
    return (side.wanted ?? []).map((address) => {
      const same = findAt(side.old, address);
      if (same !== undefined) {
        side.kept.push(same);
        return address.port;
      }
      const left = findAt(leaving(other), address);
      if (left === undefined) return this.bindNew(side, other, address);
      const fd = duplicate(left.listener.fd);
      if (fd < 0) throw new ListenError("no descriptor is left");
      side.taken.push({ address, fd });
      return address.port;
    });
  }

  private bindNew(side: Side, other: Side, { host, port }: Address): number {
    const old = [...leaving(side), ...leaving(other)];
    const near = old.filter(({ address }) => overlaps(address, { host, port }));
    for (const seat of near) this.share(seat);
    const reusePort = this.reusePort || near.length > 0;
    const listener = this.listen(side, { address: { host, port }, reusePort });
    const seat = { address: { host, port: listener.port }, listener };
    side.bound.push(seat);
    if (near.length > 0) this.shared.add(seat);
    return listener.port;
  }

  private listen({ isSecure }: Side, where: ListenPlace): PortListener {
    const { tls } = this.move;
    if (isSecure && tls !== null) return listenTls(this.connections, tls, where);
    if ("fd" in where) return listen(this.connections, where);
    return listen(this.connections, where.address, where.reusePort);
  }

  private share(seat: Seat): void {
    this.shared.add(seat);
    if (!this.reusePort) sharePort(seat.listener.fd, true);
  }

  /** No second server can have the port from now on. */
  private unshare(seats: readonly Seat[]): void {
    if (this.reusePort) return;
    for (const seat of seats) if (this.shared.has(seat)) sharePort(seat.listener.fd, false);
  }

  /** Ends what bind() has made. */
  cancel(): void {
    for (const { old, bound, taken } of this.sides) {
      for (const { listener } of bound) listener.stop();
      for (const { fd } of taken) closeSync(fd);
      this.unshare(old);
    }
  }

  /** Ends what stood before, and returns what each side has now; null: what it had. */
  finish(): { readonly plain: Seat[] | null; readonly secure: Seat[] | null } {
    for (const side of this.sides) for (const { listener } of leaving(side)) listener.stop();
    const [plain, secure] = this.sides.map((side) => {
      if (side.wanted === null) return null;
      this.unshare(side.bound);
      return [...side.kept, ...side.bound, ...this.resume(side)];
    });
    return { plain, secure };
  }

  /** Listens on sockets that the other side has left. */
  private resume(side: Side): Seat[] {
    return side.taken.flatMap(({ address, fd }) => {
      try {
        return [{ address, listener: this.listen(side, { fd }) }];
      } catch (cause) {
        closeSync(fd);
        const where = formatAddress(address);
        this.connections.thread.log.error(`${where} is closed now: ${reasonOf(cause)}`);
        return [];
      }
    });
  }
}

/** The ports of the addresses; for port 0, the one that the system chose. */
interface Ports {
  readonly ports: number[];
  readonly tlsPorts: number[];
}
