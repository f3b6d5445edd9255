// `mscache bench`: loads a server that speaks RESP or memcached's text protocol and prints the
// measurements. This file reads the options and prints progress to stderr and the result to stdout;
// src/bench/ generates the load.
// Invariant: a wrong option is a ConfigError and a failed run a Failure, each with one sentence.

import { type ArgsDef, defineCommand } from "citty";
import { parseAddress } from "../base/address.ts";
import { ConfigError } from "../base/errors.ts";
import { isServerUrl, type Place, parseServerUrl } from "../base/place.ts";
import type { Target } from "../bench/load-connection.ts";
import { type Plan, type Progress, preload, runBench } from "../bench/load-run.ts";
import { progressLine, report, reportTable } from "../bench/report.ts";
import {
  BenchError,
  checkWorkload,
  keyPatterns,
  protocols,
  type Workload,
} from "../bench/workload.ts";
import { resolveTls } from "../client/link/client-tls.ts";
import { textOf } from "./argument-check.ts";
import { Failure } from "./failure.ts";
import { tlsArguments, tlsOf } from "./tls-arguments.ts";

const args = {
  addr: {
    type: "string",
    description: "Server to load: host:port, a redis:// or rediss:// URL, or unix:///path",
    valueHint: "address",
    default: "127.0.0.1:5000",
  },
  protocol: {
    type: "string",
    description: "Wire protocol",
    valueHint: "resp|memcache",
    default: "resp",
  },
  user: {
    type: "string",
    description: "User to log in as (RESP only); without it, default",
    valueHint: "name",
  },
  password: {
    type: "string",
    description: "Password (RESP only); use MSCACHE_PASSWORD to keep it out of the process list",
    valueHint: "text",
  },
  connections: {
    type: "string",
    description: "Number of connections",
    default: "50",
    valueHint: "number",
  },
  pipeline: {
    type: "string",
    description: "Pipeline depth: requests per write",
    default: "1",
    valueHint: "number",
  },
  keys: { type: "string", description: "Number of keys", default: "100000", valueHint: "number" },
  pattern: {
    type: "string",
    description: "Distribution of the keys",
    valueHint: "uniform|zipf|sequential",
    default: "uniform",
  },
  zipf: {
    type: "string",
    description: "Exponent of the zipf pattern",
    default: "0.99",
    valueHint: "exponent",
  },
  "key-length": {
    type: "string",
    description: "Key length in bytes",
    default: "20",
    valueHint: "bytes",
  },
  "value-size": {
    type: "string",
    description: "Value size in bytes, N or MIN-MAX",
    default: "100",
    valueHint: "bytes",
  },
  ratio: {
    type: "string",
    description: "Ratio of reads to writes, GET:SET",
    default: "10:1",
    valueHint: "get:set",
  },
  ttl: {
    type: "string",
    description: "TTL of written items in seconds; 0 for none",
    default: "0",
    valueHint: "seconds",
  },
  rate: {
    type: "string",
    description: "Requests per second at a fixed arrival rate; without it, a closed loop",
    valueHint: "number",
  },
  seconds: {
    type: "string",
    description: "Stop after this many seconds; 10 unless --requests is given",
    valueHint: "number",
  },
  requests: { type: "string", description: "Stop after this many requests", valueHint: "number" },
  seed: {
    type: "string",
    description: "Random seed for the choice of keys",
    default: "1",
    valueHint: "number",
  },
  verify: { type: "boolean", description: "Check every byte of the values read", default: false },
  "skip-preload": {
    type: "boolean",
    description: "Start without writing every key once",
    default: false,
  },
  json: { type: "boolean", description: "Print the result as JSON", default: false },
  quiet: { type: "boolean", description: "Do not show progress", default: false },
  ...tlsArguments,
} satisfies ArgsDef;

export default defineCommand({
  meta: { name: "bench", description: "Measure a server under load" },
  args,
  async run({ args }) {
    const job = readJob(args);
    try {
      await execute(job);
    } catch (error) {
      throw error instanceof BenchError ? new Failure(error.message, { cause: error }) : error;
    }
  },
});

interface Job {
  readonly target: Target;
  readonly workload: Workload;
  readonly plan: Plan;
  readonly preload: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

type RawArgs = Readonly<Record<string, unknown>>;

function readJob(raw: RawArgs): Job {
  const workload = readWorkload(raw);
  try {
    checkWorkload(workload);
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error));
  }
  for (const name of ["password", "user"]) {
    if (raw[name] === undefined || workload.protocol === "resp") continue;
    throw new ConfigError(`--${name} needs --protocol resp`);
  }
  return {
    target: readTarget(raw),
    workload,
    plan: readPlan(raw),
    preload: raw["skip-preload"] !== true,
    json: raw.json === true,
    quiet: raw.quiet === true,
  };
}

function readTarget(raw: RawArgs): Target {
  const addr = String(raw.addr);
  const url = isServerUrl(addr) ? parseServerUrl(addr) : null;
  const { host, port, unixPath } = url ?? parsePlain(addr);
  const isResp = raw.protocol === "resp";
  const password = textOf(raw.password) ?? url?.password ?? process.env.MSCACHE_PASSWORD;
  const username = textOf(raw.user) ?? url?.username;
  const hasLogin = isResp && password !== undefined && password !== "";
  if (username !== undefined && isResp && !hasLogin) {
    throw new ConfigError("--user needs a password");
  }
  const tls = tlsOf({ ...raw, addr });
  const place = unixPath === undefined ? { host, port } : { host, port, unixPath };
  return {
    ...place,
    ...(tls && { tls: resolveTls(tls, true, [place]) ?? undefined }),
    ...(hasLogin && { password, ...(username !== undefined && { username }) }),
    ...(isResp && { database: url?.database ?? 0 }),
  };
}

function parsePlain(addr: string): Place {
  return parseAddress(addr, "127.0.0.1");
}

function readWorkload(raw: RawArgs): Workload {
  const [valueBytesMin, valueBytesMax] = readPair(raw, "value-size", "-", true);
  const [gets, sets] = readPair(raw, "ratio", ":", false);
  return {
    protocol: readChoice(raw, "protocol", protocols),
    pattern: readChoice(raw, "pattern", keyPatterns),
    keys: readWhole(raw, "keys"),
    keyLengthBytes: readWhole(raw, "key-length"),
    zipfExponent: readNumber(raw, "zipf"),
    valueBytesMin,
    valueBytesMax,
    gets,
    sets,
    ttlSeconds: readWhole(raw, "ttl"),
    depth: readWhole(raw, "pipeline"),
    verify: raw.verify === true,
    seed: readWhole(raw, "seed"),
  };
}

function readPlan(raw: RawArgs): Plan {
  const requests = raw.requests === undefined ? {} : { requests: readPositive(raw, "requests") };
  const timed = raw.seconds !== undefined || raw.requests === undefined;
  const seconds = raw.seconds === undefined ? 10 : readNumber(raw, "seconds");
  if (seconds <= 0) throw new ConfigError("--seconds must be above 0");
  const rate = raw.rate === undefined ? {} : { rate: readPositive(raw, "rate") };
  const connections = readPositive(raw, "connections");
  return { connections, ...requests, ...(timed ? { seconds } : {}), ...rate };
}

function readChoice<T extends string>(raw: RawArgs, name: string, choices: readonly T[]): T {
  const choice = choices.find((one) => one === raw[name]);
  if (choice !== undefined) return choice;
  throw new ConfigError(`--${name} must be one of ${choices.join(", ")}, not "${raw[name]}"`);
}

function readNumber(raw: RawArgs, name: string): number {
  const text = String(raw[name]);
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
    throw new ConfigError(`--${name} must be a number, not "${text}"`);
  }
  return value;
}

function readWhole(raw: RawArgs, name: string): number {
  const value = readNumber(raw, name);
  if (!Number.isSafeInteger(value)) throw new ConfigError(`--${name} must be a whole number`);
  return value;
}

function readPositive(raw: RawArgs, name: string): number {
  const value = readWhole(raw, name);
  if (value === 0) throw new ConfigError(`--${name} must be above 0`);
  return value;
}

function readPair(raw: RawArgs, name: string, mark: string, single: boolean): [number, number] {
  const text = String(raw[name]);
  const words = text.split(mark);
  if (single && words.length === 1) words.push(words[0]);
  if (words.length !== 2 || !words.every((word) => /^\d+$/.test(word))) {
    throw new ConfigError(`--${name} must be N${mark}N${single ? " or N" : ""}, not "${text}"`);
  }
  return [Number(words[0]), Number(words[1])];
}

/** Runs the load and prints the result. Error replies fail the command so that scripts notice. */
async function execute(job: Job): Promise<void> {
  const { target, workload, plan } = job;
  if (job.preload) {
    const loaded = await preload(target, workload, plan.connections, progress(job, "preload"));
    if (loaded.errors > 0) throw new BenchError(`the preload failed: ${loaded.firstError}`);
  }
  const result = await runBench(target, workload, plan, progress(job, "run"));
  if (!job.quiet && process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  const finished = report(workload, plan, result);
  const text = job.json ? JSON.stringify(finished, null, 2) : reportTable(finished);
  await Bun.write(Bun.stdout, `${text}\n`);
  if (result.errors > 0) throw new BenchError(`${result.errors} requests failed`);
}

/** On a terminal, one line that is rewritten in place; elsewhere, one line per second. */
function progress(job: Job, phase: string): (progress: Progress) => void {
  if (job.quiet) return () => {};
  if (process.stderr.isTTY) {
    return (now) => process.stderr.write(`\r\x1b[K${progressLine(phase, now)}`);
  }
  let nextSecond = 1;
  return (now) => {
    if (now.elapsedSeconds < nextSecond) return;
    nextSecond = Math.floor(now.elapsedSeconds) + 1;
    process.stderr.write(`${progressLine(phase, now)}\n`);
  };
}
