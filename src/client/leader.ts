// Finds the leader by asking: the node of the link says by ROLE whom it follows, that node is asked in
// turn, and so on along a chain of followers. It tries once and keeps nothing; the router decides when
// to ask again.

import type { Connection } from "./client-connection.ts";
import { ConnectError, ServerError } from "./errors.ts";
import type { Ledger } from "./ledger.ts";
import type { Link } from "./link.ts";
import { type Address, formatAddress } from "./options.ts";
import type { Request } from "./request.ts";
import { type Role, role } from "./shapes.ts";

/** Where requests can be sent. */
export interface Target {
  send(request: Request): void;
}

/** Longest chain of followers that is followed; more than a few in a row is a mistake or a circle. */
const hopsMax = 8;

/**
 * Where writes go: the link itself, or an own connection to the leader. Rejects when a node on the way
 * cannot be reached or the chain does not end.
 */
export async function locateLeader(
  link: Link,
  ledger: Ledger,
  open: (address: Address) => Promise<Connection>,
): Promise<Link | Connection> {
  let next = await askLink(link, ledger);
  if (next === "leader") return link;
  for (let hop = 0; hop < hopsMax; hop++) {
    const connection = await open(next);
    const answer = await askOnce(connection, ledger);
    if (answer === "leader") return connection;
    connection.retire();
    next = answer;
  }
  const reason = `it is follower number ${hopsMax} in a row from ${link.address}`;
  throw new ConnectError(formatAddress(next), reason);
}

// --- internal ---

/** A node that refuses ROLE (NOPERM) may still be the leader: a write will tell. */
async function askLink(link: Link, ledger: Ledger): Promise<Role> {
  try {
    return await ask(link, ledger);
  } catch (cause) {
    if (cause instanceof ServerError) return "leader";
    throw cause;
  }
}

async function askOnce(connection: Connection, ledger: Ledger): Promise<Role> {
  try {
    return await ask(connection, ledger);
  } catch (cause) {
    connection.retire();
    throw cause;
  }
}

function ask(target: Target, ledger: Ledger): Promise<Role> {
  const request = ledger.createOwn(["ROLE"], role);
  target.send(request);
  return request.promise;
}
