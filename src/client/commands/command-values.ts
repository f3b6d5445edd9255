// What the client takes for keys, values and arguments, and what replies are. The checks of them
// are in arguments.ts; nothing here runs.

import type { ServerError } from "../client-errors.ts";

/** A key. A string is sent as UTF-8, bytes are sent unchanged. The empty key is valid. */
export type Key = string | Uint8Array;

/**
 * A value. A string is sent as UTF-8, bytes are sent unchanged. Do not modify the bytes before the
 * promise settles.
 */
export type Value = string | Uint8Array;

/** An argument of a command. A number is sent as JavaScript writes it. */
export type CommandArgument = string | Uint8Array | number | bigint;

/**
 * A reply as JavaScript has it. Integers beyond 2^53 - 1 are bigints. A reply within a reply may be
 * an error.
 */
export type CommandReply =
  | string
  | Uint8Array
  | number
  | bigint
  | boolean
  | null
  | ServerError
  | CommandReply[]
  | Map<CommandReply, CommandReply>
  | Set<CommandReply>;

/** A whole number, or a decimal where the command takes one. */
export type Integer = number | bigint | string;
