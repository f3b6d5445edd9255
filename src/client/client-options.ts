// The options of a client, their defaults and bounds. All options are checked up front, so that a
// mistake is an InvalidArgumentError from connect() and not a later surprise. What addresses say is
// read in client-addresses.ts. Nothing is opened here.

import { timerMsMax } from "../base/limits.ts";
import type { Place } from "../base/place.ts";
import type { ConnectTls } from "../base/tls-link.ts";
import { checkBag, checkFlag, isArgument, type Names, wrongKind } from "./arguments.ts";
import { InvalidArgumentError } from "./client-errors.ts";
import { resolveTls, type TlsOptions } from "./link/client-tls.ts";
import { readAddresses } from "./routing/client-addresses.ts";

/** How the client reconnects after it has lost its connection. Delays are at most 2^31 - 1 ms. */
export interface ReconnectOptions {
  /** Delay before the first attempt, in milliseconds. Default 50. */
  minDelayMs?: number | undefined;
  /**
   * The delay doubles after each attempt, with jitter, up to this many milliseconds. Default 2,000,
   * or `minDelayMs` if that is more.
   */
  maxDelayMs?: number | undefined;
  /**
   * The number of failed attempts in a row after which the client gives up, and every request
   * rejects with ConnectError. Default Infinity; with 0 it gives up as soon as the connection is
   * lost.
   */
  maxAttempts?: number | undefined;
}

const reconnectNames: Names<ReconnectOptions> = {
  ...{ minDelayMs: true, maxDelayMs: true, maxAttempts: true },
};

/** Which nodes serve reads. */
export type ReadPolicy = "leader" | "nearest" | "followers";

/**
 * The options of connect(). They win over what the URLs of addresses say. Time limits are greater
 * than 0 and at most 2^31 - 1 ms (24 days).
 */
export interface ConnectOptions {
  /**
   * TLS for all connections: true, or options. Default: as the URLs say. The leader that a
   * follower reports is expected to answer by TLS as well.
   */
  tls?: boolean | TlsOptions | undefined;
  /** The number of the database. Default 0. */
  database?: number | undefined;
  /**
   * Password, sent to every node that the client connects to. A node whose user `default` needs
   * none takes any, as Redis does, and connect() succeeds: so clients can have a password before
   * their nodes do. It is no proof that strangers are kept out. Default: no login.
   */
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
  /**
   * The name of the leader, as Sentinels have it ("mymaster"). The addresses are those of the
   * Sentinels then, mostly at port 26379, and the client connects to the leader that they name. The
   * login, the database and TLS are for the nodes; TLS is for the Sentinels as well. Default: no
   * Sentinel.
   */
  sentinel?: string | undefined;
  /** User name for the Sentinels; refused without a password. Default "default". */
  sentinelUsername?: string | undefined;
  /** Password for the Sentinels. Default: no login. */
  sentinelPassword?: string | undefined;
  /**
   * Where reads go. Default "nearest".
   * - "nearest": the node that answered connect(), whichever it is; by Sentinel, the leader.
   * - "leader": where writes go, so that a read sees every write before it.
   * - "followers": one of the followers, by chance, that has its leader; another one when it is
   *   lost. They are found among the addresses, then by what the leader or a Sentinel says. While
   *   none can be used, the leader.
   *
   * A node that follows may lag behind the leader; see `readYourWrites`.
   */
  reads?: ReadPolicy | undefined;
  /**
   * Whether a read waits until the node that serves it has every write that this client called
   * before: for up to 100 ms, then the leader serves it. The first read after a write costs two
   * more round trips. A write of an old leader that a failover has lost remains lost. Default
   * false.
   */
  readYourWrites?: boolean | undefined;
  /**
   * How often one read may be sent again after a connection was lost on which it was sent. With 0
   * it rejects with ConnectionLostError, as a write always does, and LOADING, MASTERDOWN and
   * TRYAGAIN reject with ServerError at once. Default 16.
   */
  retries?: number | undefined;
  /**
   * Whether requests wait while there is no connection, at most for their timeout. With false they
   * reject with ConnectError at once. Default true; those that wait count for `maxPending`.
   */
  offlineQueue?: boolean | undefined;
  /** How the client reconnects; ReconnectOptions has the defaults. */
  reconnect?: ReconnectOptions | undefined;
  /**
   * Maximum number of requests that wait, for a connection or for a reply; a further one rejects
   * with TooManyPendingError at once. Default 65,536, which is about 30 MB of small requests.
   */
  maxPending?: number | undefined;
}

/** @internal */
export const connectNames: Names<ConnectOptions> = {
  ...{ tls: true, database: true, password: true, username: true },
  ...{ connectTimeoutMs: true, requestTimeoutMs: true },
  ...{ sentinel: true, sentinelUsername: true, sentinelPassword: true },
  ...{ reads: true, readYourWrites: true, retries: true, offlineQueue: true },
  ...{ reconnect: true, maxPending: true },
};

/** @internal */
export type Login = { readonly username: string; readonly password: string };

/** What to ask Sentinels for, and how to log in there. @internal */
export interface SentinelSettings {
  readonly leaderName: string;
  readonly login: Login | null;
}

/** The options with every default filled in. @internal */
export interface Settings {
  /** The nodes given to connect(), or the Sentinels: at least one, none twice. */
  readonly places: readonly Place[];
  /** Null: without TLS. */
  readonly tls: ConnectTls | null;
  readonly database: number;
  readonly login: Login | null;
  /** Null: the places are nodes. */
  readonly sentinel: SentinelSettings | null;
  readonly reads: ReadPolicy;
  readonly readYourWrites: boolean;
  readonly retries: number;
  readonly offlineQueue: boolean;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly reconnect: {
    readonly minDelayMs: number;
    readonly maxDelayMs: number;
    readonly maxAttempts: number;
  };
  readonly maxPending: number;
}

const readPolicies: readonly ReadPolicy[] = ["leader", "nearest", "followers"];

/** @internal */
export function resolveOptions(
  addresses?: string | readonly string[],
  options: ConnectOptions = {},
): Settings {
  checkBag("options", options, connectNames);
  const { places, said } = readAddresses(addresses);
  const { username = said.username, password = said.password, database = said.database } = options;
  return {
    places,
    tls: resolveTls(options.tls, said.isTls === true, places),
    database: count("database", database, 0, 0),
    login: resolveLogin("", username, password),
    sentinel: resolveSentinel(options),
    reads: resolveReads(options.reads),
    readYourWrites: resolveFlag("readYourWrites", options.readYourWrites, false),
    retries: count("retries", options.retries, 16, 0),
    offlineQueue: resolveFlag("offlineQueue", options.offlineQueue, true),
    connectTimeoutMs: milliseconds("connectTimeoutMs", options.connectTimeoutMs, 5_000),
    requestTimeoutMs: milliseconds("requestTimeoutMs", options.requestTimeoutMs, 5_000),
    reconnect: resolveReconnect(options.reconnect),
    maxPending: count("maxPending", options.maxPending, 65_536, 1),
  };
}

// --- internal ---

function resolveLogin(
  whose: "" | "sentinel",
  username: string | undefined,
  password: string | undefined,
): Login | null {
  const [userOption, passwordOption] =
    whose === "" ? ["username", "password"] : ["sentinelUsername", "sentinelPassword"];
  checkText(passwordOption, password);
  checkText(userOption, username);
  if (password !== undefined) return { username: username ?? "default", password };
  if (username === undefined) return null;
  const inUrl = whose === "" ? "; a URL with a password alone is redis://:PASSWORD@HOST:PORT" : "";
  throw new InvalidArgumentError(`${userOption} requires a password${inUrl}`);
}

function resolveSentinel(options: ConnectOptions): SentinelSettings | null {
  const { sentinel: leaderName, sentinelUsername, sentinelPassword } = options;
  const login = resolveLogin("sentinel", sentinelUsername, sentinelPassword);
  checkText("sentinel", leaderName);
  if (leaderName !== undefined) return { leaderName, login };
  if (login === null) return null;
  throw new InvalidArgumentError("sentinelPassword requires sentinel, the name of the leader");
}

function resolveReads(policy: ReadPolicy = "nearest"): ReadPolicy {
  if (readPolicies.includes(policy)) return policy;
  const known = readPolicies.map((one) => JSON.stringify(one)).join(", ");
  if (typeof policy !== "string") throw wrongKind("reads", `one of ${known}`, policy);
  throw new InvalidArgumentError(`reads must be one of ${known}`);
}

function resolveFlag(name: string, value: boolean | undefined, usual: boolean): boolean {
  checkFlag(name, value);
  return value ?? usual;
}

function resolveReconnect(options: ReconnectOptions = {}): Settings["reconnect"] {
  checkBag("reconnect", options, reconnectNames);
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
