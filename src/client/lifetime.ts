// How long a value lives and under which condition it is stored: the options of set() and expire(), and
// the words that they become on the wire. The types let through one lifetime and one condition; callers
// without types get the same by InvalidArgumentError. It reads no clock: a duration is counted by the
// leader, from the moment at which the leader executes the command.

import { checkBag, checkFlag, wrongKind } from "./arguments.ts";
import type { Argument, Command } from "./command-writer.ts";
import { InvalidArgumentError } from "./errors.ts";

/** Exactly one way to say when a key expires. */
export type Lifetime =
  | {
      /** Seconds from now, more than 0; fractions down to a millisecond count. */
      ttlSeconds: number;
      ttlMs?: undefined;
      expiresAt?: undefined;
    }
  | {
      /** Milliseconds from now, more than 0; rounded up to a whole one. */
      ttlMs: number;
      ttlSeconds?: undefined;
      expiresAt?: undefined;
    }
  | {
      /** The moment itself; a number is milliseconds since 1970. One in the past deletes the key. */
      expiresAt: Date | number;
      ttlSeconds?: undefined;
      ttlMs?: undefined;
    };

/** No lifetime, or the one that the key has already. */
interface NoLifetime {
  ttlSeconds?: undefined;
  ttlMs?: undefined;
  expiresAt?: undefined;
}

type Condition =
  | {
      /** Store only where the key is absent. */
      onlyIfAbsent?: boolean | undefined;
      onlyIfPresent?: undefined;
    }
  | {
      /** Store only where the key is there already. */
      onlyIfPresent?: boolean | undefined;
      onlyIfAbsent?: undefined;
    };

/** One lifetime at most, or `keepTtl`; one condition at most. */
export type SetOptions = Condition &
  (
    | (Lifetime & { keepTtl?: undefined })
    | (NoLifetime & {
        /** Keep the lifetime that the key has. Default: it is replaced, by none where none is given. */
        keepTtl?: boolean | undefined;
      })
  );

/** The command with the words of its options behind it. @internal */
export function setCommand(words: Command, options: SetOptions): Command {
  checkBag("options", options);
  checkFlag("keepTtl", options.keepTtl);
  checkFlag("onlyIfAbsent", options.onlyIfAbsent);
  checkFlag("onlyIfPresent", options.onlyIfPresent);
  const lifetime = lifetimeWords(options);
  if (options.keepTtl && lifetime !== null) {
    throw new InvalidArgumentError("keepTtl and a new lifetime exclude each other");
  }
  if (options.onlyIfAbsent && options.onlyIfPresent) {
    throw new InvalidArgumentError("onlyIfAbsent and onlyIfPresent exclude each other");
  }
  const command: Argument[] = [...words, ...(lifetime ?? [])];
  if (options.keepTtl) command.push("KEEPTTL");
  if (options.onlyIfAbsent) command.push("NX");
  if (options.onlyIfPresent) command.push("XX");
  return command;
}

/** The names of all lifetimes, for messages. @internal */
export const lifetimeNames = "one of ttlSeconds, ttlMs and expiresAt";

/** PX and a duration, or PXAT and a moment, in milliseconds; null where there is none. @internal */
export function lifetimeWords(
  lifetime: Lifetime | NoLifetime,
): [word: "PX" | "PXAT", milliseconds: number] | null {
  const { ttlSeconds, ttlMs, expiresAt } = lifetime;
  const given = [ttlSeconds, ttlMs, expiresAt].filter((time) => time !== undefined).length;
  if (given > 1) {
    throw new InvalidArgumentError("ttlSeconds, ttlMs and expiresAt exclude each other");
  }
  if (ttlSeconds !== undefined) return ["PX", duration("ttlSeconds", ttlSeconds, 1_000)];
  if (ttlMs !== undefined) return ["PX", duration("ttlMs", ttlMs, 1)];
  if (expiresAt !== undefined) return ["PXAT", moment(expiresAt)];
  return null;
}

// --- internal ---

function duration(name: string, value: unknown, unitMs: number): number {
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  const product = value * unitMs;
  // 0.1 s times 1000 must not become 101 ms by a rounding error, so only a real remainder counts.
  // toFixed takes 380 ns, so whole products, nearly all, go without it.
  const ms = Number.isInteger(product) ? product : Math.ceil(Number(product.toFixed(6)));
  if (ms > 0 && Number.isSafeInteger(ms)) return ms;
  throw new InvalidArgumentError(`${name} must be more than 0: ${value}`);
}

function moment(expiresAt: unknown): number {
  if (typeof expiresAt !== "number" && !(expiresAt instanceof Date)) {
    throw wrongKind("expiresAt", "a Date or a number", expiresAt);
  }
  const ms = Math.ceil(Number(expiresAt));
  if (ms > 0 && Number.isSafeInteger(ms)) return ms;
  throw new InvalidArgumentError(`expiresAt must be a moment after 1970: ${String(expiresAt)}`);
}
