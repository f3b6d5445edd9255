// Selects connections for CLIENT LIST and CLIENT KILL. Every data thread applies the filter to its
// own connections, and the sender of CLIENT KILL applies it to itself. What happens to a match is
// decided by the caller.

import type { ClientFilter } from "../core/node.ts";
import type { Session } from "../terms/session.ts";

const kinds = { normal: "normal", follower: "replica", join: "replica", leader: "master" } as const;

/** Redis's name for the type of a connection. */
function kindOf({ kind, subscriptions }: Session): ClientFilter["kind"] {
  return kind === "normal" && subscriptions > 0 ? "pubsub" : kinds[kind];
}

export function fits(filter: ClientFilter, session: Session): boolean {
  const { id, ids, except, address, localAddress, user, kind, lastId } = filter;
  return (
    (id === undefined || id === session.id) &&
    (ids === undefined || ids.has(session.id)) &&
    except !== session.id &&
    (lastId === undefined || session.id <= lastId) &&
    (address === undefined || address === session.address) &&
    (localAddress === undefined || localAddress === session.localAddress) &&
    (user === undefined || user === session.user) &&
    (kind === undefined || kind === kindOf(session))
  );
}
