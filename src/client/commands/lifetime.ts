// The lifetime of a value and the condition for storing it: the options of set() and expire(), and
// their encoding as words of a command. The types allow one lifetime and one condition; a caller
// without types gets an InvalidArgumentError. It reads no clock: a TTL starts when the leader
// executes the command.

import { checkBag, checkFlag, type Names, wrongKind } from "../arguments.ts";
import { InvalidArgumentError } from "../client-errors.ts";
import type { Argument, Command } from "../wire/command-writer.ts";

/** Exactly one way to say when a key expires. */
export type Lifetime =
  | {
      /**
       * Milliseconds from now, greater than 0 and at most 2^53 - 1; rounded up to an integer.
       * Without a lifetime a value does not expire, so Infinity is refused.
       */
      ttl: number;
      expiresAt?: undefined;
    }
  | {
      /**
       * An absolute time; a number is milliseconds since 1970, greater than 0 and at most 2^53 - 1.
       * A time in the past deletes the key.
       */
      expiresAt: Date | number;
      ttl?: undefined;
    };

/** @internal */
export const lifetimeNames: Names<Lifetime> = { ttl: true, expiresAt: true };

/** No new lifetime. */
interface NoLifetime {
  ttl?: undefined;
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

const setNames: Names<SetOptions> = {
  ...lifetimeNames,
  ...{ keepTtl: true, onlyIfAbsent: true, onlyIfPresent: true },
};

/** Options of mset() and rename(). */
export interface AbsentOptions {
  /** Only if none of the keys to write exists. Default false. */
  onlyIfAbsent?: boolean | undefined;
}

const absentNames: Names<AbsentOptions> = { onlyIfAbsent: true };

/** Whether `onlyIfAbsent` is set. Throws if the options are none. @internal */
export function isOnlyIfAbsent(options: AbsentOptions): boolean {
  checkBag("options", options, absentNames);
  checkFlag("onlyIfAbsent", options.onlyIfAbsent);
  return options.onlyIfAbsent === true;
}

/** What getEx() makes of the lifetime: a new one, or none. */
export type GetExOptions =
  | (Lifetime & { persist?: undefined })
  | (NoLifetime & {
      /** Remove the lifetime, so that the key stays. */
      persist: true;
    });

const getExNames: Names<GetExOptions> = { ...lifetimeNames, persist: true };

/** The words of GETEX. @internal */
export function getExWords(options: GetExOptions): readonly Argument[] {
  checkBag("options", options, getExNames);
  checkFlag("persist", options.persist);
  const words = lifetimeWords(options);
  if (options.persist && words !== null) {
    throw new InvalidArgumentError("persist and a new lifetime are mutually exclusive");
  }
  if (options.persist) return ["PERSIST"];
  if (words === null) throw new InvalidArgumentError(`options needs ${lifetimeWays} or persist`);
  return words;
}

/** The command followed by the words of its options. @internal */
export function setCommand(words: Command, options: SetOptions): Command {
  checkBag("options", options, setNames);
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
export const lifetimeWays = "ttl or expiresAt";

/** PX with a duration or PXAT with a time, in milliseconds; null without a lifetime. @internal */
export function lifetimeWords(
  lifetime: Lifetime | NoLifetime,
): [word: "PX" | "PXAT", milliseconds: number] | null {
  const { ttl, expiresAt } = lifetime;
  if (ttl !== undefined && expiresAt !== undefined) {
    throw new InvalidArgumentError("ttl and expiresAt are mutually exclusive");
  }
  if (ttl !== undefined) return ["PX", duration(ttl)];
  if (expiresAt !== undefined) return ["PXAT", moment(expiresAt)];
  return null;
}

// --- internal ---

function duration(value: unknown): number {
  if (typeof value !== "number") throw wrongKind("ttl", "a number", value);
  const ms = Math.ceil(value);
  if (ms > 0 && Number.isSafeInteger(ms)) return ms;
  const range = ms > 0 ? "at most 2^53 - 1 (leave it out for no expiry)" : "greater than 0";
  throw new InvalidArgumentError(`ttl must be ${range}, not ${value}`);
}

function moment(expiresAt: unknown): number {
  if (typeof expiresAt !== "number" && !(expiresAt instanceof Date)) {
    throw wrongKind("expiresAt", "a Date or a number", expiresAt);
  }
  const ms = Math.ceil(Number(expiresAt));
  if (ms > 0 && Number.isSafeInteger(ms)) return ms;
  const range = ms > 0 ? "at most 2^53 - 1 in milliseconds" : "a time after 1970";
  throw new InvalidArgumentError(`expiresAt must be ${range}, not ${String(expiresAt)}`);
}
