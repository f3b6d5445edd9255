// What a change of the users does to connections: those whose user is gone are ended, the others
// are judged by the new rules from now on, and subscribers whose user lost one of their channels
// are ended as well, as in Redis. The control thread alone knows who has subscribed to what, so a
// data thread only tells which of its subscribers belong to such users.

import type { UsersChange } from "../../command/acl/access.ts";
import type { ChannelRules } from "../../command/acl/account.ts";
import type { Channels } from "../../command/messages/channels.ts";
import type { Connections } from "../connection/connections.ts";

export interface Subscriber {
  readonly id: number;
  readonly user: string;
}

/**
 * Called in each thread when it judges by the change. Returns the subscribers among the clients of
 * these users.
 */
export function enforceUsers(
  connections: Connections,
  { removed }: UsersChange,
  users: readonly string[],
): Subscriber[] {
  const found: Subscriber[] = [];
  const gone = new Set(removed);
  for (const connection of connections.all()) {
    const { session } = connection;
    const { id, user, subscriptions } = session;
    if (gone.has(user)) {
      connections.access.reset(session);
      session.authenticated = false;
      session.isTrusted = false;
      connection.close();
      continue;
    }
    connections.access.refresh(session);
    if (subscriptions > 0 && users.includes(user)) found.push({ id, user });
  }
  return found;
}

/** The ids of those that have a subscription which their user may not have. */
export function losersAmong(
  subscribers: readonly Subscriber[],
  channelRules: ReadonlyMap<string, ChannelRules>,
  { channels, patterns, shardChannels }: Channels,
): Set<number> {
  const losers = subscribers.filter(({ id, user }) => {
    const rules = channelRules.get(user);
    if (rules === undefined) return false;
    const names = [...channels.of(id), ...shardChannels.of(id)];
    const keepsAll = names.every((name) => rules.allow(name, false));
    return !keepsAll || !patterns.of(id).every((name) => rules.allow(name, true));
  });
  return new Set(losers.map(({ id }) => id));
}
