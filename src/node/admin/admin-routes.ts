// From a request of HTTP to its answer: the guard first, then the route by its path. Each route is
// a file of this folder; this one knows only which path is whose, and what every request must pass.
// Invariant: whatever a route throws costs only its request.

import { adminRequestsMax } from "../../base/limits.ts";
import { reasonOf } from "../../base/reason.ts";
import type { Config } from "../../config/config.ts";
import { isOutsider, protectedText } from "../connection/admission.ts";
import { type Caller, guardRefusal } from "./admin-guard.ts";
import type { AdminParts, Visit } from "./admin-parts.ts";
import { line, problem } from "./admin-response.ts";
import { type HealthPath, healthOf, isHealthPath } from "./health.ts";

const pagePaths: ReadonlySet<string> = new Set(["/"]);

export class AdminRoutes {
  private readonly parts: AdminParts;

  constructor(parts: AdminParts) {
    this.parts = parts;
  }

  /** `pending`: requests in flight, this one included. */
  async answer(visit: Visit, pending: number): Promise<Response> {
    try {
      return this.refusal(visit, pending) ?? (await this.route(visit));
    } catch (error) {
      this.parts.log.error(`admin HTTP: ${visit.url.pathname.slice(0, 200)}: ${reasonOf(error)}`);
      return problem(500, "an error of the node's own code; its log says more");
    }
  }

  private refusal(visit: Visit, pending: number): Response | null {
    const { standing, configuration } = this.parts;
    const { pathname } = visit.url;
    if (pending > adminRequestsMax) {
      const text = `more than ${adminRequestsMax} requests are in flight`;
      return problem(503, text, { "Retry-After": "1", Connection: "close" });
    }
    if (isOutsider(standing, visit.peer.host)) return problem(403, protectedText);
    const refusal = guardRefusal(callerOf(visit), {
      names: namesOf(configuration.current),
      isPage: pagePaths.has(pathname),
      isHealth: isHealthPath(pathname),
    });
    return refusal && problem(refusal.status, refusal.text);
  }

  private async route(visit: Visit): Promise<Response> {
    const { pathname } = visit.url;
    if (isHealthPath(pathname)) return this.health(visit, pathname);
    return problem(404, "there is nothing here");
  }

  private health({ request }: Visit, path: HealthPath): Response {
    if (request.method !== "GET" && request.method !== "HEAD") return notAllowed("GET, HEAD");
    const { standing, replication, shutdown } = this.parts;
    const { isLoading, isFollower } = standing;
    const isInSync = replication.follower.isUp && replication.follower.syncProgress === null;
    const isEnding = shutdown.isUnderWay;
    const { status, text } = healthOf(path, { isLoading, isFollower, isInSync, isEnding });
    return line(status, text);
  }
}

export function notAllowed(methods: string): Response {
  return problem(405, `this path takes ${methods}`, { Allow: methods });
}

function callerOf({ request, peer }: Visit): Caller {
  const { headers, method } = request;
  return {
    peer: peer.host,
    method,
    host: headers.get("host") ?? "",
    origin: headers.get("origin"),
    fetchSite: headers.get("sec-fetch-site"),
    fetchMode: headers.get("sec-fetch-mode"),
  };
}

function namesOf({ http, https, httpHosts }: Config): ReadonlySet<string> {
  const own = [...http, ...https].map(({ host }) => host.toLowerCase());
  return new Set([...own, ...httpHosts]);
}
