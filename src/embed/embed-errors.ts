// The errors of what runs inside somebody's process: one class for each situation that its owner
// can act on, beside those of the client (client/client-errors.ts), whose base class they have.

import { MSCacheError } from "../client/client-errors.ts";

/**
 * The server could not start, or its last snapshot could not be saved.
 * What to do: `message` and `cause` name the address or the file.
 *
 * @example
 * if (error instanceof ServeError) console.error("not started, or not saved:", error.cause);
 */
export class ServeError extends MSCacheError {
  override readonly name = "ServeError";
  readonly code = "SERVE_FAILED";
}

/**
 * A mistake in the server's own code has ended that server; `cause` is what was thrown. Nothing
 * else in the process is concerned. What it held in memory is lost.
 * What to do: call `serve()` again, and report it.
 *
 * @example
 * if (error instanceof ServerFaultError) console.error("serve() again, and report", error.cause);
 */
export class ServerFaultError extends MSCacheError {
  override readonly name = "ServerFaultError";
  readonly code = "SERVER_FAULT";
}

/**
 * A key or value is larger than the store accepts: than `maxValueSize`, or a quarter of
 * `maxMemory`. Nothing was stored, and nothing evicted.
 * What to do: raise them, or split the value.
 *
 * @example
 * if (error instanceof ValueTooLargeError) console.error("it does not fit:", error.message);
 */
export class ValueTooLargeError extends MSCacheError {
  override readonly name = "ValueTooLargeError";
  readonly code = "VALUE_TOO_LARGE";
}

/**
 * The memory is full, and the store may not evict (`eviction: "none"`). What was there is there.
 * What to do: delete, raise `maxMemory`, or let it evict.
 *
 * @example if (error instanceof StoreFullError) console.error("nothing may be evicted");
 */
export class StoreFullError extends MSCacheError {
  override readonly name = "StoreFullError";
  readonly code = "STORE_FULL";
}
