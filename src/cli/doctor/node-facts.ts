// Asks a node and its followers, and a Sentinel if one is named, for all that can be seen from
// outside, and /proc if the node runs here. What a user may not ask is null. It judges nothing.

import { setTimeout as sleep } from "node:timers/promises";
import { wallClockMs } from "../../base/clock.ts";
import { formatPlace } from "../../base/place.ts";
import { reasonOf } from "../../base/reason.ts";
import { ServerError } from "../../client/client-errors.ts";
import type { Settings } from "../../client/client-options.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import { followersIn, type InfoFields, type ListedFollower } from "../info-fields.ts";
import { NodeSession } from "../node-session.ts";
import { readClients, readInfo, readSlow } from "../top/sample.ts";
import type { ClockOffset, Facts, FollowerFacts, MachineFacts, SentinelFacts } from "./facts.ts";
import { isNodeProcess, isOwnHost, readMachine } from "./machine-facts.ts";
import { versionOf } from "./replication-checks.ts";

/** With more, only so many are asked. */
const followersMax = 16;
/** With more clients, CLIENT LIST is long enough to disturb the node. */
const listedClientsMax = 5_000;
const slowCommandsMax = 128;

export interface Questions {
  readonly settings: Settings;
  /** Where to ask for Sentinels; null: nowhere. */
  readonly sentinel: Settings | null;
  /** The process of the node, if it is not found by itself. */
  readonly pid: number | null;
  /** Between the two looks at counters. */
  readonly seconds: number;
}

export async function gatherFacts({ settings, sentinel, pid, seconds }: Questions): Promise<Facts> {
  await using session = await NodeSession.open(settings);
  const earlier = readInfo(await session.call("INFO", "everything"));
  await sleep(seconds * 1_000);
  const info = readInfo(await session.call("INFO", "everything"));
  const connected = info.number("connected_clients") ?? 0;
  const ownId = `${await optional(session, "CLIENT", "ID")}`;
  const config = readConfig(await optional(session, "CONFIG", "GET", "*"));
  return {
    address: settings.places.map(formatPlace).join(", "),
    info,
    earlier,
    seconds,
    config,
    isPasswordless: readPasswordless(await optional(session, "ACL", "GETUSER", "default"), config),
    slow: readSlow(await optional(session, "SLOWLOG", "GET", slowCommandsMax)),
    clients:
      connected > listedClientsMax
        ? null
        : readClients(await optional(session, "CLIENT", "LIST"), ownId),
    clock: await clockOf(session),
    followers: await askFollowers(settings, info),
    sentinel: sentinel === null ? null : await askSentinel(sentinel, info),
    machine: machineOf(settings, info, { pid, config }),
  };
}

// --- internal ---

async function optional(session: NodeSession, ...command: (string | number)[]): Promise<Reply> {
  try {
    return await session.call(...command);
  } catch (error) {
    if (error instanceof ServerError) return null;
    throw error;
  }
}

/** CONFIG GET: a map in RESP3. */
function readConfig(reply: Reply): ReadonlyMap<string, string> | null {
  if (!(reply instanceof Map) || reply.size === 0) return null;
  return new Map([...reply].map(([name, value]) => [`${name}`, `${value}`]));
}

function readPasswordless(user: Reply, config: ReadonlyMap<string, string> | null): boolean | null {
  const flags = user instanceof Map ? user.get("flags") : null;
  const list = flags instanceof Set ? [...flags] : Array.isArray(flags) ? flags : null;
  if (list !== null) return list.includes("nopass") && !list.includes("off");
  const password = config?.get("requirepass");
  return password === undefined ? null : password === "";
}

/** TIME between two looks at the clock here; the error is half of the round trip. */
async function clockOf(session: NodeSession): Promise<ClockOffset | null> {
  const before = wallClockMs();
  const reply = await optional(session, "TIME");
  const after = wallClockMs();
  if (!Array.isArray(reply)) return null;
  const [seconds, microseconds] = reply.map((part) => Number(part));
  if (seconds === undefined || microseconds === undefined) return null;
  const errorMs = (after - before) / 2;
  return { ms: seconds * 1_000 + microseconds / 1_000 - (before + errorMs), errorMs };
}

async function askFollowers(settings: Settings, info: InfoFields): Promise<FollowerFacts[]> {
  const list = followersIn(info).slice(0, followersMax);
  return await Promise.all(list.map((follower) => askFollower(settings, follower)));
}

async function askFollower(settings: Settings, { host, port }: ListedFollower) {
  const place = { host, port };
  const name = formatPlace(place);
  try {
    await using session = await NodeSession.open(settings, place);
    const info = readInfo(await session.call("INFO", "server"));
    const version = versionOf(info.text("mscache_version"), info.text("redis_version"));
    return { name, version, clock: await clockOf(session), fault: null };
  } catch (error) {
    return { name, version: null, clock: null, fault: reasonOf(error) };
  }
}

/** Null: this Sentinel does not watch the node. */
async function askSentinel(settings: Settings, info: InfoFields): Promise<SentinelFacts | null> {
  await using session = await NodeSession.open(settings);
  const reply = await session.call("SENTINEL", "MASTERS");
  const groups = Array.isArray(reply) ? reply.filter((one) => one instanceof Map) : [];
  const isFollower = info.text("role") === "slave";
  const group = groups.find((one) => {
    if (!isFollower) return one.get("runid") === info.text("run_id");
    return (
      one.get("ip") === info.text("master_host") && one.get("port") === info.text("master_port")
    );
  });
  if (group === undefined) return null;
  return {
    address: settings.places.map(formatPlace).join(", "),
    downAfterMs: Number(group.get("down-after-milliseconds")),
    sentinels: Number(group.get("num-other-sentinels")) + 1,
    quorum: Number(group.get("quorum")),
  };
}

interface Local {
  readonly pid: number | null;
  readonly config: ReadonlyMap<string, string> | null;
}

/** Null: the node does not run on this machine, or this is no Linux. */
function machineOf(
  settings: Settings,
  info: InfoFields,
  { pid, config }: Local,
): MachineFacts | null {
  const [place] = settings.places;
  const said = info.number("process_id");
  const uptime = info.number("uptime_in_seconds");
  const isHere = place?.unixPath !== undefined || isOwnHost(place?.host ?? "");
  const isFound = isHere && said !== null && uptime !== null && isNodeProcess(said, uptime);
  const id = pid ?? (isFound ? said : null);
  return id === null ? null : readMachine(id, snapshotPathOf(info, config));
}

/** Relative paths are below `dir`. Null: no snapshot is configured, or unknown. */
function snapshotPathOf(info: InfoFields, config: Local["config"]): string | null {
  if (config === null) return null;
  const directory = config.get("dir") ?? "/";
  const below = (path: string) => (path.startsWith("/") ? path : `${directory}/${path}`);
  const own = config.get("snapshot-file");
  if (info.text("mscache_version") !== null) return own ? below(own) : null;
  const isSaved = config.get("save") !== "" || config.get("appendonly") === "yes";
  return isSaved ? below(config.get("dbfilename") ?? "dump.rdb") : null;
}
