// The ACL categories of commands, as redis 7.0 has them (acl.c, server.c setImplicitACLCategories).
// Most follow from the flags and the group of a row; a row states the others itself.

import { flag } from "../terms/flags.ts";
import type { Command } from "./command.ts";

/** All categories in Redis's order. Some have no command here: there are only strings. */
export const categoryNames = [
  ...["keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap"],
  ...["hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous"],
  ...["connection", "transaction", "scripting"],
] as const;

/** The categories of a command in Redis's order, each with its `@`. */
export function categoriesOf({
  flags,
  row: { group, categories: stated },
}: Pick<Command, "flags" | "row">): readonly string[] {
  if (stated !== undefined) return stated;
  const categories: string[] = [];
  if (group === "generic") categories.push("@keyspace");
  if (flags & flag.READONLY && group !== "scripting") categories.push("@read");
  if (flags & flag.WRITE) categories.push("@write");
  if (group === "string" || group === "bitmap" || group === "hyperloglog") {
    categories.push(`@${group}`);
  }
  if (flags & flag.PUBSUB) categories.push("@pubsub");
  if (flags & flag.ADMIN) categories.push("@admin");
  categories.push(flags & flag.FAST ? "@fast" : "@slow");
  if (flags & flag.ADMIN) categories.push("@dangerous");
  if (group === "connection") categories.push("@connection");
  if (group === "transactions") categories.push("@transaction");
  if (group === "scripting") categories.push("@scripting");
  return categories;
}
