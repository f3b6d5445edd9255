// Finds the leader. It sends ROLE to the node of the link, then to the node that this one follows,
// and so on along a chain of followers; if that leads nowhere, to the other nodes given to
// connect(). It tries once and keeps no state; the router decides when
// to try again.

import { formatAddress } from "../../base/address.ts";
import { formatPlace, type Place } from "../../base/place.ts";
import { ConnectError, ServerError, TimeoutError } from "../client-errors.ts";
import type { Connection } from "../link/client-connection.ts";
import type { Ledger } from "../link/ledger.ts";
import type { Request } from "../wire/client-request.ts";
import { type Role, role } from "../wire/shapes.ts";
import type { Link } from "./client-link.ts";

/** Something that sends requests. */
export interface Target {
  send(request: Request): void;
}

/** The longest chain of followers that is searched. A longer one is a mistake or a cycle. */
const hopsMax = 8;

/**
 * Returns where to send writes: the link itself, or a new connection to the leader. Rejects with
 * what is wrong with the chain if no other node leads either.
 */
export async function locateLeader(
  link: Link,
  ledger: Ledger,
  open: (place: Place) => Promise<Connection>,
): Promise<Link | Connection> {
  try {
    return await followChain(link, ledger, open);
  } catch (cause) {
    // Sentinels say where the leader is, so the link is there already.
    if (ledger.settings.sentinel !== null || ledger.isClosed) throw cause;
    const connection = await askOthers(link, ledger, open);
    if (connection === null) throw cause;
    return connection;
  }
}

// --- internal ---

/** Rejects if a node of the chain cannot be reached or the chain is longer than hopsMax. */
async function followChain(
  link: Link,
  ledger: Ledger,
  open: (place: Place) => Promise<Connection>,
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

/** A node that was promoted while the link's node does not know it yet, or null. */
async function askOthers(
  link: Link,
  ledger: Ledger,
  open: (place: Place) => Promise<Connection>,
): Promise<Connection | null> {
  for (const place of ledger.settings.places) {
    if (formatPlace(place) === link.address || ledger.isClosed) continue;
    try {
      const connection = await open(place);
      if ((await askOnce(connection, ledger)) === "leader") return connection;
      connection.retire();
    } catch {
      // The next one may lead; what is wrong with the chain is what the caller is told.
    }
  }
  return null;
}

/** A node that refuses ROLE (NOPERM) may still be the leader, which the next write will show. */
async function askLink(link: Link, ledger: Ledger): Promise<Role> {
  try {
    return await ask(link, ledger);
  } catch (cause) {
    if (cause instanceof ServerError) return "leader";
    throw unanswered(link.address, cause);
  }
}

async function askOnce(connection: Connection, ledger: Ledger): Promise<Role> {
  try {
    return await ask(connection, ledger);
  } catch (cause) {
    connection.retire();
    throw unanswered(connection.address, cause);
  }
}

/** What is wrong with the node, as the write that waits for the answer says the rest. */
function unanswered(address: string, cause: unknown): unknown {
  if (!(cause instanceof TimeoutError)) return cause;
  return cause.cause ?? new ConnectError(address, "it does not answer ROLE", cause);
}

function ask(target: Target, ledger: Ledger): Promise<Role> {
  const request = ledger.createOwn(["ROLE"], role);
  target.send(request);
  return request.promise;
}
