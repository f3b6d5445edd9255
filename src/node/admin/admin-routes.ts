// From an HTTP request to its answer: the guard first, then the route by its path. Each route is a
// file of this folder; this one knows only which path is whose, and what every request must pass.
// Invariant: whatever a route throws costs only its request.

import { formatAddress } from "../../base/address.ts";
import { startedAtMs } from "../../base/clock.ts";
import { adminCommandBytesMax } from "../../base/limits.ts";
import { reasonOf } from "../../base/reason.ts";
import { residentBytes } from "../../base/resident-memory.ts";
import type { Config } from "../../config/config.ts";
import { ReplyError } from "../../protocol/resp/reply-parser.ts";
import { countOf, farthestBehind, levelsOf } from "../../replication/tree/branch.ts";
import { isOutsider, protectedText } from "../connection/admission.ts";
import type { InfoSource } from "../info/node-info.ts";
import { type Caller, guardRefusal } from "./admin-guard.ts";
import { AdminLogin } from "./admin-login.ts";
import type { AdminParts, Visit } from "./admin-parts.ts";
import { answer, json, line, notAllowed, problem } from "./admin-response.ts";
import {
  CommandDoor,
  DoorClosedError,
  type DoorConnection,
  ReplyTooLongError,
} from "./command-door.ts";
import { runCommand } from "./console-api.ts";
import { EventStreams } from "./event-stream.ts";
import { type HealthPath, type HealthSource, healthOf, isHealthPath } from "./health.ts";
import { infoJson } from "./info-json.ts";
import { answerKey, keyIn, listKeys } from "./keys-api.ts";
import { LiveReports } from "./live-reports.ts";
import { type MetricsSource, metricsOf } from "./metrics.ts";
import { ObserveApi } from "./observe-api.ts";
import { isPagePath, PageAssets } from "./page-assets.ts";
import { prometheusText, prometheusType } from "./prometheus-text.ts";
import { errorResponse } from "./reply-json.ts";
import { RequestBodies } from "./request-body.ts";
import { metricsPath, RequestPlaces } from "./request-places.ts";

const keysPath = "/v1/keys/";
const observePath = "/v1/observe/";

interface Route {
  readonly method: "GET" | "POST";
  readonly answer: (visit: Visit) => Promise<Response>;
}

export class AdminRoutes {
  private readonly parts: AdminParts;
  private readonly door: CommandDoor;
  private readonly login: AdminLogin;
  private readonly bodies = new RequestBodies();
  private readonly requests = new RequestPlaces();
  private readonly streams: EventStreams;
  private readonly observing: ObserveApi;
  private readonly page: PageAssets;

  constructor(parts: AdminParts) {
    this.parts = parts;
    this.page = new PageAssets(parts.page);
    this.door = new CommandDoor(parts.connections, parts.threads);
    this.login = new AdminLogin(parts.log);
    parts.users.changed.on(({ change }) => {
      const names = [...change.set.map(({ name }) => name), ...change.removed];
      this.login.browsers.usersChanged(new Set(names));
      this.streams.usersChanged();
    });
    this.streams = new EventStreams(new LiveReports(parts));
    this.observing = new ObserveApi(parts);
  }

  /** `pending`: requests in flight, this one included. */
  async answer(visit: Visit, pending: number): Promise<Response> {
    const leave = this.requests.take(visit.url.pathname, visit.peer.host, pending);
    if (leave === null) {
      const text = "too many requests are in flight, or too many of this address";
      return problem(503, text, { "Retry-After": "1", Connection: "close" });
    }
    try {
      return this.refusal(visit) ?? (await this.route(visit));
    } catch (error) {
      if (error instanceof ReplyTooLongError) return problem(507, error.message);
      if (error instanceof DoorClosedError) return problem(503, error.message);
      this.parts.log.error(`admin HTTP: ${visit.url.pathname.slice(0, 200)}: ${reasonOf(error)}`);
      return problem(500, "an error of the node's own code; its log says more");
    } finally {
      leave();
    }
  }

  private refusal(visit: Visit): Response | null {
    const { standing, configuration } = this.parts;
    const { pathname } = visit.url;
    if (isOutsider(standing, visit.peer.host)) return problem(403, protectedText);
    const refusal = guardRefusal(callerOf(visit), {
      names: namesOf(configuration.current),
      isPage: pathname === "/",
      isHealth: isHealthPath(pathname),
    });
    return refusal && problem(refusal.status, refusal.text);
  }

  private async route(visit: Visit): Promise<Response> {
    const { pathname } = visit.url;
    if (isHealthPath(pathname)) return this.health(visit, pathname);
    if (pathname.startsWith(keysPath)) return this.key(visit);
    if (isPagePath(pathname)) return this.dashboard(visit, pathname);
    const route = pathname.startsWith(observePath) ? this.observed : this.paths[pathname];
    if (route === undefined) return problem(404, "there is nothing here");
    const { method } = visit.request;
    const isKnown = route.method === method || (route.method === "GET" && method === "HEAD");
    if (!isKnown) return notAllowed(route.method === "GET" ? "GET, HEAD" : route.method);
    return route.answer(visit);
  }

  private dashboard({ request }: Visit, path: string): Response | Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") return notAllowed("GET, HEAD");
    return this.page.answer(path, request);
  }

  // ---- with a login -----------------------------------------------------------------------------

  private readonly paths: Readonly<Record<string, Route>> = {
    [metricsPath]: { method: "GET", answer: (visit) => this.metrics(visit) },
    "/v1/events": { method: "GET", answer: (visit) => this.events(visit) },
    "/v1/login": { method: "POST", answer: (visit) => this.logIn(visit) },
    "/v1/logout": { method: "POST", answer: async (visit) => this.login.end(visit) },
    "/v1/info": { method: "GET", answer: (visit) => this.info(visit) },
    "/v1/keys": {
      method: "GET",
      answer: (visit) => this.with(visit, (door) => listKeys(door, visit.url.searchParams)),
    },
    "/v1/commands": { method: "POST", answer: (visit) => this.command(visit) },
  };

  private readonly observed: Route = {
    method: "GET",
    answer: ({ url, ...visit }) =>
      this.with({ url, ...visit }, (door) => {
        return this.observing.answer(
          door,
          url.pathname.slice(observePath.length),
          url.searchParams,
        );
      }),
  };

  /** Opens a connection, logs it in, selects the database, and lets `use` run commands. */
  private async with(
    visit: Visit,
    use: (door: DoorConnection) => Promise<Response>,
  ): Promise<Response> {
    using door = this.door.open(visit.peer);
    const left = () => door[Symbol.dispose]();
    visit.request.signal.addEventListener("abort", left, { once: true });
    try {
      const refusal = await this.login.refusal(visit, door);
      if (refusal !== null) return refusal;
      const database = visit.url.searchParams.get("db");
      const selected = database === null ? null : await door.run("SELECT", database);
      if (selected instanceof ReplyError) return errorResponse(selected);
      return await use(door);
    } finally {
      visit.request.signal.removeEventListener("abort", left);
    }
  }

  private async events(visit: Visit): Promise<Response> {
    if (visit.request.method !== "GET") return notAllowed("GET");
    return this.keeping(visit, (door) => this.streams.open(door));
  }

  private async logIn(visit: Visit): Promise<Response> {
    return this.keeping(visit, async (door) => this.login.begin(visit, door));
  }

  /** Opens a connection and logs it in; `use` keeps it. */
  private async keeping(
    visit: Visit,
    use: (door: DoorConnection) => Promise<Response>,
  ): Promise<Response> {
    const door = this.door.open(visit.peer);
    try {
      const refusal = await this.login.refusal(visit, door);
      if (refusal === null) return await use(door);
      door[Symbol.dispose]();
      return refusal;
    } catch (error) {
      door[Symbol.dispose]();
      throw error;
    }
  }

  close(): void {
    this.login.browsers.close();
    this.streams.close();
  }

  private key(visit: Visit): Promise<Response> {
    const { request, url } = visit;
    const key = keyIn(url.pathname.slice(keysPath.length));
    return this.with(visit, async (door) => {
      if (key === null) return problem(400, "the path has a broken escape");
      const { method, headers } = request;
      const run = (body: Uint8Array) => answerKey(door, { method, headers, key, body });
      if (method !== "PUT") return run(new Uint8Array());
      return this.bodies.with(visit, this.parts.configuration.current.maxValueSize, run);
    });
  }

  private command(visit: Visit): Promise<Response> {
    const { request } = visit;
    // A form of a page cannot send this type.
    const [type] = (request.headers.get("content-type") ?? "").split(";");
    return this.with(visit, async (door) => {
      if (type.trim().toLowerCase() !== "application/json") {
        return problem(415, "the body is application/json");
      }
      return this.bodies.with(visit, adminCommandBytesMax, (body) => runCommand(door, body));
    });
  }

  private info(visit: Visit): Promise<Response> {
    const sections = visit.url.searchParams.getAll("section");
    return this.with(visit, async (door) => {
      const reply = await door.run("INFO", ...(sections.length > 0 ? sections : ["everything"]));
      if (reply instanceof ReplyError) return errorResponse(reply);
      return json(200, infoJson(new TextDecoder().decode(reply as Uint8Array)));
    });
  }

  /** For who may run INFO: it runs the smallest section of it, so a scrape counts as one. */
  private metrics(visit: Visit): Promise<Response> {
    return this.with(visit, async (door) => {
      const reply = await door.run("INFO", "modules");
      if (reply instanceof ReplyError) return errorResponse(reply);
      const info = await this.parts.information.gather();
      const text = prometheusText(metricsOf(this.metricsSource(info)));
      return answer(200, prometheusType, text);
    });
  }

  private metricsSource(info: InfoSource): MetricsSource {
    const { standing, replication } = this.parts;
    const { leader, follower, tree } = replication;
    const { followers: branches } = tree.below;
    const { user, system } = process.cpuUsage();
    return {
      info,
      process: {
        cpuSeconds: (user + system) / 1e6,
        residentBytes: residentBytes(),
        startSeconds: startedAtMs() / 1000,
      },
      isLeader: !standing.isFollower,
      isReady: healthOf("/readyz", this.healthSource()).status === 200,
      isLinkUp: follower.isUp,
      journal: leader.journal,
      tree: {
        nodes: countOf(branches),
        levels: levelsOf(branches),
        lagBytes: farthestBehind(branches),
        isCircle: tree.isCircle,
      },
      followers: leader.links.map(({ ip, port, lagSeconds, acknowledgedOffset }) => ({
        address: formatAddress({ host: ip, port }),
        lagSeconds,
        offset: acknowledgedOffset,
      })),
    };
  }

  // ---- health -----------------------------------------------------------------------------------

  private health({ request }: Visit, path: HealthPath): Response {
    if (request.method !== "GET" && request.method !== "HEAD") return notAllowed("GET, HEAD");
    const { status, text } = healthOf(path, this.healthSource());
    return line(status, text);
  }

  private healthSource(): HealthSource {
    const { standing, replication, shutdown } = this.parts;
    const { isLoading, isFollower } = standing;
    const isInSync = replication.follower.isUp && replication.follower.syncProgress === null;
    return { isLoading, isFollower, isInSync, isEnding: shutdown.isUnderWay };
  }
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
