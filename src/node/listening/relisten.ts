// CONFIG SET of `port`, `tls-port` and `bind`: the node listens elsewhere from then on. All threads
// bind first what changes; only when the whole CONFIG SET has succeeded do the old sockets end.
// Clients that are there stay. connection/rebinding.ts does it in one thread.
// Invariant: a change that fails leaves the old ports open, and no new one.

import { type Address, formatAddress, overlaps } from "../../base/address.ts";
import { type Lookup, lookUp } from "../../base/host-lookup.ts";
import type { Logger } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import { anyTlsPort } from "../../config/tls-options.ts";
import { ListenError } from "../connection/listen-error.ts";
import type { ServerTls } from "../connection/listener.ts";
import type { Bound, Endpoints } from "../connection/listeners.ts";
import type { Move } from "../connection/rebinding.ts";
import type { SharedStanding } from "../shared/standing.ts";
import type { Threads } from "../threads/threads.ts";
import { endpointsOf, type Places, placesOf, shownPlaces } from "./endpoints.ts";

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
  const secureOf = ({ listenAddr, tlsPort }: Config) =>
    tlsPort === 0 ? "" : [tlsPort, ...listenAddr.map(({ host }) => host)].join(",");
  const plain = addressesOf(before) !== addressesOf(after);
  const secure = secureOf(before) !== secureOf(after);
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
      const endpoints = await endpointsOf(atKnownPorts(after, parts.places), tls, lookup);
      const changed = stillChanged(wanted, endpoints, parts.places);
      const bound = await parts.threads.relisten(partsOf(endpoints, changed, parts.places));
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

/** Another host has the port that the system once chose. */
function atKnownPorts(after: Config, { addresses, tlsAddresses }: Places): Config {
  const listenAddr = after.listenAddr.map(({ host, port }) => {
    return { host, port: port === 0 ? (addresses[0]?.port ?? 0) : port };
  });
  const isChosen = after.tlsPort === anyTlsPort && tlsAddresses.length > 0;
  const tlsPort = isChosen ? tlsAddresses[0].port : after.tlsPort;
  // The Unix socket stays; it would be found in use.
  return { ...after, listenAddr, tlsPort, unixSocket: "" };
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

function partsOf(to: Endpoints, { plain, secure }: Changed, from: Places): Move {
  const { addresses, tlsAddresses, tls } = to;
  refuseTwice(addresses, tlsAddresses);
  const news = [
    ...(plain ? without(addresses, from.addresses) : []),
    ...(secure ? without(tlsAddresses, from.tlsAddresses) : []),
  ];
  const left = [
    ...(plain ? without(from.addresses, addresses) : []),
    ...(secure ? without(from.tlsAddresses, tlsAddresses) : []),
  ];
  return {
    addresses: plain ? addresses : null,
    tlsAddresses: secure ? tlsAddresses : null,
    tls,
    fresh: news.filter((address) => !left.some((one) => overlaps(one, address))),
  };
}

function without(addresses: readonly Address[], others: readonly Address[]): Address[] {
  const known = new Set(others.map(formatAddress));
  return addresses.filter((address) => !known.has(formatAddress(address)));
}

/** With several threads, the system would give one port to both. */
function refuseTwice(addresses: readonly Address[], tlsAddresses: readonly Address[]): void {
  const both = addresses.find((plain) => tlsAddresses.some((secure) => overlaps(plain, secure)));
  if (both === undefined) return;
  throw new ListenError(`cannot listen on ${formatAddress(both)}: the port is taken`);
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
  const all = shownPlaces({ ...places, unixSocket: "" }); // that one stays
  log.info(`from now on this node listens on ${all.join(", ")}`, {
    event: "listening",
    addresses: all.join(","),
  });
}

/** For INFO, and for what a follower tells its leader. */
export function showPorts(standing: SharedStanding, { addresses, tlsAddresses }: Places): void {
  standing.port = (addresses[0] ?? tlsAddresses[0])?.port ?? 0;
  standing.tlsPort = tlsAddresses[0]?.port ?? 0;
}
