// Which connections CLIENT LIST and CLIENT KILL mean, as every data thread asks of its own, and a
// killer of itself. What happens to those that fit is not known here.

import type { ClientFilter } from "../core/node.ts";
import type { Session } from "../core/session.ts";

const kinds = { normal: "normal", follower: "replica", join: "replica", leader: "master" } as const;

/** A connection's type as Redis names it. */
function kindOf({ kind, subscriptions }: Session): ClientFilter["kind"] {
  return kind === "normal" && subscriptions > 0 ? "pubsub" : kinds[kind];
}

export function fits(filter: ClientFilter, session: Session): boolean {
  const { id, ids, except, address, localAddress, user, kind } = filter;
  return (
    (id === undefined || id === session.id) &&
    (ids === undefined || ids.has(session.id)) &&
    except !== session.id &&
    (address === undefined || address === session.address) &&
    (localAddress === undefined || localAddress === session.localAddress) &&
    (user === undefined || user === session.user) &&
    (kind === undefined || kind === kindOf(session))
  );
}
