// Whether a client leaves so much unread that it is disconnected: the bound of its class, and a
// lower one while it has not logged in. Redis's classes: a client with subscriptions is `pubsub`,
// whatever else it asks for; any other is `normal`.

import { monotonicMs } from "../../base/clock.ts";
import { strangerOutputBytesMax } from "../../base/limits.ts";
import type { Session } from "../../command/terms/session.ts";
import type { ClientLimits } from "../shared/shared-client-limits.ts";
import type { Outbox } from "./outbox.ts";

export function isTooSlow(session: Session, outbox: Outbox, limits: ClientLimits): boolean {
  if (!session.authenticated && outbox.unsentBytes > strangerOutputBytesMax) return true;
  const bound = session.subscriptions > 0 ? limits.pubsub : limits.normal;
  return outbox.isOverdue(bound, monotonicMs());
}
