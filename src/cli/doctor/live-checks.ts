// Checks of the node as it runs: slow commands, long turns of the event loop, clients and errors.
// They read counters since the start of the node, or since CONFIG RESETSTAT. Pure.

import { listOf, numberOf } from "../info-fields.ts";
import { shownText } from "../shown-text.ts";
import { configNumber, type Facts, isOurs } from "./facts.ts";
import { type Check, type Finding, finding, ok, percent, plural, setting } from "./finding.ts";

const recentSeconds = 3_600;
const slowUs = 100_000;
const turnMsMax = 1_000;

/** What an error reply means to the person who runs the node, by its first word. */
const meanings: ReadonlyMap<string, string> = new Map([
  ["OOM", "memory is full and nothing may be evicted: a higher maxmemory, or a policy that evicts"],
  ["MASTERDOWN", "clients read from a follower that had lost its leader"],
  ["MISCONF", "the last save failed, and writes are refused"],
  ["NOAUTH", "clients sent commands without a login"],
  ["WRONGPASS", "clients used a wrong password; see ACL LOG"],
  ["NOPERM", "a user may not do what its program does; see ACL LOG"],
  ["READONLY", "clients write to a follower: they must ask Sentinel or ROLE for the leader"],
  ["NOREPLICAS", "too few followers were in sync: min-replicas-to-write"],
  ["LOADING", "clients came while data were loading"],
  ["BUSY", "a script held the node"],
  ["WRONGTYPE", "programs use one key as two types"],
  ["ERR", "mostly commands or arguments that the server does not have"],
]);
/** Those that say that data were refused. */
const graveErrors = ["OOM", "MISCONF", "NOREPLICAS"];

export const liveChecks: readonly Check[] = [
  check("slow-commands", "slow commands", slowCommands),
  check("turns", "turns of the event loop", turns),
  check("whole-walks", "commands that walk over everything", wholeWalks),
  check("rejected", "rejected connections", rejected),
  check("clients", "number of clients", clientCount),
  check("disconnected", "clients cut off for what they hold", disconnected),
  check("monitors", "MONITOR", monitors),
  check("errors", "errors by kind", errors),
  check("logins", "refused logins", logins),
  check("hits", "hits and evictions", hits),
];

export function slowCommands({ slow, info }: Facts): Finding | null {
  const nowUs = info.number("server_time_usec");
  if (slow === null || nowUs === null) return null;
  const recent = slow.filter(({ atSeconds }) => nowUs / 1e6 - atSeconds < recentSeconds);
  const worst = recent.toSorted((one, other) => other.tookUs - one.tookUs)[0];
  if (worst === undefined) return ok("none in the last hour");
  const name = shownText(worst.words[0]?.toUpperCase() ?? "");
  const saw = `${recent.length} in the last hour, the slowest ${name}, ${(worst.tookUs / 1_000).toFixed(1)} ms`;
  return finding(
    worst.tookUs >= slowUs ? "warning" : "advice",
    saw,
    "all other clients of that thread wait meanwhile",
    "SLOWLOG GET, or mscache top (panel 3), shows which and whose; fewer keys or smaller values a command",
  );
}

export function turns({ info }: Facts): Finding | null {
  const longest = info.number("turn_ms_max");
  const count = info.number("turn_count");
  const long = info.number("turns_over_50ms");
  if (longest === null || count === null || long === null) return null;
  const p99 = info.number("turn_ms_p99") ?? 0;
  const saw = `${long} of ${count} took more than 50 ms, the longest ${longest.toFixed(0)} ms, p99 ${p99} ms`;
  if (long === 0) return ok(saw);
  const isGrave = longest >= turnMsMax || long > count / 10_000;
  return finding(
    isGrave ? "warning" : "advice",
    saw,
    "a turn is the longest that a client waits for others, and for a machine that is busy",
    "see slow commands above; else other programs on these cores, swap, or a CPU quota",
  );
}

export function wholeWalks({ info }: Facts): Finding | null {
  if (info.text("redis_version") === null) return null;
  const calls = numberOf(listOf(info.text("cmdstat_keys") ?? "").get("calls")) ?? 0;
  if (calls === 0) return ok("KEYS was not called");
  const each = numberOf(listOf(info.text("cmdstat_keys") ?? "").get("usec_per_call")) ?? 0;
  return finding(
    each >= slowUs ? "warning" : "advice",
    `KEYS was called ${plural(calls, "time")}, ${(each / 1_000).toFixed(1)} ms each`,
    "it walks over every key in one go, and nobody is served meanwhile",
    "SCAN in programs, mscache keys by hand",
  );
}

export function rejected(facts: Facts): Finding | null {
  const count = facts.info.number("rejected_connections");
  if (count === null) return null;
  if (count === 0) return ok("none");
  const max = configNumber(facts, "maxclients") ?? facts.info.number("maxclients") ?? 0;
  return finding(
    "warning",
    `${plural(count, "connection")} rejected since the start, maxclients is ${max}`,
    "these clients got an error instead of the cache",
    `${setting(facts, "maxclients", `${max * 2}`)}; or connection pools that are shared and bounded`,
  );
}

export function clientCount(facts: Facts): Finding | null {
  const count = facts.info.number("connected_clients");
  const max = facts.info.number("maxclients") ?? configNumber(facts, "maxclients");
  if (count === null || max === null || max === 0) return null;
  const saw = `${count} of ${max}`;
  const share = count / max;
  if (share < 0.8) return ok(saw);
  return finding(
    share >= 0.95 ? "failure" : "warning",
    `${saw} (${percent(share)})`,
    "beyond that, clients are rejected",
    `${setting(facts, "maxclients", `${max * 2}`)}, with as many file descriptors; --idle-timeout (timeout) closes clients that left`,
  );
}

export function disconnected(facts: Facts): Finding | null {
  const { info } = facts;
  const counts = {
    "by client-output-buffer-limit": info.number("client_output_buffer_limit_disconnections"),
    "by client-query-buffer-limit": info.number("client_query_buffer_limit_disconnections"),
    "by maxmemory-clients": info.number("evicted_clients"),
  };
  const told = Object.entries(counts).filter(([, count]) => count !== null);
  if (told.length === 0) return null;
  const some = told.filter(([, count]) => (count ?? 0) > 0);
  if (some.length === 0) return ok("none");
  return finding(
    "warning",
    some.map(([by, count]) => `${count} ${by}`).join(", "),
    "subscribers or readers are slower than what is sent to them, or requests are huge",
    "CLIENT LIST (omem, tot-mem) or mscache top (panel 4) shows who; read faster, or raise that limit",
  );
}

export function monitors({ clients }: Facts): Finding | null {
  if (clients === null) return null;
  const watching = clients.filter((client) => client.get("flags")?.includes("O"));
  if (watching.length === 0) return ok("nobody uses it");
  const who = watching.map((client) => shownText(client.get("addr") ?? "")).join(", ");
  return finding(
    "warning",
    `${plural(watching.length, "client")} in MONITOR: ${who}`,
    "each command is written to each of them as well, with its arguments: load, and a leak of values",
    `end it: CLIENT KILL ID ${watching.map((client) => client.get("id")).join(", ")}`,
  );
}

export function errors({ info }: Facts): Finding | null {
  const total = info.number("total_error_replies");
  const commands = info.number("total_commands_processed");
  if (total === null || commands === null) return null;
  const kinds = info.after("errorstat_").map(([code, line]) => ({
    code: shownText(code),
    count: numberOf(listOf(line).get("count")) ?? 0,
  }));
  const listed = kinds.toSorted((one, other) => other.count - one.count).slice(0, 6);
  if (total === 0) return ok("none");
  const list = listed.map(({ code, count }) => `${code} ${count}`).join(", ");
  const saw = `${total} of ${commands} commands failed: ${list}`;
  const grave = listed.filter(({ code }) => graveErrors.includes(code));
  const known = listed.filter(({ code }) => meanings.has(code));
  const why = known.map(({ code }) => `${code}: ${meanings.get(code)}`).join("; ");
  const share = total / Math.max(1, commands);
  if (grave.length === 0 && share < 0.01) return ok(saw);
  return finding(
    grave.length > 0 || share >= 0.1 ? "warning" : "advice",
    saw,
    why === "" ? "programs get errors instead of values" : why,
    "mscache monitor shows commands as they come; CONFIG RESETSTAT counts anew after a change",
  );
}

export function logins(facts: Facts): Finding | null {
  const count = facts.info.number("acl_access_denied_auth");
  if (count === null) return null;
  if (count === 0) return ok("none");
  return finding(
    "warning",
    `${plural(count, "login")} refused since the start`,
    "a program has an old password, or somebody tries passwords",
    "ACL LOG shows from where; a firewall, and a long password",
  );
}

export function hits(facts: Facts): Finding | null {
  const found = facts.info.number("keyspace_hits");
  const missed = facts.info.number("keyspace_misses");
  const evicted = facts.info.number("evicted_keys");
  if (found === null || missed === null || evicted === null || found + missed === 0) return null;
  const ratio = found / (found + missed);
  const saw = `${percent(ratio)} of ${found + missed} lookups found a key, ${evicted} keys evicted`;
  if (ratio >= 0.5 || evicted < (found + missed) / 100) return ok(saw);
  const limit = facts.info.number("maxmemory") ?? 0;
  const double = `${Math.ceil((limit * 2) / (1024 * 1024))}mb`;
  return finding(
    "advice",
    saw,
    "keys are evicted before they are read again: the cache is small for what is asked of it",
    isOurs(facts)
      ? `${setting(facts, "maxmemory", double)}; --reserve bounds that without a new start`
      : setting(facts, "maxmemory", double),
  );
}

// --- internal ---

function check(id: string, title: string, judge: Check["judge"]): Check {
  return { id, area: "live", title, judge };
}
