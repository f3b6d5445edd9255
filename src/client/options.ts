// What a user may choose about a client: the options, their defaults and bounds, and how an address is
// written. Checks everything at once, so that a mistake is an InvalidArgumentError from connect() and
// not a surprise later. It opens nothing.

import { checkBag, isArgument, wrongKind } from "./arguments.ts";
import { InvalidArgumentError } from "./errors.ts";

/** How a lost connection is made again. */
export interface ReconnectOptions {
  /** First delay, milliseconds. Default 50. */
  minDelayMs?: number | undefined;
  /** The delay doubles, with jitter, up to this, milliseconds. Default 2,000. */
  maxDelayMs?: number | undefined;
  /**
   * Failed attempts in a row after which the client gives up: every request then rejects with
   * ConnectError. Default Infinity; 0 gives up as soon as the connection is lost.
   */
  maxAttempts?: number | undefined;
}

export interface ClientOptions {
  /**
   * Any node of the group, as "host:port", ":port" (this machine) or "[::1]:port". Reads go to this
   * node. The leader is found from here, by the address that its followers know it by, so that one
   * must be reachable for the client too. Default "127.0.0.1:5000".
   */
  addr?: string | undefined;
  /** Sent to every node that the client connects to. Default: no login. */
  password?: string | undefined;
  /** Default "default"; without a password it has no meaning and is refused. */
  username?: string | undefined;
  /**
   * Time for one connection to open and log in, milliseconds. Default 5,000. Bun cannot take back an
   * attempt: where an address swallows it, the system goes on trying, on Linux for about two minutes,
   * and until then the process does not end by itself.
   */
  connectTimeoutMs?: number | undefined;
  /**
   * Time for one request, from the call to its answer, waiting for a connection included,
   * milliseconds. It may run up to an eighth longer. Default 5,000.
   */
  requestTimeoutMs?: number | undefined;
  /** How lost connections come back. */
  reconnect?: ReconnectOptions | undefined;
  /**
   * Requests that may wait for answers at one time; one more rejects with TooManyPendingError.
   * Default 65,536, about 30 MB of small requests.
   */
  maxPending?: number | undefined;
}

/** @internal */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The options with every default filled in. @internal */
export interface Settings {
  readonly address: Address;
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
/** The longest name that the domain name system has, characters. */
const hostLengthMax = 253;
/** Three forms; a bare IPv6 address may name its interface, as fe80::1%eth0 does. */
const addressPattern = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:[\]\s\p{Cc}]*)):(\d{1,5})$/u;
/** The longest time that a timer of JavaScript can be set to. */
const timerMsMax = 2 ** 31 - 1;

/** @internal */
export function resolveOptions(options: ClientOptions): Settings {
  checkBag("options", options);
  return {
    address: options.addr === undefined ? defaultAddress : parseAddress(options.addr),
    login: resolveLogin(options),
    connectTimeoutMs: milliseconds("connectTimeoutMs", options.connectTimeoutMs, 5_000),
    requestTimeoutMs: milliseconds("requestTimeoutMs", options.requestTimeoutMs, 5_000),
    reconnect: resolveReconnect(options.reconnect),
    maxPending: count("maxPending", options.maxPending, 65_536, 1),
  };
}

/** "host:port", ":port" or "[v6]:port". A bare IPv6 address has no clear end: it needs brackets. @internal */
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

/** An address as parseAddress() reads it. @internal */
export function formatAddress(address: Address): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

// --- internal ---

function resolveLogin({ username, password }: ClientOptions): Settings["login"] {
  checkText("password", password);
  checkText("username", username);
  if (password !== undefined) return { username: username ?? "default", password };
  if (username === undefined) return null;
  throw new InvalidArgumentError("username is given without a password");
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
  throw new InvalidArgumentError(`${name} must be more than 0 and at most ${timerMsMax}: ${value}`);
}

function count(name: string, value: unknown, usual: number, least: number): number {
  if (value === undefined) return usual;
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new InvalidArgumentError(`${name} must be a whole number of at least ${least}: ${value}`);
}
