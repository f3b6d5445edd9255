// The errors that only a cache has, beside those of the client (../client-errors.ts). An error that
// a factory of this process throws reaches its callers as it is.
//
// | code            | class               | meaning                              | remedy
// |-----------------|---------------------|--------------------------------------|---------------------------
// | FACTORY_TIMEOUT | FactoryTimeoutError | no value within `timeout.hard`, and  | a faster origin, a longer
// |                 |                     | no stale one to serve                | limit, or a grace
// | FACTORY_FAILED  | FactoryFailedError  | the factory of another process, for  | see its message, which is
// |                 |                     | which this one waited, has failed;   | the message of that error
// |                 |                     | or one of getOrSetMany() did not     |
// |                 |                     | return one value for each key        |

import { MSCacheError } from "../client-errors.ts";

/**
 * No value within `timeout.hard`: the factory, or the wait for that of another process.
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
 *
 * @example
 * if (error instanceof FactoryFailedError) console.error("the origin fails:", error.message);
 */
export class FactoryFailedError extends MSCacheError {
  override readonly name = "FactoryFailedError";
  readonly code = "FACTORY_FAILED";
}
