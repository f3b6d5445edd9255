// `mscache keys`: lists the keys of a node by SCAN, or finds the biggest and the most used. It asks
// for few keys at a time and for the next ones only when these are written, so the node serves
// others meanwhile and this process does not grow. It changes nothing.
// Invariant: a reader that goes away ends it quietly with status 0.

import { type ArgsDef, defineCommand } from "citty";
import { monotonicMs } from "../base/clock.ts";
import { ConfigError } from "../base/errors.ts";
import { parseDatabase } from "../base/place.ts";
import type { Settings } from "../client/client-options.ts";
import { parseWholeNumber } from "../config/values.ts";
import { Failure } from "./failure.ts";
import { followersIn, InfoFields, listOf, numberOf } from "./info-fields.ts";
import { Refusals, sizeQuestion, ttlQuestion, usesQuestion } from "./keys/key-questions.ts";
import { ListTaker, RankingTaker, type Taker } from "./keys/key-takers.ts";
import { ScanProgress } from "./keys/scan-progress.ts";
import { type Question, scanKeys } from "./keys/scan-walk.ts";
import { nodeArguments, userErrorOf } from "./node-client.ts";
import { NodeSession, settingsOf } from "./node-session.ts";

const args = {
  pattern: {
    type: "string",
    description: "Only keys that match, such as user:*",
    valueHint: "glob",
  },
  count: {
    type: "string",
    description: "Keys that one SCAN visits; fewer disturb the node less, more are faster",
    valueHint: "number",
    default: "100",
  },
  rate: {
    type: "string",
    description: "At most this many keys a second; without it, as fast as the node answers",
    valueHint: "number",
  },
  db: {
    type: "string",
    description: "Number of the database; without it, that of the address or 0",
    valueHint: "number",
  },
  all: {
    type: "boolean",
    description: "All databases, with the number of its database before each key",
    default: false,
  },
  ttl: {
    type: "boolean",
    description: "Print the remaining TTL in seconds, or none, before each key",
    default: false,
  },
  biggest: {
    type: "string",
    description: "List only this many keys, those with the most bytes, key and overhead included",
    valueHint: "number",
  },
  hottest: {
    type: "string",
    description: "List only this many keys, those used most by OBJECT FREQ",
    valueHint: "number",
  },
  sample: {
    type: "string",
    description: "Look at about this many keys only: SCAN goes by hash, so they are typical",
    valueHint: "number",
  },
  follower: {
    type: "boolean",
    description: "Ask a follower of the node, so that its leader is not disturbed",
    default: false,
  },
  json: { type: "boolean", description: "Print one JSON object per line", default: false },
  ...nodeArguments,
} satisfies ArgsDef;

export default defineCommand({
  meta: { name: "keys", description: "List the keys of a node, or the biggest and the hottest" },
  args,
  async run({ args }) {
    const job = readJob(args);
    try {
      const session = await openSession(settingsOf(args), args.follower === true);
      await using _ = session;
      await execute(session, job);
    } catch (error) {
      throw userErrorOf(error);
    }
  },
});

/** The most keys that a ranking may hold. */
const rankedMax = 10_000;
const countMax = 100_000;

interface Job {
  readonly pattern: string | null;
  readonly count: number;
  /** Null: the one that the address names. */
  readonly database: number | null;
  readonly all: boolean;
  readonly ttl: boolean;
  /** 0: no such list. */
  readonly biggest: number;
  readonly hottest: number;
  readonly sample: number;
  /** Keys a second. */
  readonly rate: number;
  readonly json: boolean;
}

type RawArgs = Readonly<Record<string, unknown>>;

function readJob(raw: RawArgs): Job {
  const whole = (name: string, most: number) => {
    if (raw[name] === undefined) return 0;
    try {
      return parseWholeNumber(String(raw[name]), 1, most);
    } catch (error) {
      throw new ConfigError(`--${name}: ${error instanceof Error ? error.message : error}`);
    }
  };
  if (raw.all === true && raw.db !== undefined) throw new ConfigError("--all excludes --db");
  return {
    pattern: typeof raw.pattern === "string" ? raw.pattern : null,
    count: whole("count", countMax),
    database: raw.db === undefined ? null : parseDatabase(String(raw.db)),
    all: raw.all === true,
    ttl: raw.ttl === true,
    biggest: whole("biggest", rankedMax),
    hottest: whole("hottest", rankedMax),
    sample: whole("sample", Number.MAX_SAFE_INTEGER) || Number.POSITIVE_INFINITY,
    rate: whole("rate", Number.MAX_SAFE_INTEGER) || Number.POSITIVE_INFINITY,
    json: raw.json === true,
  };
}

async function openSession(settings: Settings, wantsFollower: boolean): Promise<NodeSession> {
  const session = await NodeSession.open(settings);
  if (!wantsFollower) return session;
  try {
    const info = new InfoFields(String(await session.call("INFO", "replication")));
    if (info.text("role") === "slave") return await NodeSession.open(settings);
    const follower = followersIn(info).find(({ state }) => state === "online");
    if (follower === undefined) throw new Failure("the node has no follower that is in sync");
    return await NodeSession.open(settings, { host: follower.host, port: follower.port });
  } finally {
    await session[Symbol.asyncDispose]();
  }
}

async function execute(session: NodeSession, job: Job): Promise<void> {
  const refusals = new Refusals();
  const questions = await questionsOf(session, job, refusals);
  const databases = await databasesOf(session, job);
  const isRanking = job.biggest + job.hottest > 0;
  const taker = isRanking ? new RankingTaker(job) : new ListTaker(job);
  // A bar between the lines of a list would be in the way of both.
  const isShown = process.stderr.isTTY === true && (isRanking || process.stdout.isTTY !== true);
  const total = databases.reduce((sum, { keys }) => sum + keys, 0);
  const progress = new ScanProgress(Math.min(total, job.sample), isShown);
  try {
    await walk(session, { databases, questions, job, taker, progress });
  } finally {
    progress.end();
  }
  await taker.end();
  if (refusals.sentence !== null) process.stderr.write(`mscache: ${refusals.sentence}\n`);
}

interface Round {
  readonly databases: readonly Database[];
  readonly questions: Readonly<Record<string, Question>>;
  readonly job: Job;
  readonly taker: Taker;
  readonly progress: ScanProgress;
}

async function walk(session: NodeSession, round: Round): Promise<void> {
  const { job, taker, progress } = round;
  const names = Object.keys(round.questions);
  const scan = { ...job, questions: Object.values(round.questions) };
  const startedMs = monotonicMs();
  let looked = 0;
  for (const { number, isSelected } of round.databases) {
    if (!isSelected) await session.call("SELECT", number);
    for await (const { keys, answers } of scanKeys(session, scan)) {
      const taken = keys.slice(0, job.sample - looked);
      looked += taken.length;
      const facts = taken.map((_, i) => names.map((name, q) => [name, answers[q]?.[i] ?? null]));
      await taker.take(
        number,
        taken,
        facts.map((pairs) => Object.fromEntries(pairs)),
      );
      progress.update(looked);
      if (looked >= job.sample || taker.isDone) return;
      const aheadMs = (looked / job.rate) * 1_000 - (monotonicMs() - startedMs);
      if (aheadMs > 0) await Bun.sleep(aheadMs);
    }
  }
}

async function questionsOf(session: NodeSession, job: Job, refusals: Refusals) {
  return {
    ...(job.ttl && { ttl: ttlQuestion(refusals) }),
    ...(job.biggest > 0 && { bytes: await sizeQuestion(session, refusals) }),
    ...(job.hottest > 0 && { uses: usesQuestion(refusals) }),
  };
}

interface Database {
  readonly number: number;
  /** About how many keys it has. */
  readonly keys: number;
  readonly isSelected: boolean;
}

/** With the session's own database selected, or the one that is asked for. */
async function databasesOf(session: NodeSession, job: Job): Promise<Database[]> {
  if (job.all) {
    const info = new InfoFields(String(await session.call("INFO", "keyspace")));
    const sizes = info.after("db").filter(([number]) => /^\d+$/.test(number));
    return sizes.map(([number, line]) => {
      const keys = numberOf(listOf(line).get("keys")) ?? 0;
      return { number: Number(number), keys, isSelected: false };
    });
  }
  if (job.database !== null) await session.call("SELECT", job.database);
  const size = await session.call("DBSIZE");
  const keys = typeof size === "number" ? size : 0;
  return [{ number: job.database ?? session.database, keys, isSelected: true }];
}
