// The lifetime of a value and the condition for storing it: the options of set() and expire(), and
// their encoding as words of a command. The types allow one lifetime and one condition; a caller
// without types gets an InvalidArgumentError. It reads no clock: a TTL starts when the leader
// executes the command.

import { checkBag, checkFlag, wrongKind } from "./arguments.ts";
import { InvalidArgumentError } from "./client-errors.ts";
import type { Argument, Command } from "./command-writer.ts";

/** Exactly one way to say when a key expires. */
export type Lifetime =
  | {
      /**
       * Seconds from now, greater than 0. Fractions are allowed and rounded up to a millisecond.
       */
      ttlSeconds: number;
      ttlMs?: undefined;
      expiresAt?: undefined;
    }
  | {
      /** Milliseconds from now, greater than 0; rounded up to an integer. */
      ttlMs: number;
      ttlSeconds?: undefined;
      expiresAt?: undefined;
    }
  | {
      /**
       * An absolute time; a number is milliseconds since 1970. A time in the past deletes the key.
       */
      expiresAt: Date | number;
      ttlSeconds?: undefined;
      ttlMs?: undefined;
    };

/** No new lifetime. */
interface NoLifetime {
  ttlSeconds?: undefined;
  ttlMs?: undefined;
  expiresAt?: undefined;
}

type Condition =
  | {
      /** Store the value only if the key does not exist. Default false. */
      onlyIfAbsent?: boolean | undefined;
      onlyIfPresent?: undefined;
    }
  | {
      /** Store the value only if the key exists. Default false. */
      onlyIfPresent?: boolean | undefined;
      onlyIfAbsent?: undefined;
    };

/** At most one lifetime or `keepTtl`, and at most one condition. */
export type SetOptions = Condition &
  (
    | (Lifetime & { keepTtl?: undefined })
    | (NoLifetime & {
        /** Keep the present lifetime of the key. Default false: it is replaced or removed. */
        keepTtl?: boolean | undefined;
      })
  );

/** The command followed by the words of its options. @internal */
export function setCommand(words: Command, options: SetOptions): Command {
  checkBag("options", options);
  checkFlag("keepTtl", options.keepTtl);
  checkFlag("onlyIfAbsent", options.onlyIfAbsent);
  checkFlag("onlyIfPresent", options.onlyIfPresent);
  const lifetime = lifetimeWords(options);
  if (options.keepTtl && lifetime !== null) {
    throw new InvalidArgumentError("keepTtl and a new lifetime are mutually exclusive");
  }
  if (options.onlyIfAbsent && options.onlyIfPresent) {
    throw new InvalidArgumentError("onlyIfAbsent and onlyIfPresent are mutually exclusive");
  }
  const command: Argument[] = [...words, ...(lifetime ?? [])];
  if (options.keepTtl) command.push("KEEPTTL");
  if (options.onlyIfAbsent) command.push("NX");
  if (options.onlyIfPresent) command.push("XX");
  return command;
}

/** The names of all lifetimes, for messages. @internal */
export const lifetimeNames = "one of ttlSeconds, ttlMs and expiresAt";

/** PX with a duration or PXAT with a time, in milliseconds; null without a lifetime. @internal */
export function lifetimeWords(
  lifetime: Lifetime | NoLifetime,
): [word: "PX" | "PXAT", milliseconds: number] | null {
  const { ttlSeconds, ttlMs, expiresAt } = lifetime;
  const given = [ttlSeconds, ttlMs, expiresAt].filter((time) => time !== undefined).length;
  if (given > 1) {
    throw new InvalidArgumentError("ttlSeconds, ttlMs and expiresAt are mutually exclusive");
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
  // A rounding error must not turn 0.1 s into 101 ms, so only a real remainder is rounded up.
  // toFixed takes 380 ns, so whole products, nearly all of them, skip it.
  const ms = Number.isInteger(product) ? product : Math.ceil(Number(product.toFixed(6)));
  if (ms > 0 && Number.isSafeInteger(ms)) return ms;
  throw new InvalidArgumentError(`${name} must be greater than 0, not ${value}`);
}

function moment(expiresAt: unknown): number {
  if (typeof expiresAt !== "number" && !(expiresAt instanceof Date)) {
    throw wrongKind("expiresAt", "a Date or a number", expiresAt);
  }
  const ms = Math.ceil(Number(expiresAt));
  if (ms > 0 && Number.isSafeInteger(ms)) return ms;
  throw new InvalidArgumentError(`expiresAt must be a time after 1970, not ${String(expiresAt)}`);
}
