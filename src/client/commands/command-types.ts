// The types of client.command(): the arguments and the reply of each command. Nothing here runs.
// Invariant: a name that is not known takes any arguments and has any reply.

import type { CommandTable } from "./command-table.ts";
import type { CommandArgument, CommandReply } from "./command-values.ts";

/** The commands whose arguments and replies are known, in capitals: "GET", "CONFIG GET". */
export type CommandName = keyof CommandTable<string>;

/** The arguments of a command; any for one that is not known. */
export type ArgumentsOf<Name extends string> = Name extends CommandName
  ? CommandTable<string>[Name][0]
  : CommandArgument[];

/** The reply to a command, with values of type V. */
export type ReplyOf<
  Name extends string,
  V extends string | Uint8Array = string,
> = Name extends keyof CommandTable<V> ? CommandTable<V>[Name][1] : CommandReply;

/** What values are: bytes if they were asked for, strings otherwise. */
export type ValueOf<Bytes extends boolean> = Bytes extends true ? Uint8Array : string;

/** Sends a command on the connection that watches keys; values of its reply have type V. */
export type WatchedCommand<V extends string | Uint8Array = string> = <
  Name extends CommandName | (string & {}),
>(
  name: Name,
  ...args: ArgumentsOf<Name>
) => Promise<ReplyOf<Name, V>>;
