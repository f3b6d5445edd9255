// `mscache replicate-from SOURCE --to NODE`: moves a running Redis, Valkey or node of ours to NODE,
// which follows it live until the user cuts over, and leads from then on. The steps are in
// replicate/; this file reads the arguments, puts the steps in order, and reports what happens.

import { type ArgsDef, defineCommand } from "citty";
import { wallClockMs } from "../base/clock.ts";
import { ConfigError } from "../base/errors.ts";
import { MoveError } from "../move/move-error.ts";
import { paletteOf } from "./colors.ts";
import { EnterKey } from "./enter-key.ts";
import { count, moving, sourceOf, targetOf } from "./moving.ts";
import { nodeArguments } from "./node-client.ts";
import { ProgressLine } from "./progress-line.ts";
import { type Plan, plan } from "./replicate/checks.ts";
import { Contact } from "./replicate/contact.ts";
import { type CutOver, cutOver, UnknownOutcome } from "./replicate/cut-over.ts";
import { Orders, type SourceTls } from "./replicate/orders.ts";
import { survey } from "./replicate/survey.ts";
import { watch } from "./replicate/watch.ts";
import { untilInterrupted } from "./terminal.ts";

const { addr, ...targetArguments } = nodeArguments;
const verifiedKeys = 1_000;
const holdSecondsMin = 15;
const holdSecondsMax = 3_600;

const args = {
  source: {
    type: "positional",
    description:
      "The server to move: redis://user:password@host:port or rediss://, as NODE reaches it",
    required: true,
  },
  to: { ...addr, description: "Node to move to: host:port, or a URL" },
  "source-user": {
    type: "string",
    description: "User at the source, if the URL has none",
    valueHint: "name",
  },
  "source-password": {
    type: "string",
    description:
      "Password at the source; use MSCACHE_SOURCE_PASSWORD to keep it out of the process list",
    valueHint: "text",
  },
  "source-ca": {
    type: "string",
    description: "Authorities that signed the source's certificate; NODE reads the file as well",
    valueHint: "file",
  },
  "source-cert": {
    type: "string",
    description: "Certificate to show to the source; NODE reads the file as well",
    valueHint: "file",
  },
  "source-key": {
    type: "string",
    description: "Private key of that certificate",
    valueHint: "file",
  },
  replace: { type: "boolean", description: "Drop the data that NODE has", default: false },
  cutover: {
    type: "boolean",
    description: "Cut over as soon as NODE is level, without asking",
    default: false,
  },
  verify: {
    type: "string",
    description: `Keys to compare before NODE leads: all, none, or a number for each database`,
    valueHint: "all|none|N",
    default: String(verifiedKeys),
  },
  "keep-writing": {
    type: "boolean",
    description: "Do not pause writes at the source; those of the last moments are lost",
    default: false,
  },
  hold: {
    type: "string",
    description: "How long writes stay paused at the source after the cut-over",
    valueHint: "seconds",
    default: "60",
  },
  "skip-survey": {
    type: "boolean",
    description: "Do not walk over the source's keys to find what is left out",
    default: false,
  },
  "dry-run": {
    type: "boolean",
    description: "Check and survey, and change nothing",
    default: false,
  },
  ...targetArguments,
} satisfies ArgsDef;

interface Job {
  readonly source: Contact;
  readonly target: Contact;
  readonly sourceTls: SourceTls;
  readonly replaces: boolean;
  readonly cutsOver: boolean;
  readonly verifiedKeysMax: number;
  readonly keepsWriting: boolean;
  readonly holdMs: number;
  readonly surveys: boolean;
  readonly isDryRun: boolean;
}

export default defineCommand({
  meta: { name: "replicate-from", description: "Move a running Redis to a node" },
  args,
  async run({ args }) {
    const source = sourceOf(args);
    if (source.namesDatabase && source.database > 0) {
      const other = "export --db and import move one";
      throw new ConfigError(`replication moves all databases of a server; ${other}`);
    }
    await using theirs = new Contact({ ...source, database: 0 });
    await using ours = new Contact({ ...targetOf({ ...args, addr: args.to }), database: 0 });
    const job = {
      ...{ source: theirs, target: ours, replaces: args.replace, cutsOver: args.cutover },
      sourceTls: {
        ca: args["source-ca"] ?? "",
        cert: args["source-cert"] ?? "",
        key: args["source-key"] ?? "",
      },
      verifiedKeysMax: verifiedOf(args.verify),
      keepsWriting: args["keep-writing"],
      holdMs: holdOf(args.hold) * 1_000,
      surveys: !args["skip-survey"],
      isDryRun: args["dry-run"],
    };
    await moving(() => untilInterrupted((end) => run(job, end)));
  },
});

function verifiedOf(text: string): number {
  if (text === "all") return Number.POSITIVE_INFINITY;
  if (text === "none") return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ConfigError(`--verify must be all, none or a whole number, not "${text}"`);
}

function holdOf(text: string): number {
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (seconds >= holdSecondsMin && seconds <= holdSecondsMax) return seconds;
  const range = `from ${holdSecondsMin} to ${holdSecondsMax}`;
  throw new ConfigError(`--hold must be a whole number of seconds ${range}, not "${text}"`);
}

async function run(job: Job, end: AbortSignal): Promise<void> {
  const { source, target } = job;
  const planned = await plan(source, target, job.replaces);
  say(`${source.name} is ${planned.sourceIs}; it is moved to ${target.name}`);
  for (const warning of planned.warnings) say(paletteOf(process.stdout).yellow(warning));
  await announce(job, planned, end);
  if (job.isDryRun) return say("nothing was changed");
  const orders = new Orders(target);
  if (planned.isUnderWay) say(`${target.name} follows it already: this goes on from there`);
  else await orders.follow(source, job.sourceTls);
  if (!(await untilWanted(job, orders, end))) throw new MoveError(left(job));
  const done = await handOver(job, planned, orders, end);
  await putBack(job, orders);
  conclude(job, done);
}

/** What the target will not have. */
async function announce({ source, surveys }: Job, planned: Plan, end: AbortSignal): Promise<void> {
  if (!surveys || !planned.holdsStringsAlone) return;
  using line = new ProgressLine();
  const databases = planned.sourceKeys.keys();
  const found = await survey(await source.link(), databases, (keys) => {
    if (end.aborted) throw new MoveError("nothing was changed");
    line.show(-1, () => `${count(keys, "key")} looked at`);
  });
  line[Symbol.dispose]();
  const lines = found.leftOut(planned.targetDatabases);
  say(
    `${count(found.keys, "key")} there now; ${lines.length === 0 ? "all" : "all but these"} can be moved`,
  );
  for (const text of lines) say(`  left out: ${text}`);
}

/** False: the user leaves. */
async function untilWanted(job: Job, orders: Orders, end: AbortSignal): Promise<boolean> {
  const { source, target, cutsOver } = job;
  using line = new ProgressLine();
  using enter = new EnterKey();
  const hint = cutsOver ? "" : "   (Enter cuts over, Ctrl-C leaves it following)";
  try {
    return await watch({
      ...{ source, target, endsWhenLevel: cutsOver, wanted: enter.signal, left: end },
      event: (text) => line.above(() => say(text)),
      progress: (share, text) => line.show(share, () => `${text}${hint}`),
    });
  } catch (error) {
    if (orders.remembers) await stop(orders).catch(() => undefined); // the first error is told
    throw error;
  }
}

/** Following did not begin: the target is as it was. */
async function stop(orders: Orders): Promise<void> {
  await orders.promote();
  await orders.restore();
}

async function handOver(
  job: Job,
  planned: Plan,
  orders: Orders,
  signal: AbortSignal,
): Promise<CutOver> {
  using line = new ProgressLine();
  const { targetDatabases } = planned;
  try {
    return await cutOver({
      ...{ source: job.source, target: job.target, orders, targetDatabases, signal },
      ...{ verifiedKeysMax: job.verifiedKeysMax, keepsWriting: job.keepsWriting },
      holdMs: job.holdMs,
      progress: (text) => line.show(-1, () => text),
    });
  } catch (error) {
    if (!(error instanceof MoveError) || error instanceof UnknownOutcome) throw error;
    throw new MoveError(`no cut-over: ${error.message}; ${left(job)}`, { cause: error });
  }
}

async function putBack({ target }: Job, orders: Orders): Promise<void> {
  const settings = "masteruser, masterauth and tls-replication";
  try {
    if (orders.remembers) await orders.restore();
    else say(`${target.name} keeps the settings ${settings} of an earlier run`);
  } catch (error) {
    if (!(error instanceof MoveError)) throw error;
    say(`${target.name} leads, but ${settings} were not put back: ${error.message}`);
  }
}

function conclude({ source, target }: Job, { standing, compared, heldUntilMs }: CutOver): void {
  const { green, yellow } = paletteOf(process.stdout);
  say(green(`${target.name} leads now, with everything up to offset ${standing.targetOffset}`));
  if (compared !== null) {
    say(`compared: ${count(compared.equal, "string")} equal, none different`);
  }
  if (standing.skippedCommands > 0) {
    say(`left out of the stream: ${count(standing.skippedCommands, "command")} of other types`);
  }
  if (standing.refusedItems > 0) {
    say(yellow(`${count(standing.refusedItems, "item")} had no room at ${target.name}`));
  }
  say("scripts that were loaded by SCRIPT LOAD are not moved; libraries of functions are");
  say(`now point the clients to ${target.name}`);
  if (heldUntilMs === 0) say(yellow(`${source.name} takes writes, which nobody moves any more`));
  else
    say(
      `${source.name} holds writes for another ${Math.round((heldUntilMs - wallClockMs()) / 1000)} s`,
    );
}

/** The state in which a run ends before the cut-over. */
function left({ source, target }: Job): string {
  return (
    `${source.name} is as it was; ${target.name} goes on following it and takes no writes; ` +
    "the same command continues, REPLICAOF NO ONE ends it"
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
