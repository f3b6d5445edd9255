// The errors of what runs inside somebody's process: one class for each situation that its owner
// can act on, beside those of the client (client/client-errors.ts), whose base class they have.
//
// | code            | class              | meaning                              | remedy
// |-----------------|--------------------|--------------------------------------|---------------------------
// | SERVE_FAILED    | ServeError         | the server could not start, or not   | see `message` and `cause`:
// |                 |                    | save its snapshot at its end         | an address, a file
// | SERVER_FAULT    | ServerFaultError   | a mistake in the server's own code   | report it; serve() again.
// |                 |                    | ended it; the process lives          | Unsaved data are lost
// | VALUE_TOO_LARGE | ValueTooLargeError | key or value are larger than the     | raise `maxValueSize` or
// |                 |                    | store accepts; nothing changed       | `maxMemory`, or split it
// | STORE_FULL      | StoreFullError     | the memory is full, and nothing may  | delete, raise `maxMemory`,
// |                 |                    | be evicted; nothing changed          | or let it evict

import { MSCacheError } from "../client/client-errors.ts";

/**
 * The server could not start, or its last snapshot could not be saved; `cause` says why.
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
 *
 * @example
 * if (error instanceof ServerFaultError) console.error("serve() again, and report", error.cause);
 */
export class ServerFaultError extends MSCacheError {
  override readonly name = "ServerFaultError";
  readonly code = "SERVER_FAULT";
}

/**
 * A key or value is larger than the store accepts. Nothing was stored, and nothing evicted.
 *
 * @example
 * if (error instanceof ValueTooLargeError) console.error("it does not fit:", error.message);
 */
export class ValueTooLargeError extends MSCacheError {
  override readonly name = "ValueTooLargeError";
  readonly code = "VALUE_TOO_LARGE";
}

/**
 * The memory is full, and the store may not evict. What was there is there.
 *
 * @example if (error instanceof StoreFullError) console.error("nothing may be evicted");
 */
export class StoreFullError extends MSCacheError {
  override readonly name = "StoreFullError";
  readonly code = "STORE_FULL";
}
