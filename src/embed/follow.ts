// follow(): the door to a copy of a leader's keys in this process. What is behind it
// (local-copy.ts) is loaded at the first call, so that a program that only connects does not pay
// for the engine.

import type { LocalCopy } from "./copy-types.ts";
import type { FollowOptions } from "./follow-options.ts";

/**
 * Follows a leader (MSCache, or Redis from 2.8 on): resolves with a copy of its strings in this
 * process, whose first snapshot is complete. `leader` is "host:port" or a URL, as connect() takes
 * it: that node is followed, whatever it is. Of several nodes, and by Sentinel, the copy follows
 * the one that leads, and moves with a failover; that takes an MSCache or a Redis from 6 on.
 *
 * To the leader it is a follower that cannot be promoted, and that WAIT does not count.
 *
 * Rejects with an InvalidArgumentError, with a ConnectError if there is no snapshot within
 * `timeout`, or with the reason of `signal`; with a ConnectError at once if the login is refused,
 * or there is none and the leader wants one, or its user lacks the rights.
 *
 * @example
 * await using client = await connect("127.0.0.1:5000");
 * await client.set("greeting", "hello");
 * await using copy = await follow("127.0.0.1:5000", { maxMemory: 64 * 1024 * 1024 });
 * const value = copy.get("greeting") ?? (await client.get("greeting"));
 */
export async function follow(
  leader: string | readonly string[],
  options: FollowOptions,
): Promise<LocalCopy> {
  const { resolveFollow } = await import("./follow-options.ts");
  const settings = resolveFollow(leader, options);
  const { FollowedCopy } = await import("./local-copy.ts");
  return new FollowedCopy(settings).opened();
}
