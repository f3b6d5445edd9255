// Lists of commands, as pipeline(), transaction() and watch() take them: their types, those of
// the results, and the names of the options. Nothing here runs.

import type { Names } from "../arguments.ts";
import type { MSCacheError, ServerError } from "../client-errors.ts";
import type { ArgumentsOf, ReplyOf } from "./command-types.ts";
import type { CommandArgument } from "./command-values.ts";

/** A command's name and its arguments. */
export type CommandCall = readonly [name: string, ...args: CommandArgument[]];

/** The list, if the arguments of each command are its own. */
export type CheckedCalls<Calls extends readonly CommandCall[]> = {
  readonly [At in keyof Calls]: readonly [Calls[At][0], ...ArgumentsOf<Calls[At][0]>];
};

/** Of each command its reply or its error. */
export type CallResults<
  Calls extends readonly CommandCall[],
  V extends string | Uint8Array = string,
  Failure extends MSCacheError = MSCacheError,
> = {
  -readonly [At in keyof Calls]: ReplyOf<Calls[At][0], V> | Failure;
};

/** Of each command of a transaction its reply or its error. */
export type TransactionResults<
  Calls extends readonly CommandCall[],
  V extends string | Uint8Array = string,
> = CallResults<Calls, V, ServerError>;

/** Options of pipeline() and transaction(). */
export interface ListOptions<Bytes extends boolean = boolean> {
  /** Whether values are bytes. Default false: strings. */
  bytes?: Bytes | undefined;
}

/** @internal */
export const listNames: Names<ListOptions> = { bytes: true };

/** Options of watch(). */
export interface WatchOptions<Bytes extends boolean = boolean> extends ListOptions<Bytes> {
  /** How often it is tried before it rejects with ConflictError. Default 16. */
  attempts?: number | undefined;
}

/** @internal */
export const watchNames: Names<WatchOptions> = { ...listNames, attempts: true };
