// The options of follow(), their defaults and bounds. All are checked up front, so that a mistake
// is an InvalidArgumentError and not a later surprise. Nothing is opened here.

import type { Address } from "../base/address.ts";
import {
  databasesMax,
  followAnswerMsMax,
  followTimeoutMs,
  memoryBytesMax,
  memoryBytesMin,
} from "../base/limits.ts";
import { formatPlace, type Place } from "../base/place.ts";
import type { ConnectTls, TlsLink } from "../base/tls-link.ts";
import { checkBag, checkFunction, type Names, wrongKind } from "../client/arguments.ts";
import { InvalidArgumentError } from "../client/client-errors.ts";
import { resolveOptions, type Settings } from "../client/client-options.ts";
import type { Pem, TlsOptions } from "../client/link/client-tls.ts";
import { readAddresses } from "../client/routing/client-addresses.ts";
import { checkSignal, type SignalLike } from "../client/routing/request-scope.ts";

/** The options of follow(). They win over what the URL of the leader says. */
export interface FollowOptions {
  /**
   * Bytes for keys, values and their index, at least 1 MiB. When they are used up, the copy evicts
   * keys that are seldom read (`complete` is false from then on). A single write may exceed it by a
   * quarter for a moment. While a new snapshot loads beside the old data it bounds both together.
   * Beside it, strings that get() was asked for again and again are kept as such: up to a quarter
   * of it, and 8 MiB.
   */
  maxMemory: number;
  /** Only keys that begin with it are kept. Default "": all. */
  prefix?: string | Uint8Array | undefined;
  /** The number of the database that is followed, up to 63. Default 0. */
  database?: number | undefined;
  /**
   * Reads know nothing unless the copy shows all that the leader had this many milliseconds ago.
   * The leader is asked for its offset three times within this time, once a second at least, over a
   * connection of its own. Default Infinity.
   */
  maxStaleness?: number | undefined;
  /** Time for the first snapshot to be complete, in milliseconds. Default 30,000. */
  timeout?: number | undefined;
  /** Ends the wait for the first snapshot; follow() then rejects with its reason. Default: none. */
  signal?: SignalLike | undefined;
  /**
   * The name of the leader, as Sentinels have it ("mymaster"). The addresses are those of the
   * Sentinels then, and the copy moves to whichever node they name. Default: no Sentinel.
   */
  sentinel?: string | undefined;
  /** User name for the Sentinels; refused without a password. Default "default". */
  sentinelUsername?: string | undefined;
  /** Password for the Sentinels. Default: no login. */
  sentinelPassword?: string | undefined;
  /**
   * Password of the leader. The user needs the rights to PING, REPLCONF and PSYNC; with
   * `maxStaleness`, several addresses or `sentinel`, also to HELLO, ROLE and INFO. Default: no
   * login.
   */
  password?: string | undefined;
  /** User name for the login; refused without a password. Default: the user "default". */
  username?: string | undefined;
  /**
   * TLS: true, or options. Default: as the URL says. The certificate must be trusted, so
   * `rejectUnauthorized: false` is refused.
   */
  tls?: boolean | TlsOptions | undefined;
  /**
   * Receives what a listener of onChange() throws, and the FollowFaultError that ends the copy.
   * Default: a warning of the process (`process.emitWarning`).
   */
  onError?: ((error: unknown) => void) | undefined;
}

/** The options with every default filled in. @internal */
export interface FollowSettings {
  /** How questions to the leader are asked, and by whom it is found. */
  readonly client: Settings;
  /** What messages call the leader. */
  readonly name: string;
  /** Null: the leader of a group, wherever it is. */
  readonly address: Address | null;
  readonly login: { readonly user: string; readonly password: string };
  readonly tls: TlsLink | null;
  readonly maxMemory: number;
  readonly prefix: Uint8Array;
  readonly database: number;
  readonly maxStaleness: number;
  readonly timeout: number;
  readonly signal: SignalLike | null;
  readonly onError: (error: unknown) => void;
}

const timerMsMax = 2 ** 31 - 1;

const followNames: Names<FollowOptions> = {
  ...{ maxMemory: true, prefix: true, database: true, maxStaleness: true, timeout: true },
  ...{ signal: true, password: true, username: true, tls: true, onError: true },
  ...{ sentinel: true, sentinelUsername: true, sentinelPassword: true },
};

/** @internal */
export function resolveFollow(
  leader: string | readonly string[],
  options: FollowOptions,
): FollowSettings {
  checkBag("options", options, followNames);
  checkFunction("onError", options.onError);
  const client = settingsOf(leader, options);
  const { places, login, tls } = client;
  const [{ host, port }] = places as [Place];
  const { said } = readAddresses(leader);
  return {
    client,
    name: client.sentinel?.leaderName ?? places.map(formatPlace).join(", "),
    address: roams(client) ? null : { host, port },
    login: { user: options.username ?? said.username ?? "", password: login?.password ?? "" },
    tls: tls === null ? null : linkOf(tls),
    maxMemory: whole("maxMemory", options.maxMemory, memoryBytesMin, memoryBytesMax),
    prefix: prefixOf(options.prefix),
    database: whole("database", options.database ?? said.database ?? 0, 0, databasesMax - 1),
    maxStaleness: milliseconds("maxStaleness", options.maxStaleness, Number.POSITIVE_INFINITY),
    timeout: milliseconds("timeout", options.timeout, followTimeoutMs),
    signal: checkSignal(options.signal) ?? null,
    onError: options.onError ?? warn,
  };
}

/** A number of milliseconds, or the default. */
export function milliseconds(name: string, value: unknown, usual: number): number {
  if (value === undefined) return usual;
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (value > 0 && (value <= timerMsMax || value === Number.POSITIVE_INFINITY)) return value;
  throw new InvalidArgumentError(`${name} must be greater than 0, not ${value}`);
}

// --- internal ---

/** As connect() reads them. */
function settingsOf(leader: string | readonly string[], options: FollowOptions): Settings {
  if (leader === undefined) throw wrongKind("leader", "a string or a list", leader);
  const { username, password, database, tls, sentinel, sentinelUsername, sentinelPassword } =
    options;
  const settings = resolveOptions(leader, {
    ...{ username, password, database, tls, sentinel, sentinelUsername, sentinelPassword },
    ...{ connectTimeoutMs: followAnswerMsMax, requestTimeoutMs: followAnswerMsMax },
  });
  if (settings.places.some(({ unixPath }) => unixPath !== undefined)) {
    throw new InvalidArgumentError("follow() needs a host and a port, not a Unix socket");
  }
  // The data come of one database, and the questions are about none.
  return { ...settings, database: 0, reads: roams(settings) ? "leader" : "nearest" };
}

function roams({ places, sentinel }: Settings): boolean {
  return sentinel !== null || places.length > 1;
}

function linkOf({ ca, cert, key, passphrase, serverName, rejectUnauthorized }: ConnectTls) {
  if (!rejectUnauthorized) {
    throw new InvalidArgumentError("tls.rejectUnauthorized cannot be false: name the leader's ca");
  }
  const texts = { ca: textOf(ca), cert: textOf(cert), key: textOf(key), passphrase, serverName };
  const given = Object.entries(texts).filter(([, text]) => text !== undefined);
  return { secureOptions: 0, checksHost: true, ...Object.fromEntries(given) };
}

function textOf(pem: Pem | readonly Pem[] | undefined): string | undefined {
  if (pem === undefined) return undefined;
  const parts = Array.isArray(pem) ? pem : [pem];
  return parts
    .map((one) => (typeof one === "string" ? one : Buffer.from(one).toString()))
    .join("\n");
}

function prefixOf(prefix: unknown): Uint8Array {
  if (prefix === undefined) return new Uint8Array(0);
  if (prefix instanceof Uint8Array) return new Uint8Array(prefix);
  if (typeof prefix === "string") return new TextEncoder().encode(prefix);
  throw wrongKind("prefix", "a string or a Uint8Array", prefix);
}

function whole(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== "number") throw wrongKind(name, "a number", value);
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(
    `${name} must be an integer from ${least} to ${most}, not ${value}`,
  );
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)));
}
