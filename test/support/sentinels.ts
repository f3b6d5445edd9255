/**
 * Real Redis Sentinels around our nodes: three sentinel processes, and nodes that restart with the
 * same command line and configuration file, as under a supervisor. Does not look at data: the tests
 * do.
 * Invariant: the sentinels' periods are shortened by their own SENTINEL DEBUG, and by nothing else,
 * so that what takes them ten seconds takes them one; their logic is untouched.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  freePort,
  respClient,
  type SpawnedNode,
  spawnNode,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { replicationField, standingOf } from "./line-ups.ts";

const host = "127.0.0.1";
export const leaderName = "cache";
const sentinelCount = 3;
const downAfterMs = 1_000;
const failoverTimeoutMs = 2_000;
const periods = ["INFO-PERIOD", 500, "PUBLISH-PERIOD", 200, "ASK-PERIOD", 200, "PING-PERIOD", 200];

/** A node that keeps its port, its command line and its configuration file over its lives. */
export class Member implements AsyncDisposable {
  readonly port: number;
  readonly configFile: string;
  private readonly arguments: readonly string[];
  private node: SpawnedNode | null = null;

  constructor(directory: string, port: number, leaderPort: number | null) {
    this.port = port;
    this.configFile = join(directory, `${port}.conf`);
    const follows = leaderPort === null ? [] : ["--leaderaddr", `${host}:${leaderPort}`];
    const listens = ["--listenaddr", `${host}:${port}`];
    this.arguments = [...listens, ...follows, "--config", this.configFile];
  }

  async start(): Promise<void> {
    this.node = await spawnNode(this.arguments);
  }

  async kill(): Promise<void> {
    this.node?.process.kill("SIGKILL");
    await this.node?.process.exited;
  }

  /** SIGSTOP or SIGCONT: a process that stands still, as a machine that is out of breath. */
  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.node?.process.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node?.[Symbol.asyncDispose]();
  }
}

export interface Guarded extends AsyncDisposable {
  readonly name: string;
  readonly members: readonly Member[];
  readonly sentinelPorts: readonly number[];
  /** The member that all sentinels take for the leader and that says so itself, else null. */
  leader(): Promise<Member | null>;
  /**
   * Waits until there is one leader, which the others follow without a gap, and sentinels know of
   * all.
   */
  settled(): Promise<Member>;
}

/** Options of `sentinel` for the leader, as `auth-user cache sentinel`, beside the usual ones. */
type SentinelOptions = readonly string[];

/** One leader, two followers and three sentinels. */
export async function startGuarded(
  configuration: string,
  options: SentinelOptions = [],
): Promise<Guarded> {
  const stack = new AsyncDisposableStack();
  try {
    const directory = stack.use(await temporaryDirectory());
    const members = await startMembers(stack, directory.path, configuration);
    const [first] = members as [Member, ...Member[]];
    await waitFor(async () => (await standingOf(first.port)).followers === members.length - 1);
    const sentinelPorts: number[] = [];
    for (let i = 0; i < sentinelCount; i++) {
      sentinelPorts.push(await startSentinel(stack, directory.path, first.port, options));
    }
    return guarded(stack, members, sentinelPorts);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function startMembers(
  stack: AsyncDisposableStack,
  directory: string,
  configuration: string,
): Promise<Member[]> {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const members: Member[] = [];
  for (const port of ports) {
    const member = new Member(directory, port, members[0]?.port ?? null);
    await writeFile(member.configFile, configuration);
    await member.start();
    members.push(stack.use(member));
  }
  return members;
}

/** One sentinel, of which `quorum` must agree that the leader is down. */
export async function startSentinel(
  stack: AsyncDisposableStack,
  directory: string,
  leaderPort: number,
  options: SentinelOptions = [],
  quorum = 2,
): Promise<number> {
  const port = await freePort();
  const file = join(directory, `sentinel-${port}.conf`);
  const lines = [
    `port ${port}`,
    `bind ${host}`,
    `dir ${directory}`,
    `sentinel monitor ${leaderName} ${host} ${leaderPort} ${quorum}`,
    `sentinel down-after-milliseconds ${leaderName} ${downAfterMs}`,
    `sentinel failover-timeout ${leaderName} ${failoverTimeoutMs}`,
    `sentinel parallel-syncs ${leaderName} 2`,
    ...options.map((option) => `sentinel ${option}`),
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const child = Bun.spawn(["redis-server", file, "--sentinel"], { stdout: "ignore" });
  stack.defer(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  await waitFor(async () => {
    await using client = await respClient(port);
    return (await client.call("SENTINEL", "DEBUG", ...periods)) === "OK";
  });
  return port;
}

function guarded(
  stack: AsyncDisposableStack,
  members: readonly Member[],
  sentinelPorts: readonly number[],
): Guarded {
  const leader = () => leaderOf(members, sentinelPorts);
  return {
    name: leaderName,
    members,
    sentinelPorts,
    leader,
    settled: async () => {
      await waitFor(() => isSettled(members, sentinelPorts), {
        message: "one leader with two followers, known to all sentinels",
      });
      return (await leader()) as Member;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function leaderOf(
  members: readonly Member[],
  sentinelPorts: readonly number[],
): Promise<Member | null> {
  const named = new Set(await Promise.all(sentinelPorts.map(leaderNamedBy)));
  const leader = members.find(({ port }) => port === [...named][0]);
  if (named.size !== 1 || leader === undefined) return null;
  return (await replicationField(leader.port, "role")) === "master" ? leader : null;
}

async function leaderNamedBy(sentinelPort: number): Promise<number> {
  await using client = await respClient(sentinelPort);
  const address = await client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", leaderName);
  return Array.isArray(address) ? Number(address[1]) : 0;
}

async function isSettled(
  members: readonly Member[],
  sentinelPorts: readonly number[],
): Promise<boolean> {
  const leader = await leaderOf(members, sentinelPorts);
  if (leader === null) return false;
  const followers = members.filter((member) => member !== leader);
  for (const { port } of followers) {
    const follows = await replicationField(port, "master_port");
    const link = await replicationField(port, "master_link_status");
    if (follows !== `${leader.port}` || link !== "up") return false;
  }
  const seen = await Promise.all(sentinelPorts.map(countsOf));
  return seen.every(
    (counts) => counts === `${followers.length} followers, ${sentinelCount} sentinels`,
  );
}

/** What a sentinel counts as usable; itself among the sentinels. */
async function countsOf(sentinelPort: number): Promise<string> {
  await using client = await respClient(sentinelPort);
  const followers = await client.call("SENTINEL", "REPLICAS", leaderName);
  const up = Array.isArray(followers) ? followers.filter(isUsable).length : 0;
  const quorum = await client.call("SENTINEL", "CKQUORUM", leaderName);
  const [, sentinels] = /^OK (\d+) usable/.exec(String(quorum)) ?? [];
  return `${up} followers, ${sentinels} sentinels`;
}

function isUsable(follower: unknown): boolean {
  if (!Array.isArray(follower)) return false;
  const field = (name: string) => String(follower[follower.indexOf(name) + 1]);
  return field("flags") === "slave" && field("master-link-status") === "ok";
}
