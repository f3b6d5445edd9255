// Finds the leader. It sends ROLE to the node of the link, then to the node that this one follows,
// and so on along a chain of followers. It tries once and keeps no state; the router decides when
// to try again.

import { type Address, formatAddress } from "../base/address.ts";
import type { Connection } from "./client-connection.ts";
import { ConnectError, ServerError } from "./client-errors.ts";
import type { Link } from "./client-link.ts";
import type { Request } from "./client-request.ts";
import type { Ledger } from "./ledger.ts";
import { type Role, role } from "./shapes.ts";

/** Something that sends requests. */
export interface Target {
  send(request: Request): void;
}

/** The longest chain of followers that is searched. A longer one is a mistake or a cycle. */
const hopsMax = 8;

/**
 * Returns where to send writes: the link itself, or a new connection to the leader. Rejects if a
 * node of the chain cannot be reached or the chain is longer than hopsMax.
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

/** A node that refuses ROLE (NOPERM) may still be the leader, which the next write will show. */
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
