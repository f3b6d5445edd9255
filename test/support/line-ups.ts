/**
 * Who follows whom in a replication test: our nodes, real redis-servers, and both mixed, each in
 * its own process; and how to ask a node for its state. Does not wait for followers: in many tests
 * they must join late.
 * Invariant: the line-up of redis-servers alone must pass every test, or the test is wrong.
 */
import { type RedisServer, redisInstalled, type SpawnedNode, waitFor } from "../harness.ts";
import { Peer } from "./peer.ts";
import { oracle, ours, redisNote } from "./servers.ts";
import { partsOf, textOf } from "./wire.ts";

export type Member = SpawnedNode | RedisServer;

/** Ours have a log that can be read. */
export function isOurs(member: Member): boolean {
  return "log" in member;
}

export interface LineUp {
  readonly name: string;
  readonly isMissing: boolean;
  leader(): Promise<Member>;
  follower(leader: Member): Promise<Member>;
}

const redisLeader = () => {
  return oracle.start(["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]);
};
const redisFollower = (leader: Member) => {
  return oracle.start(["--replicaof", "127.0.0.1", `${leader.port}`]);
};
const ourLeader = () => ours.start();
const ourFollower = (leader: Member) => ours.start(["--leaderaddr", leader.address]);

export const lineUps: readonly LineUp[] = [
  {
    name: "mscache followed by mscache",
    isMissing: false,
    leader: ourLeader,
    follower: ourFollower,
  },
  {
    name: `mscache followed by redis-server${redisNote}`,
    isMissing: !redisInstalled(),
    leader: ourLeader,
    follower: redisFollower,
  },
  {
    name: `redis-server followed by mscache${redisNote}`,
    isMissing: !redisInstalled(),
    leader: redisLeader,
    follower: ourFollower,
  },
  {
    name: `redis-server followed by redis-server${redisNote}`,
    isMissing: !redisInstalled(),
    leader: redisLeader,
    follower: redisFollower,
  },
];

export interface Standing {
  readonly role: string;
  readonly offset: number;
  /** A follower's link: connect, connecting, sync, connected; a leader has none. */
  readonly link: string;
  /** How many followers a leader counts. */
  readonly followers: number;
}

/** What ROLE tells, in one shape for both roles. */
export async function standingOf(port: number): Promise<Standing> {
  await using peer = await Peer.connect(port);
  const [role, ...rest] = partsOf(await peer.typed("ROLE"));
  if (role?.value === "master") {
    const [offset, followers] = rest;
    const count = partsOf(followers as never).length;
    return { role: "leader", offset: Number(offset?.value), link: "", followers: count };
  }
  const [link, offset] = rest.slice(2).map((part) => textOf(part));
  return { role: "follower", offset: Number(offset), link: `${link}`, followers: 0 };
}

/** One field of INFO replication. */
export async function replicationField(port: number, name: string): Promise<string> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "replication"));
  return new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1] ?? `no field ${name}`;
}

/** Waits until the followers are online and have applied everything that the leader has said. */
export async function untilCaughtUp(leader: Member, followers: readonly Member[]): Promise<void> {
  const message = "the followers' offsets to equal the leader's";
  let seen = "";
  await waitFor(
    async () => {
      const standings = await Promise.all(followers.map(({ port }) => standingOf(port)));
      const { offset, followers: counted } = await standingOf(leader.port);
      seen = standings.map((it) => `${it.link} ${it.offset}`).join(", ");
      return standings.every((standing) => {
        return standing.link === "connected" && standing.offset === offset && counted > 0;
      });
    },
    { message, progress: () => seen },
  );
}

export interface Syncs {
  readonly full: number;
  readonly partial: number;
}

/** How many full and partial syncs a leader has granted. */
export async function syncsOf(port: number): Promise<Syncs> {
  await using peer = await Peer.connect(port);
  const text = textOf(await peer.typed("INFO", "stats"));
  const count = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1]);
  return { full: count("sync_full"), partial: count("sync_partial_ok") };
}
