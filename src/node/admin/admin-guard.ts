// Who may talk to the admin HTTP server at all, before anybody logs in: no page in somebody's
// browser, by another origin's script or by a name that it made point here (DNS rebinding), and
// nobody from outside in protected mode. It knows neither users nor routes.

import { isIpAddress } from "../../base/address.ts";

/** What is judged of a request. */
export interface Caller {
  /** Its address, without the port. */
  readonly peer: string;
  readonly method: string;
  /** The `Host` header; "" in HTTP/1.0, where Bun lets it be missing. */
  readonly host: string;
  /** The headers that browsers add; null: none. */
  readonly origin: string | null;
  readonly fetchSite: string | null;
  readonly fetchMode: string | null;
}

export interface GuardRules {
  /** Names of the node, lower case, besides `localhost` and IP addresses. */
  readonly names: ReadonlySet<string>;
  /** Pages, to which a link of another site may lead. */
  readonly isPage: boolean;
  /** Health: tells so little that any site may ask. */
  readonly isHealth: boolean;
}

export interface GuardRefusal {
  readonly status: number;
  readonly text: string;
}

/** Null: it may go on. */
export function guardRefusal(caller: Caller, rules: GuardRules): GuardRefusal | null {
  // No browser leaves it out; the checks of load balancers do.
  if (caller.host !== "" && !isOwnHost(caller.host, rules.names)) {
    return {
      status: 421,
      text:
        `this node is not called "${caller.host.slice(0, 256)}"; use an IP address, localhost, ` +
        "or a name that --http-hosts lists",
    };
  }
  if (isForeignOrigin(caller)) {
    return { status: 403, text: `pages of ${caller.origin} may not use this node` };
  }
  if (!rules.isHealth && !isOwnSite(caller, rules)) {
    return { status: 403, text: "pages of other sites may not use this node" };
  }
  return null;
}

const hostHeader = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/@,]+))(?::\d{1,5})?$/i;

/** A page cannot make an IP address mean another machine, only a name. */
function isOwnHost(header: string, names: ReadonlySet<string>): boolean {
  const [, bracketed, plain] = hostHeader.exec(header) ?? [];
  const host = (bracketed ?? plain ?? "").toLowerCase();
  return isIpAddress(host) || host === "localhost" || names.has(host);
}

/**
 * Browsers send `Origin` with everything but plain GET and HEAD. The scheme is not compared: a
 * proxy in front of the node may speak TLS.
 */
function isForeignOrigin({ origin, host }: Caller): boolean {
  if (origin === null) return false;
  const [, place] = /^https?:\/\/(.+)$/i.exec(origin) ?? [];
  return place?.toLowerCase() !== host.toLowerCase();
}

/**
 * Browsers say where a request comes from. `same-site` is refused as well: another port of this
 * machine is another program.
 */
function isOwnSite({ fetchSite, fetchMode, method }: Caller, { isPage }: GuardRules): boolean {
  if (fetchSite === null || fetchSite === "same-origin" || fetchSite === "none") return true;
  return isPage && fetchMode === "navigate" && method === "GET";
}
