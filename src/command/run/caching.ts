// For how long CLIENT CACHING holds: until the next command has ended, though it be refused, or the
// next transaction. Nothing else looks at when a command ends; observer.ts reads the bit.

import type { Ending } from "../core/context.ts";
import { type Session, tracks } from "../terms/session.ts";

interface Named {
  readonly name: string;
}

/** A command has ended. */
export function endCaching(session: Session, command: Named): void {
  if (isCachingOver(session, command)) session.tracking &= ~tracks.CACHING;
}

/** A command has ended, or waits: then not before the wait is over. */
export function endCachingWith(session: Session, command: Named, waiting: Ending): Ending {
  if (waiting === undefined) return endCaching(session, command);
  if (!isCachingOver(session, command)) return waiting;
  return (waiting as Promise<void>).finally(() => {
    session.tracking &= ~tracks.CACHING;
  });
}

function isCachingOver({ isExecuting, transaction }: Session, { name }: Named): boolean {
  return !isExecuting && transaction === null && !name.startsWith("client|");
}
