// How users name a server to connect to, beside host:port: a URL, which may hold a login, a
// database and that TLS is wanted, or the path of a Unix socket. Reads text; opens nothing.
// Invariant: no error text and no name of a place has a password.

import { type Address, formatAddress } from "./address.ts";
import { ConfigError } from "./errors.ts";

/** Where to connect: an address, or a Unix socket if there is a path. */
export interface Place extends Address {
  readonly unixPath?: string;
}

/** What a URL says. */
export interface ServerUrl extends Place {
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database?: number;
}

/** The port that a URL stands for if it names none, and whether it asks for TLS. */
const schemes: Readonly<Record<string, { readonly port: number; readonly isTls: boolean }>> = {
  "mscache:": { port: 5000, isTls: false },
  "mscaches:": { port: 5000, isTls: true },
  "redis:": { port: 6379, isTls: false },
  "rediss:": { port: 6379, isTls: true },
  "unix:": { port: 0, isTls: false },
};

/** Whether the text is meant as a URL. Anything else is `host:port`. */
export function isServerUrl(text: string): boolean {
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|unix:)/i.test(text.trim());
}

/**
 * Reads `redis://[user:password@]host[:port][/database]`, the same with `rediss`, `mscache` or
 * `mscaches`, or `unix:///path`; each may end with `?db=N`. Throws a ConfigError.
 */
export function parseServerUrl(text: string): ServerUrl {
  const url = urlOf(text.trim());
  const scheme = Object.hasOwn(schemes, url.protocol) ? schemes[url.protocol] : undefined;
  if (scheme === undefined) {
    const known = Object.keys(schemes).map((name) => `${name}//`);
    throw new ConfigError(`a URL begins with one of ${known.join(", ")}, not ${url.protocol}//`);
  }
  const isUnix = url.protocol === "unix:";
  const database = databaseOf(url, isUnix);
  return {
    ...(isUnix ? unixPlace(url) : hostPlace(url, scheme.port)),
    isTls: scheme.isTls,
    ...(url.username !== "" && { username: decode(url.username) }),
    ...(url.password !== "" && { password: decode(url.password) }),
    ...(database !== undefined && { database }),
  };
}

/** The place as messages name it. */
export function formatPlace(place: Place): string {
  return place.unixPath === undefined ? formatAddress(place) : `unix:${place.unixPath}`;
}

/** The number of a database, of which the server judges. Throws a ConfigError if it is none. */
export function parseDatabase(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ConfigError(`"${text}" is not the number of a database`);
}

// --- internal ---

function urlOf(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new ConfigError(
      "it is not a URL; write redis://user:password@host:port/database, with %40 for an @ in a password",
    );
  }
}

function hostPlace(url: URL, port: number): Place {
  const host = decode(url.hostname).replace(/^\[|\]$/g, "") || "127.0.0.1";
  if (url.port === "0") throw new ConfigError("a URL cannot have port 0");
  return { host, port: url.port === "" ? port : Number(url.port) };
}

function unixPlace(url: URL): Place {
  const unixPath = decode(`${url.hostname}${url.pathname}`);
  if (unixPath === "") throw new ConfigError("a URL of a Unix socket is unix:///path");
  return { host: "", port: 0, unixPath };
}

function databaseOf(url: URL, isUnix: boolean): number | undefined {
  const other = [...url.searchParams.keys()].find((name) => name !== "db");
  if (other !== undefined) throw new ConfigError(`a URL cannot have "${other}" after its ?`);
  const asked = url.searchParams.get("db");
  const path = isUnix ? "" : decode(url.pathname).replace(/^\//, "");
  if (asked === null && path === "") return undefined;
  return parseDatabase(asked ?? path);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError("a URL has a % that does not begin a character, as in %40; write %25");
  }
}
