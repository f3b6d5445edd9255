// Where a node listens: the names of --listenaddr become addresses once, at the start, and every thread
// checks and binds those. A name stands for all addresses that it has and this machine can use, so that a
// client finds the node by any of them and a second node finds none of them free.
// Invariant: all addresses of one name have the same port, also when the system chose it.

import { type Address, formatAddress } from "../base/address.ts";
import type { Lookup } from "../base/lookup.ts";
import { codeOf, ListenError, listenBriefly } from "./connection/listener.ts";

/** Ports that the system proposes for the first address of a name and another has on a later one. */
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
  // One address, and its trouble is told when it is bound.
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

function reasonOf(cause: unknown): string {
  if (codeOf(cause) === "DNS_ENOTFOUND") return "the name has no address";
  return cause instanceof Error ? cause.message : String(cause);
}

/** A name often has an address of a kind that the machine lacks: `::1` in a container without IPv6. */
function isHere(host: string): boolean {
  try {
    listenBriefly({ host, port: 0 });
    return true;
  } catch (cause) {
    if (["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"].includes(codeOf(cause))) return false;
    throw new ListenError(`cannot listen on ${host}: ${reasonOf(cause)}`);
  }
}

/** A port that is free on all of them; somebody may take it before it is bound, which then is an error. */
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
