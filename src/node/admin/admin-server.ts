// The admin HTTP server of a node: binds its addresses, hands each request to the routes, takes
// renewed certificates, and ends. It runs in the control thread, beside everything else there, and
// is loaded only by a node with --http or --https.
// Invariant: whatever HTTP clients do, descriptors are left for the node's own files and clients.

import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { type Address, formatAddress } from "../../base/address.ts";
import { monotonicMs } from "../../base/clock.ts";
import { descriptorsMax } from "../../base/descriptors.ts";
import type { Lookup } from "../../base/host-lookup.ts";
import {
  adminDescriptorsLookMs,
  adminDescriptorsPauseMs,
  adminIdleSeconds,
  bulkBytesMax,
  descriptorsSpare,
} from "../../base/limits.ts";
import { reasonOf } from "../../base/reason.ts";
import { RecurringTrouble } from "../../base/recurring.ts";
import { ListenError } from "../connection/listen-error.ts";
import { listenReason, type ServerTls } from "../connection/listener.ts";
import { listenAddresses } from "../listening/listen-addresses.ts";
import type { AdminParts } from "./admin-parts.ts";
import { AdminRoutes } from "./admin-routes.ts";

type HttpServer = Bun.Server<undefined>;

interface Place {
  readonly address: Address;
  readonly isTls: boolean;
  /** Of a place that is closed: the one that it had. */
  server: HttpServer;
}

/** Rejects with a ListenError if an address cannot be bound. */
export async function startAdmin(parts: AdminParts, lookup: Lookup): Promise<AdminServer> {
  const { http, https } = parts.configuration.current;
  const plain = await listenAddresses(http, lookup);
  const secure = await listenAddresses(https, lookup);
  return new AdminServer(parts, plain, secure);
}

export class AdminServer {
  private readonly parts: AdminParts;
  private readonly routes: AdminRoutes;
  private readonly places: Place[] = [];
  private readonly timer: Timer;
  /** Those whose place another has taken: they listen no more, and finish what is in flight. */
  private readonly leaving = new Set<HttpServer>();
  /** Places where nobody listens at present; while there are any, `resume` is set. */
  private readonly closed = new Set<Place>();
  private resume: Timer | undefined;
  private readonly trouble: RecurringTrouble;
  private readonly descriptorsEnd = descriptorsMax() - descriptorsSpare;

  constructor(parts: AdminParts, plain: readonly Address[], secure: readonly Address[]) {
    this.parts = parts;
    this.routes = new AdminRoutes(parts);
    this.trouble = new RecurringTrouble(parts.log, monotonicMs);
    try {
      for (const address of plain) this.bind(address, false);
      for (const address of secure) this.bind(address, true);
    } catch (error) {
      for (const { server } of this.places) void server.stop(true);
      throw error;
    }
    parts.credentials.changed.on(() => this.renew());
    this.timer = setInterval(() => this.watchDescriptors(), adminDescriptorsLookMs);
    this.timer.unref();
    const all = this.places.map((place) => `${place.isTls ? "https" : "http"}://${shown(place)}`);
    parts.log.info(`admin HTTP on ${all.join(", ")}`, {
      event: "admin-listening",
      addresses: all.join(","),
    });
  }

  /** Where it listens, with the ports that the system chose. */
  addresses(isTls: boolean): Address[] {
    return this.places.filter((place) => place.isTls === isTls).map(({ address }) => address);
  }

  private bind(address: Address, isTls: boolean): void {
    const server = this.serve(address, isTls);
    const port = server.port ?? address.port;
    this.places.push({ address: { ...address, port }, isTls, server });
  }

  private serve(address: Address, isTls: boolean): HttpServer {
    const { https } = this.parts.credentials.current;
    const tls = isTls && https !== null ? { tls: tlsOf(https) } : {};
    try {
      return Bun.serve({
        ...tls,
        hostname: address.host,
        port: address.port,
        development: false, // or errors would be pages with our source
        reusePort: false, // without it, that would share the port with a second node
        idleTimeout: adminIdleSeconds,
        maxRequestBodySize: bulkBytesMax,
        fetch: (request, server) => {
          const peer = server.requestIP(request);
          if (peer === null) return new Response(null, { status: 400 }); // it has left
          const from = { host: peer.address, port: peer.port };
          const url = urlOf(request);
          if (url === null) return new Response(null, { status: 400 });
          return this.routes.answer({ request, url, peer: from, isTls }, this.pending);
        },
      });
    } catch (cause) {
      throw new ListenError(listenReason(address, cause));
    }
  }

  private get pending(): number {
    return this.places.reduce((sum, { server }) => sum + server.pendingRequests, 0);
  }

  // ---- certificates -----------------------------------------------------------------------------

  /**
   * New connections get the new certificates. Bun cannot exchange those of a server, so another one
   * takes its port at once; for some microseconds nobody listens there. Requests in flight finish.
   */
  private renew(): void {
    for (const place of this.places)
      if (place.isTls && !this.closed.has(place)) this.restart(place);
  }

  /** A place that cannot be bound is closed, until it can be. */
  private restart(place: Place): void {
    this.finish(place.server);
    try {
      place.server = this.serve(place.address, place.isTls);
      this.closed.delete(place);
    } catch (error) {
      const reason = reasonOf(error);
      this.trouble.happened(reason, `admin HTTP: ${reason}`);
      this.closed.add(place);
      this.resumeLater();
    }
  }

  private finish(server: HttpServer): void {
    this.leaving.add(server);
    void server.stop().then(() => this.leaving.delete(server));
  }

  // ---- descriptors ------------------------------------------------------------------------------

  private watchDescriptors(): void {
    if (this.closed.size === this.places.length || lowestFree() < this.descriptorsEnd) return;
    this.parts.log.warn("admin HTTP: no descriptors are left: its connections are closed");
    this.closeAll();
    this.resumeLater();
  }

  private closeAll(): void {
    for (const server of this.leaving) void server.stop(true);
    for (const place of this.places) {
      void place.server.stop(true);
      this.closed.add(place);
    }
  }

  /** Tries again, after a pause, to bind the places that are closed then. */
  private resumeLater(): void {
    if (this.resume !== undefined) return;
    this.resume = setTimeout(() => {
      this.resume = undefined;
      for (const place of [...this.closed]) this.restart(place);
    }, adminDescriptorsPauseMs);
    this.resume.unref();
  }

  // ---- the end ----------------------------------------------------------------------------------

  stop(): void {
    clearInterval(this.timer);
    clearTimeout(this.resume);
    this.routes.close();
    this.closeAll();
  }
}

/** Null: the `Host` header makes none. Without that header, request.url is the path alone. */
function urlOf({ url }: Request): URL | null {
  return URL.parse(url) ?? (url.startsWith("/") ? URL.parse(url, "http://localhost") : null);
}

/** The system gives the lowest descriptor that is free. */
function lowestFree(): number {
  try {
    const descriptor = openSync(devNull, "r");
    closeSync(descriptor);
    return descriptor;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? 0 : Number.POSITIVE_INFINITY; // no such device, or none is left
  }
}

function shown({ address }: Place): string {
  return formatAddress(address);
}

/**
 * With `optional`, Bun's HTTP server could not refuse a wrong certificate without demanding one; it
 * gives no rights, so none is asked for.
 */
function tlsOf({ clients, options }: ServerTls): Bun.TLSOptions {
  const isRequired = clients === "yes";
  return { ...options, requestCert: isRequired, rejectUnauthorized: isRequired };
}
