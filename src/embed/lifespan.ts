// How long an item of an embedded store lives: checks what a caller gave, and turns it into a
// moment. It reads no clock.
// Invariant: a moment is whole milliseconds since 1970 and never 0, which is "for ever" in the
// store.

import { checkBag, type Names, wrongKind } from "../client/arguments.ts";
import { InvalidArgumentError } from "../client/client-errors.ts";

/** At most one of the two. Default: neither, and the item has no end. */
export interface Lifespan {
  /** Milliseconds from now, greater than 0; rounded up to an integer. */
  ttl?: number | undefined;
  /** An absolute time; a number is milliseconds since 1970. In the past, it removes the key. */
  expiresAt?: Date | number | undefined;
}

const lifespanNames: Names<Lifespan> = { ttl: true, expiresAt: true };

/** The moment at which it ends, 0 for never. */
export function momentOf(lifespan: Lifespan, now: number): number {
  const fault = faultOf(lifespan);
  if (fault !== null) throw fault;
  const { ttl, expiresAt } = lifespan;
  if (ttl !== undefined) return now + Math.ceil(ttl);
  return expiresAt === undefined ? 0 : Math.max(1, Math.ceil(Number(expiresAt)));
}

/** Throws unless it is exactly one of the two. */
export function checkLifespan(lifespan: Lifespan): void {
  const fault = faultOf(lifespan);
  if (fault !== null) throw fault;
  if (lifespan.ttl !== undefined || lifespan.expiresAt !== undefined) return;
  throw new InvalidArgumentError("one of ttl and expiresAt is needed, or null for no end");
}

/** What is wrong with it, or null. */
function faultOf(lifespan: Lifespan): InvalidArgumentError | null {
  checkBag("options", lifespan, lifespanNames);
  const { ttl, expiresAt } = lifespan;
  if (ttl !== undefined) {
    if (expiresAt !== undefined) {
      return new InvalidArgumentError("ttl and expiresAt are mutually exclusive");
    }
    if (typeof ttl !== "number") return wrongKind("ttl", "a number", ttl);
    if (ttl > 0 && Number.isSafeInteger(Math.ceil(ttl))) return null;
    const range = ttl > 0 ? "at most 2^53 - 1" : "greater than 0";
    return new InvalidArgumentError(`ttl must be ${range}, not ${ttl}`);
  }
  if (expiresAt === undefined) return null;
  if (typeof expiresAt !== "number" && !(expiresAt instanceof Date)) {
    return wrongKind("expiresAt", "a Date or a number", expiresAt);
  }
  if (Number.isSafeInteger(Math.ceil(Number(expiresAt)))) return null;
  return new InvalidArgumentError(`expiresAt must be a time, not ${String(expiresAt)}`);
}
