// Where a node listens. The names of --listenaddr are resolved once, at start, and every thread
// checks and binds the same addresses. A name stands for all of its addresses that this machine can
// use, so that a client reaches the node at any of them and a second node finds none of them free.
// Invariant: all addresses of one name have the same port, even if the system chose it.

import { type Address, formatAddress } from "../../base/address.ts";
import type { Lookup } from "../../base/host-lookup.ts";
import { codeOf, reasonOf } from "../../base/reason.ts";
import { ListenError } from "../connection/listen-error.ts";
import { listenBriefly } from "../connection/listener.ts";

/**
 * How many ports are tried that the system offers for the first address and the others have taken.
 */
const portAttemptsMax = 16;

export async function listenAddresses(
  wanted: readonly Address[],
  lookup: Lookup,
): Promise<Address[]> {
  const all: Address[] = [];
  for (const address of wanted) {
    for (const one of await addressesOf(address, lookup)) {
      const isKnown = all.some((it) => formatAddress(it) === formatAddress(one));
      if (!isKnown || one.port === 0) all.push(one);
    }
  }
  return all;
}

async function addressesOf(wanted: Address, lookup: Lookup): Promise<Address[]> {
  const { host, port } = wanted;
  const hosts = await lookup(host).catch((cause) => {
    throw new ListenError(`cannot listen on ${formatAddress(wanted)}: ${reasonOf(cause)}`);
  });
  // With one address, binding it reports what is wrong.
  if (hosts.length === 1) return [{ host: hosts[0], port }];
  const usable = hosts.filter(isHere);
  if (usable.length === 0) {
    throw new ListenError(
      `cannot listen on ${formatAddress(wanted)}: no address is this machine's`,
    );
  }
  const same = port === 0 && usable.length > 1 ? commonPort(usable) : port;
  return usable.map((address) => ({ host: address, port: same }));
}

/**
 * A name often has an address of a family that the machine lacks: `::1` in a container without
 * IPv6.
 */
function isHere(host: string): boolean {
  try {
    listenBriefly({ host, port: 0 });
    return true;
  } catch (cause) {
    if (["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"].includes(codeOf(cause))) return false;
    throw new ListenError(`cannot listen on ${host}: ${reasonOf(cause)}`);
  }
}

/**
 * A port that is free on all of them. If another process takes it before it is bound, the start
 * fails.
 */
function commonPort([first, ...others]: readonly string[]): number {
  for (let attempt = 1; ; attempt++) {
    const port = listenBriefly({ host: first, port: 0 });
    try {
      for (const host of others) listenBriefly({ host, port });
      return port;
    } catch (cause) {
      if (codeOf(cause) !== "EADDRINUSE" || attempt === portAttemptsMax) {
        throw new ListenError(
          `cannot listen on ${first} and ${others.join(", ")}: ${reasonOf(cause)}`,
        );
      }
    }
  }
}
