// Tells a login that was refused from a node that is away, which is worth another attempt. It makes
// none.

import { ConnectError, ServerError } from "../client-errors.ts";

/** Whether the node was reached and refused the login, which no later attempt would mend. */
export function isRefusedLogin(failure: unknown): boolean {
  if (!(failure instanceof ConnectError) || !(failure.cause instanceof ServerError)) return false;
  return ["WRONGPASS", "NOAUTH", "NOPERM"].includes(failure.cause.serverCode);
}
