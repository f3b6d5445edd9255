// What the subcommands that move data share: how they are told a server, errors that people can
// read, and how counts and sizes are written.

import { ConfigError } from "../base/errors.ts";
import { isServerUrl, parseServerUrl } from "../base/place.ts";
import { InvalidArgumentError } from "../client/client-errors.ts";
import { resolveOptions, type Settings } from "../client/client-options.ts";
import { MoveError } from "../move/move-error.ts";
import type { Target } from "../move/server-link.ts";
import { Failure } from "./failure.ts";
import type { NodeArguments } from "./node-client.ts";
import { settingsOf } from "./node-session.ts";
import { shownText } from "./shown-text.ts";
import { untilInterrupted } from "./terminal.ts";
import { tlsOf } from "./tls-arguments.ts";

export interface ToldTarget extends Target {
  /** Whether the address names a database. */
  readonly namesDatabase: boolean;
}

/** Throws a ConfigError. */
export function targetOf(args: NodeArguments): ToldTarget {
  return toldTarget(args.addr, settingsOf(args));
}

export interface SourceArguments {
  readonly source: string;
  readonly "source-user"?: string | undefined;
  readonly "source-password"?: string | undefined;
  readonly "source-ca"?: string | undefined;
  readonly "source-cert"?: string | undefined;
  readonly "source-key"?: string | undefined;
}

/** Another server than the node of --addr: MSCACHE_PASSWORD is not for it. */
export function sourceOf(args: SourceArguments): ToldTarget {
  const addr = args.source;
  const hasOwn = isServerUrl(addr) && parseServerUrl(addr).password !== undefined;
  const beside = hasOwn ? undefined : process.env.MSCACHE_SOURCE_PASSWORD || undefined;
  const files = { "tls-ca": args["source-ca"], "tls-cert": args["source-cert"] };
  const tls = tlsOf({ addr, ...files, "tls-key": args["source-key"] }, "source");
  try {
    const username = args["source-user"];
    const password = args["source-password"] ?? beside;
    return toldTarget(addr, resolveOptions(addr, { tls, username, password }));
  } catch (error) {
    throw error instanceof InvalidArgumentError ? new ConfigError(error.message) : error;
  }
}

function toldTarget(addr: string, { places, tls, login, database }: Settings): ToldTarget {
  const namesDatabase = /^[a-z]+:\/\/.*(\/\d+|[?&]db=\d+)$/i.test(addr.trim());
  return { place: places[0], tls, login, database, namesDatabase };
}

/** A MoveError becomes a Failure. What it quotes of servers and files moves no cursor. */
export async function moving<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MoveError)) throw error;
    throw new Failure(shownText(error.message), { cause: error });
  }
}

/** The work, or a MoveError at Ctrl-C: what it holds open is closed, and no half file stays. */
export async function unlessInterrupted<T>(work: () => Promise<T>): Promise<T> {
  return await untilInterrupted(async (end) => {
    const { promise, reject } = Promise.withResolvers<never>();
    end.addEventListener("abort", () => reject(new MoveError("interrupted")));
    return await Promise.race([work(), promise]);
  });
}

/** The number of a database, or undefined. Throws a ConfigError. */
export function databaseOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ConfigError(`--db must be the number of a database, not "${text}"`);
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
}

/** "3 hash, 1 list", in the order of the alphabet. */
export function kinds(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([one], [two]) => (one < two ? -1 : 1));
  return sorted.map(([kind, number]) => `${number.toLocaleString("en")} ${kind}`).join(", ");
}

const sizeUnits = ["bytes", "KiB", "MiB", "GiB", "TiB"];

export function size(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${sizeUnits[power]}`;
}
