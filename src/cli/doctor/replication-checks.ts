// Checks of replication: links, lag, whether the journal (a Redis calls it backlog) bridges an
// outage, versions, and what Sentinels would do. Pure.

import { formatPlace } from "../../base/place.ts";
import { distantFollowersIn, followersIn } from "../info-fields.ts";
import { type Facts, increase, isOurs } from "./facts.ts";
import { type Check, type Finding, finding, megabytes, ok, plural, setting } from "./finding.ts";

/** A restart or a short outage of a follower takes so long. */
const outageSeconds = 60;
const lagSecondsMax = 10;
/** Of the journal: a follower that is farther behind may soon need everything again. */
const lagShareMax = 0.5;
const lagBytesMin = 1024 * 1024;

export const replicationChecks: readonly Check[] = [
  check("leader-link", "link to the leader", leaderLink),
  check("writable-follower", "writes on a follower", writableFollower),
  check("follower-lag", "followers", followerLag),
  check("follower-tree", "followers of followers", followerTree),
  check("journal", "journal for followers that come back", journal),
  check("full-syncs", "full syncs", fullSyncs),
  check("versions", "versions of the group", versions),
  check("empty-restart", "restart of the leader", emptyRestart),
  check("sentinels", "Sentinels", sentinels),
  check("down-after", "down_after of the Sentinels", downAfter),
];

export function leaderLink({ info }: Facts): Finding | null {
  if (info.text("role") !== "slave") return null;
  const leader = `${info.text("master_host")}:${info.number("master_port")}`;
  if (info.text("master_link_status") === "up") return ok(`up, to ${leader}`);
  if (info.number("master_sync_in_progress") === 1) {
    const left = info.number("master_sync_left_bytes");
    const rest = left === null || left < 0 ? "" : `, ${megabytes(left)} left`;
    const why = "the data are old or missing until the sync is done";
    return finding("warning", `a full sync from ${leader} is under way${rest}`, why, "wait for it");
  }
  const seconds = info.number("master_link_down_since_seconds");
  const since = seconds === null || seconds < 0 ? "" : ` for ${plural(seconds, "second")}`;
  return finding(
    "failure",
    `the link to ${leader} has been down${since}`,
    "what this node serves is as old as that, and it cannot take over without a loss",
    `start the leader, or see the log here for why it is refused (masterauth, firewall, protected mode); REPLICAOF names another leader`,
  );
}

export function writableFollower(facts: Facts): Finding | null {
  if (facts.info.text("role") !== "slave") return null;
  const mode = facts.config?.get("replica-read-only");
  if (mode === undefined) return null;
  if (mode === "yes") return ok("refused");
  const why = "what a client writes here is on no other node, and is lost at the next full sync";
  return finding("warning", "replica-read-only is no", why, "CONFIG SET replica-read-only yes");
}

export function followerLag(facts: Facts): Finding | null {
  const { info } = facts;
  const own = info.number("master_repl_offset");
  const list = followersIn(info);
  if (info.text("role") === "slave" || own === null || list.length === 0) return null;
  const journalBytes = info.number("repl_backlog_size") ?? 0;
  const behind = list.map((one) => ({
    ...one,
    name: `${one.host}:${one.port}`,
    bytes: one.offset === null ? 0 : Math.max(0, own - one.offset),
  }));
  const loading = behind.find(({ state }) => state !== "online");
  if (loading !== undefined) {
    const why = "until it is online it has no complete data and cannot take over";
    return finding("warning", `${loading.name} is ${loading.state}`, why, "wait for the sync");
  }
  const worst = behind.toSorted((one, other) => other.bytes - one.bytes)[0];
  const silent = behind.find(({ lagSeconds }) => (lagSeconds ?? 0) > lagSecondsMax);
  if (worst === undefined) return null;
  const saw = `${worst.name} is ${megabytes(worst.bytes)} behind`;
  const isFar = worst.bytes > Math.max(lagBytesMin, journalBytes * lagShareMax);
  if (!isFar && silent === undefined) {
    return ok(`${plural(list.length, "follower")} online, at most ${worst.bytes} bytes behind`);
  }
  return finding(
    "warning",
    silent === undefined ? saw : `${silent.name} has confirmed nothing for ${silent.lagSeconds} s`,
    "reads there are as old as that, and a failover to it loses these writes",
    "look at its CPU and at the network between them; fewer or smaller writes, or a faster machine",
  );
}

/** What followers of ours have told of theirs, each lag to the node above. */
export function followerTree({ info }: Facts): Finding | null {
  if (info.number("mscache_tree_circle") === 1) {
    return finding(
      "failure",
      "this node follows itself",
      "by another of its names or through others: none of them takes writes, and expired keys stay",
      "REPLICAOF NO ONE on the node that is to lead",
    );
  }
  const list = distantFollowersIn(info);
  if (list.length === 0) return null;
  const loading = list.find(({ state }) => state !== "online");
  if (loading !== undefined) {
    const why = "until it is online it has no complete data";
    return finding("warning", `${formatPlace(loading)} is ${loading.state}`, why, "wait for it");
  }
  const far = list.find(({ behindBytes }) => (behindBytes ?? 0) > lagBytesMin);
  const silent = list.find(({ lagSeconds }) => (lagSeconds ?? 0) > lagSecondsMax);
  const saw =
    far !== undefined
      ? `${formatPlace(far)} is ${megabytes(far.behindBytes ?? 0)} behind the node that it follows`
      : silent && `${formatPlace(silent)} has confirmed nothing for ${silent.lagSeconds} s`;
  if (saw === undefined) {
    const depth = plural(info.number("mscache_tree_levels") ?? 0, "level");
    return ok(`${plural(list.length, "follower")} of followers online, on ${depth}`);
  }
  return finding(
    "warning",
    saw,
    "reads there are as old as that, and so are those of all nodes behind it",
    "look at its CPU and at the network between them; a chain with fewer levels",
  );
}

export function journal(facts: Facts): Finding | null {
  const size = facts.info.number("repl_backlog_size");
  const written = increase(facts, "master_repl_offset");
  const hasFollowers = (facts.info.number("connected_slaves") ?? 0) > 0;
  if (size === null || written === null || !hasFollowers) return null;
  const rate = written / facts.seconds;
  const seconds = rate === 0 ? Number.POSITIVE_INFINITY : size / rate;
  if (seconds >= outageSeconds) {
    const long = seconds > 86_400 ? "more than a day" : `${Math.floor(seconds)} s`;
    return ok(`${megabytes(size)}, which is ${long} at the present rate of writes`);
  }
  const wanted = megabytes(rate * outageSeconds * 2);
  return finding(
    "warning",
    `${megabytes(size)} hold ${seconds.toFixed(1)} s of writes (${megabytes(rate)} a second)`,
    `a follower that is away for longer needs all data again: a full sync, and load on this node`,
    isOurs(facts)
      ? setting(facts, "repl-backlog-size", wanted)
      : `CONFIG SET repl-backlog-size ${wanted}`,
  );
}

export function fullSyncs(facts: Facts): Finding | null {
  const refused = facts.info.number("sync_partial_err");
  const full = facts.info.number("sync_full");
  if (refused === null || full === null) return null;
  const saw = `${full} full, ${facts.info.number("sync_partial_ok") ?? 0} partial, ${refused} refused partial`;
  if (refused < 3) return ok(saw);
  return finding(
    "advice",
    saw,
    "followers came back too late for the journal, or after a restart of the leader, and got all data",
    setting(
      facts,
      "repl-backlog-size",
      megabytes((facts.info.number("repl_backlog_size") ?? 0) * 2),
    ),
  );
}

export function versions(facts: Facts): Finding | null {
  const { followers, info } = facts;
  const own = versionOf(info.text("mscache_version"), info.text("redis_version"));
  if (followers.length === 0 || own === null) return null;
  const others = followers.filter(({ version }) => version !== null && version !== own);
  const unknown = followers.filter(({ version }) => version === null);
  if (others.length > 0) {
    const list = others.map(({ name, version }) => `${name} has ${version}`).join(", ");
    return finding(
      "warning",
      `this node has ${own}, ${list}`,
      "a command or a format that one of them does not know shows itself at a failover at the latest",
      "the same version on all nodes of the group, followers first",
    );
  }
  if (unknown.length === 0) return ok(`${own} on all ${followers.length + 1} nodes`);
  const list = unknown.map(({ name, fault }) => `${name}: ${fault}`).join(", ");
  return finding(
    "advice",
    `${unknown.length} of ${plural(followers.length, "follower")} cannot be asked from here (${list})`,
    "nobody else may reach them either at the addresses that the leader gives to clients",
    "--announce-ip and --announce-port (replica-announce-ip, replica-announce-port) on that follower, or its firewall",
  );
}

/** "MSCache 0.1.0" or "Redis 7.0.15". */
export function versionOf(own: string | null, redis: string | null): string | null {
  if (own !== null) return `MSCache ${own}`;
  return redis === null ? null : `Redis ${redis}`;
}

export function emptyRestart(facts: Facts): Finding | null {
  const { info, config } = facts;
  const hasFollowers = (info.number("connected_slaves") ?? 0) > 0;
  if (info.text("role") === "slave" || !hasFollowers || config === null) return null;
  const file = isOurs(facts) ? config.get("snapshot-file") : config.get("save");
  if ((file ?? "") !== "" || config.get("appendonly") === "yes")
    return ok("it finds its data again");
  return finding(
    "warning",
    "a leader with followers and without a snapshot",
    "if it starts again before a failover, it is empty, and its followers become empty as well",
    isOurs(facts)
      ? "--snapshot-file PATH at the next start; and no automatic restart of a node that Sentinels watch"
      : 'CONFIG SET save "3600 1 300 100"; and no automatic restart of a node that Sentinels watch',
  );
}

export function sentinels({ sentinel, clients }: Facts): Finding | null {
  const seen = (clients ?? []).filter((client) =>
    /^sentinel-.*-cmd$/.test(client.get("name") ?? ""),
  );
  const count = sentinel?.sentinels ?? (seen.length === 0 ? null : seen.length);
  if (count === null) return null;
  if (count >= 3) return ok(`watched by ${count}`);
  return finding(
    "warning",
    `watched by ${plural(count, "Sentinel")}`,
    "a failover needs a majority of them: with fewer than three none happens when one is lost",
    "three Sentinels on three machines, quorum 2",
  );
}

export function downAfter({ sentinel, info }: Facts): Finding | null {
  const longest = info.number("turn_ms_max");
  if (sentinel === null || longest === null) return null;
  const { downAfterMs, address } = sentinel;
  const saw = `down-after-milliseconds is ${downAfterMs}, the longest turn took ${Math.ceil(longest)} ms`;
  if (longest < downAfterMs / 2) return ok(saw);
  const wanted = Math.ceil((longest * 4) / 1_000) * 1_000;
  return finding(
    "warning",
    saw,
    "a node that is busy for so long counts as down, and a failover makes it worse",
    `SENTINEL SET NAME down-after-milliseconds ${wanted} on each Sentinel, as on ${address}`,
  );
}

// --- internal ---

function check(id: string, title: string, judge: Check["judge"]): Check {
  return { id, area: "replication", title, judge };
}
