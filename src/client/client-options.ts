// The options of a client, their defaults and bounds, and the notation of an address. All options
// are checked up front, so that a mistake is an InvalidArgumentError from connect() and not a later
// surprise. Nothing is opened here.

import type { Address } from "../base/address.ts";
import { isServerUrl, type Place, parseServerUrl, type ServerUrl } from "../base/place.ts";
import { reasonOf } from "../base/reason.ts";
import type { ConnectTls } from "../base/tls-link.ts";
import { checkBag, isArgument, wrongKind } from "./arguments.ts";
import { InvalidArgumentError } from "./client-errors.ts";
import { resolveTls, type TlsOptions } from "./client-tls.ts";

/** How the client reconnects after it has lost its connection. */
export interface ReconnectOptions {
  /** Delay before the first attempt, in milliseconds. Default 50. */
  minDelayMs?: number | undefined;
  /**
   * The delay doubles after each attempt, with jitter, up to this many milliseconds. Default 2,000,
   * or `minDelayMs` if that is more.
   */
  maxDelayMs?: number | undefined;
  /**
   * After this many failed attempts in a row the client gives up, and every request rejects with
   * ConnectError. Default Infinity; with 0 it gives up as soon as the connection is lost.
   */
  maxAttempts?: number | undefined;
}

export interface ClientOptions {
  /**
   * Any node of the group, as "host:port", ":port" (this machine) or "[::1]:port". Reads go to this
   * node. If it is a follower, it reports the address of its leader, which must be reachable from
   * the client too. Default "127.0.0.1:5000". It may also be a URL: redis://, rediss:// (TLS),
   * mscache:// or mscaches:// with user:password@host:port/database, or unix:///path; what the
   * options below say goes before what it says.
   */
  addr?: string | undefined;
  /**
   * TLS for all connections: true, or options. Default: as the URL says. The leader that a
   * follower reports is expected to answer by TLS as well.
   */
  tls?: boolean | TlsOptions | undefined;
  /** The number of the database. Default 0. */
  database?: number | undefined;
  /** Password, sent to every node that the client connects to. Default: no login. */
  password?: string | undefined;
  /** User name for the login; refused without a password. Default "default". */
  username?: string | undefined;
  /**
   * Time limit for opening a connection and logging in, in milliseconds. Default 5,000. Bun cannot
   * cancel an attempt to connect: if the address does not respond, the system keeps trying, on
   * Linux for about two minutes, and the process does not exit by itself before that.
   */
  connectTimeoutMs?: number | undefined;
  /**
   * Time limit for a request in milliseconds, from the call to the reply, including the wait for a
   * connection. The request may time out up to an eighth later. Default 5,000.
   */
  requestTimeoutMs?: number | undefined;
  /** How the client reconnects; ReconnectOptions has the defaults. */
  reconnect?: ReconnectOptions | undefined;
  /**
   * Maximum number of requests that wait for replies; a further one rejects with
   * TooManyPendingError. Default 65,536, which is about 30 MB of small requests.
   */
  maxPending?: number | undefined;
}

/** The options with every default filled in. @internal */
export interface Settings {
  readonly place: Place;
  /** Null: without TLS. */
  readonly tls: ConnectTls | null;
  readonly database: number;
  readonly login: { readonly username: string; readonly password: string } | null;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly reconnect: {
    readonly minDelayMs: number;
    readonly maxDelayMs: number;
    readonly maxAttempts: number;
  };
  readonly maxPending: number;
}

const defaultAddress: Address = { host: "127.0.0.1", port: 5000 };
/** The longest domain name that DNS allows, in characters. */
const hostLengthMax = 253;
/** The three forms of `addr`. An IPv6 address may include an interface, as in fe80::1%eth0. */
const addressPattern = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:[\]\s\p{Cc}]*)):(\d{1,5})$/u;
/** The longest delay of a JavaScript timer. */
const timerMsMax = 2 ** 31 - 1;

/** @internal */
export function resolveOptions(options: ClientOptions): Settings {
  checkBag("options", options);
  const { place, url } = resolveAddr(options.addr);
  const { username = url?.username, password = url?.password, database = url?.database } = options;
  return {
    place,
    tls: resolveTls(options.tls, url?.isTls === true, place),
    database: count("database", database, 0, 0),
    login: resolveLogin({ username, password }),
    connectTimeoutMs: milliseconds("connectTimeoutMs", options.connectTimeoutMs, 5_000),
    requestTimeoutMs: milliseconds("requestTimeoutMs", options.requestTimeoutMs, 5_000),
    reconnect: resolveReconnect(options.reconnect),
    maxPending: count("maxPending", options.maxPending, 65_536, 1),
  };
}

/** Reads "host:port", ":port" or "[v6]:port". An IPv6 address needs its brackets. @internal */
export function parseAddress(text: string): Address {
  if (typeof text !== "string") throw wrongKind("addr", "a string", text);
  const match = addressPattern.exec(text);
  const host = match?.[1] ?? (match?.[2] || "127.0.0.1");
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) {
    const shown = JSON.stringify(text.slice(0, hostLengthMax));
    throw new InvalidArgumentError(
      `addr ${shown} is not "host:port", ":port" or "[v6 address]:port"`,
    );
  }
  if (host.length > hostLengthMax) {
    throw new InvalidArgumentError(`addr has a host of more than ${hostLengthMax} characters`);
  }
  return { host, port };
}

// --- internal ---

/** The place, and the URL if it is one. */
function resolveAddr(addr: string | undefined): { place: Place; url: ServerUrl | null } {
  if (addr === undefined) return { place: defaultAddress, url: null };
  if (typeof addr !== "string" || !isServerUrl(addr)) {
    return { place: parseAddress(addr), url: null };
  }
  try {
    const url = parseServerUrl(addr);
    const { host, port, unixPath } = url;
    return { place: unixPath === undefined ? { host, port } : { host, port, unixPath }, url };
  } catch (cause) {
    throw new InvalidArgumentError(`addr: ${reasonOf(cause)}`);
  }
}

function resolveLogin({ username, password }: ClientOptions): Settings["login"] {
  checkText("password", password);
  checkText("username", username);
  if (password !== undefined) return { username: username ?? "default", password };
  if (username === undefined) return null;
  throw new InvalidArgumentError("username requires a password");
}

function resolveReconnect(options: ReconnectOptions = {}): Settings["reconnect"] {
  checkBag("reconnect", options);
  const { maxAttempts = Number.POSITIVE_INFINITY } = options;
  const minDelayMs = milliseconds("reconnect.minDelayMs", options.minDelayMs, 50);
  const usualMaxMs = Math.max(2_000, minDelayMs);
  const maxDelayMs = milliseconds("reconnect.maxDelayMs", options.maxDelayMs, usualMaxMs);
  if (maxDelayMs < minDelayMs) {
    throw new InvalidArgumentError("reconnect.maxDelayMs is less than reconnect.minDelayMs");
  }
  if (maxAttempts !== Number.POSITIVE_INFINITY) count("reconnect.maxAttempts", maxAttempts, 0, 0);
  return { minDelayMs, maxDelayMs, maxAttempts };
}

function checkText(name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== "string" || !isArgument(value)) throw wrongKind(name, "a string", value);
}

function milliseconds(name: string, value: unknown, usual: number): number {
  if (value === undefined) return usual;
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (value > 0 && value <= timerMsMax) return value;
  const range = `greater than 0 and at most ${timerMsMax}`;
  throw new InvalidArgumentError(`${name} must be ${range}, not ${value}`);
}

function count(name: string, value: unknown, usual: number, least: number): number {
  if (value === undefined) return usual;
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new InvalidArgumentError(`${name} must be an integer of at least ${least}, not ${value}`);
}
