/**
 * What a node reports about itself, in all ways in which one can ask it: INFO, ROLE, HELLO and PING
 * in one pipeline. INFO and ROLE are in one EXEC, before and after the others: HELLO and PING are
 * judged only if the node did not change between the two.
 * Invariant: the rules are those of Redis's own source for these fields, and a redis-server passes.
 */
import { Peer } from "./peer.ts";
import { partsOf, type Reply, show, textOf } from "./wire.ts";

/** INFO and ROLE of one moment. */
export interface Report {
  readonly fields: Readonly<Record<string, string>>;
  /** ROLE's parts as short texts. */
  readonly role: readonly string[];
}

export interface Sample {
  readonly before: Report;
  readonly hello: string;
  readonly ping: string;
  readonly after: Report;
}

const pipeline = [["MULTI"], ["INFO", "replication", "persistence"], ["ROLE"], ["EXEC"]] as const;

/** Asks once; null where the node closed the connection or would not run the transaction. */
export async function sampleOf(peer: Peer): Promise<Sample | null> {
  peer.sendAll([...pipeline, ["HELLO"], ["PING"], ...pipeline]);
  const replies = await peer.replies(10);
  const [before, after] = [reportOf(replies[3]), reportOf(replies[9])];
  if (before === null || after === null) return null;
  return { before, hello: roleInHello(replies[4]), ping: show(replies[5]).slice(0, 20), after };
}

function reportOf(reply: Reply): Report | null {
  if (reply.type !== "*" || reply.value === null) return null;
  const [info, role] = partsOf(reply);
  const lines = textOf(info).split("\r\n");
  const pairs = lines.filter((line) => /^[a-z]/.test(line)).map((line) => line.split(/:(.*)/, 2));
  return { fields: Object.fromEntries(pairs), role: partsOf(role).map(show) };
}

function roleInHello(reply: Reply): string {
  const words = partsOf(reply).map(show);
  return words[words.indexOf("$role") + 1] ?? "no role";
}

/** INFO's name of it. */
const followerCount = "connected_slaves";

// ---- judging ------------------------------------------------------------------------------------

/** What does not agree, each as a sentence with the values; nothing where all is well. */
export function contradictions({ before, hello, ping, after }: Sample): string[] {
  const found = [...disagreements(before), ...disagreements(after)];
  const state = stateOf(before);
  if (state !== stateOf(after)) return found;
  const expected = before.fields.role === "slave" ? "$replica" : "$master";
  if (hello !== expected) found.push(`HELLO says ${hello}, INFO role:${before.fields.role}`);
  const isLoading = before.fields.loading === "1";
  const answer = isLoading ? "-LOADING" : "+PONG";
  const isDown = before.fields.master_link_status === "down";
  if (!ping.startsWith(answer) && !(isDown && ping.startsWith("-MASTERDOWN"))) {
    found.push(`PING says ${ping}, INFO loading:${before.fields.loading} (${state})`);
  }
  return found;
}

/** How a node stands, as one word for each thing that may change. */
export function stateOf({ fields, role }: Report): string {
  const load = fields.loading === "1" ? "loading" : fields.async_loading === "1" ? "async" : "";
  const parts = [fields.role, role[3], fields.master_link_status, load];
  return parts.filter(Boolean).join(" ");
}

function disagreements({ fields, role }: Report): string[] {
  const isFollower = fields.role === "slave";
  const link = role[3]?.slice(1);
  const offset = role[4]?.slice(1);
  const isUp = fields.master_link_status === "up";
  const facts: [boolean, string][] = [
    [role[0] === `$${fields.role}`, "ROLE and INFO role"],
    [fields.loading !== "1" || fields.async_loading !== "1", "loading and async_loading"],
    [
      "loading_start_time" in fields === /1/.test(fields.loading + fields.async_loading),
      "loading_*",
    ],
    [isFollower === "master_host" in fields, "role and master_host"],
    [isFollower === "master_link_status" in fields, "role and master_link_status"],
    [
      fields.async_loading !== "1" || fields.master_sync_in_progress === "1",
      "async_loading and sync",
    ],
  ];
  if (isFollower) {
    facts.push(
      [role.length === 5, "a follower's ROLE has five parts"],
      [role[1] === `$${fields.master_host}`, "ROLE and master_host"],
      [role[2] === `:${fields.master_port}`, "ROLE and master_port"],
      [(link === "connected") === isUp, "ROLE's state and master_link_status"],
      [(link === "sync") === (fields.master_sync_in_progress === "1"), "ROLE's state and sync"],
      [isUp === !("master_link_down_since_seconds" in fields), "link and down_since"],
      [isUp === (fields.master_last_io_seconds_ago !== "-1"), "link and last_io"],
      [isUp ? offset === fields.slave_repl_offset : offset === "-1", "ROLE's and INFO's offset"],
    );
  } else {
    facts.push(
      [role.length === 3, "a leader's ROLE has three parts"],
      // ROLE comes second, and other threads may write in between.
      [Number(role[1]?.slice(1)) >= Number(fields.master_repl_offset), "ROLE's and INFO's offset"],
      [
        fields.loading === "0" || fields[followerCount] === "0",
        "a leader that loads has no followers",
      ],
    );
  }
  const values = `${role.join(" ")} | ${stateOf({ fields, role })} sync:${fields.master_sync_in_progress}`;
  return facts.filter(([holds]) => !holds).map(([, what]) => `${what}: ${values}`);
}

/** Asks in a loop, whatever happens to the node, until it is disposed of. */
export class SelfReports implements AsyncDisposable {
  readonly found = new Set<string>();
  /** The states that were met, in the order in which they were first. */
  readonly states = new Set<string>();
  samples = 0;
  private readonly port: number;
  private readonly pauseMs: number;
  private readonly ended: Promise<void>;
  private isOver = false;

  /** Samples take most of a processor if there is no pause between them. */
  constructor(port: number, pauseMs: number) {
    this.port = port;
    this.pauseMs = pauseMs;
    this.ended = this.run();
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      // A node that starts, ends or is demoted closes connections; the next one goes on.
      await this.ask().catch(() => Bun.sleep(1));
    }
  }

  private async ask(): Promise<void> {
    await using peer = await Peer.connect(this.port);
    while (!this.isOver) {
      const sample = await sampleOf(peer);
      if (sample === null) continue;
      this.samples++;
      this.states.add(stateOf(sample.before));
      for (const text of contradictions(sample)) this.found.add(text);
      // The time between two samples, in which others have the processor.
      await Bun.sleep(this.pauseMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isOver = true;
    await this.ended;
  }
}
