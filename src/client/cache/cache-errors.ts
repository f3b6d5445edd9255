// The errors that only a cache has, beside those of the client (../client-errors.ts). An error that
// a factory of this process throws reaches its callers as it is.

import { MSCacheError } from "../client-errors.ts";

/**
 * No value within `timeout.hard`, and no stale one to serve: the factory takes too long, or that of
 * another process does, for which this one waited.
 * What to do: a faster origin, a longer limit or a `grace`.
 *
 * @example
 * if (error instanceof FactoryTimeoutError) console.error(`the origin is slow: ${error.key}`);
 */
export class FactoryTimeoutError extends MSCacheError {
  override readonly name = "FactoryTimeoutError";
  readonly code = "FACTORY_TIMEOUT";
  readonly key: string;

  constructor(key: string, hard: number) {
    super(`no value for ${JSON.stringify(key.slice(0, 100))} within ${hard} ms (timeout.hard)`);
    this.key = key;
  }
}

/**
 * The factory of another process has failed while this one waited for it, or a factory of
 * getOrSetMany() did not return one value for each key. No value was stored.
 * What to do: the message is that of the factory's error.
 *
 * @example
 * if (error instanceof FactoryFailedError) console.error("the origin fails:", error.message);
 */
export class FactoryFailedError extends MSCacheError {
  override readonly name = "FactoryFailedError";
  readonly code = "FACTORY_FAILED";
}
