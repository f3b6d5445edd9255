// CONFIG SET of `port` and `tls-port`: the node listens elsewhere from then on. What changes is
// bound first, in all threads; only when the whole CONFIG SET has succeeded do the old sockets end.
// Clients that are there stay.
// Invariant: a change that fails leaves the old ports open, and no new one.

import { type Address, formatAddress } from "../base/address.ts";
import { type Lookup, lookUp } from "../base/host-lookup.ts";
import type { Logger } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { ListenError } from "./connection/listen-error.ts";
import type { ServerTls } from "./connection/listener.ts";
import type { Bound, Endpoints, Move } from "./connection/listeners.ts";
import { endpointsOf, type Places, placesOf } from "./endpoints.ts";
import type { SharedStanding } from "./standing.ts";
import type { Threads } from "./threads/threads.ts";

/** Which parts of where a node listens a configuration changes. */
export interface Changed {
  readonly plain: boolean;
  readonly secure: boolean;
}

/** Ends the old sockets, or the new ones. */
export type Settle = (isKept: boolean) => Promise<void>;

/** Binds what has changed; a sentence says why it cannot be bound. */
export type Relisten = (
  after: Config,
  changed: Changed,
  tls: ServerTls | null,
) => Promise<Settle | string>;

/** Null: the node listens where it did. */
export function moveOf(before: Config, after: Config): Changed | null {
  const addressesOf = ({ listenAddr, tlsOnly }: Config) =>
    tlsOnly ? "" : listenAddr.map(formatAddress).join(",");
  const plain = addressesOf(before) !== addressesOf(after);
  const secure = before.tlsPort !== after.tlsPort;
  return plain || secure ? { plain, secure } : null;
}

interface Parts {
  readonly threads: Threads;
  readonly standing: SharedStanding;
  readonly log: Logger;
  readonly places: Places;
}

export function relistener(parts: Parts, lookup: Lookup = lookUp): Relisten {
  return async (after, wanted, tls) => {
    try {
      // The Unix socket stays; it would be found in use.
      const endpoints = await endpointsOf({ ...after, unixSocket: "" }, tls, lookup);
      const changed = stillChanged(wanted, endpoints, parts.places);
      const bound = await parts.threads.relisten(partsOf(endpoints, changed));
      if (typeof bound === "string") return bound;
      return async (isKept) => {
        await parts.threads.settleListening(isKept);
        if (isKept) show(parts, endpoints, bound, changed);
      };
    } catch (error) {
      if (error instanceof ListenError) return error.message;
      throw error;
    }
  };
}

/** What is bound already: the system had chosen the port that is now asked for. */
function stillChanged({ plain, secure }: Changed, to: Endpoints, from: Places): Changed {
  const isSame = (one: readonly Address[], other: readonly Address[]) =>
    one.map(formatAddress).join() === other.map(formatAddress).join();
  return {
    plain: plain && !isSame(to.addresses, from.addresses),
    secure: secure && !isSame(to.tlsAddresses, from.tlsAddresses),
  };
}

function partsOf({ addresses, tlsAddresses, tls }: Endpoints, { plain, secure }: Changed): Move {
  return {
    addresses: plain ? addresses : null,
    tlsAddresses: secure ? tlsAddresses : null,
    tls,
  };
}

function show(
  { standing, log, places }: Parts,
  endpoints: Endpoints,
  bound: Bound,
  { plain, secure }: Changed,
): void {
  const now = placesOf(endpoints, bound);
  if (plain) places.addresses = now.addresses;
  if (secure) places.tlsAddresses = now.tlsAddresses;
  showPorts(standing, places);
  const { addresses, tlsAddresses } = places;
  const all = [
    ...addresses.map(formatAddress),
    ...tlsAddresses.map((address) => `${formatAddress(address)} (TLS)`),
  ];
  log.info(`from now on this node listens on ${all.join(", ")}`);
}

/** For INFO, and for what a follower tells its leader. */
export function showPorts(standing: SharedStanding, { addresses, tlsAddresses }: Places): void {
  standing.port = (addresses[0] ?? tlsAddresses[0])?.port ?? 0;
  standing.tlsPort = tlsAddresses[0]?.port ?? 0;
}
