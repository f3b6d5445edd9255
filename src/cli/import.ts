// `mscache import [FILE]`: writes the strings of a snapshot (RDB) or of lines of JSON into a server
// that runs, from a file or standard input. The first bytes tell the format. src/move/ reads and
// writes; this file reads the options and reports.

import { type ArgsDef, defineCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { reasonOf } from "../base/reason.ts";
import { databasesOf, type Existing, ItemLoader, takesMoments } from "../move/item-loader.ts";
import { MoveError } from "../move/move-error.ts";
import { Choice } from "../move/moved-item.ts";
import { type ReadReport, readItems } from "../move/read-items.ts";
import { ServerLink } from "../move/server-link.ts";
import {
  count,
  databaseOf,
  kinds,
  moving,
  size,
  type ToldTarget,
  targetOf,
  unlessInterrupted,
} from "./moving.ts";
import { nodeArguments } from "./node-client.ts";
import { ProgressLine } from "./progress-line.ts";

const args = {
  file: {
    type: "positional",
    description: "File to read; without it, or with -, standard input",
    required: false,
  },
  replace: { type: "boolean", description: "Overwrite keys that exist", default: false },
  "skip-existing": { type: "boolean", description: "Leave keys that exist", default: false },
  pattern: {
    type: "string",
    description: "Only keys that match, such as user:*",
    valueHint: "glob",
  },
  db: {
    type: "string",
    description: "Only this database of the file; without it, all",
    valueHint: "number",
  },
  "max-errors": {
    type: "string",
    description: "Stop when more items than this have failed",
    valueHint: "count",
    default: "100",
  },
  "dry-run": {
    type: "boolean",
    description: "Read and check the file, and write nothing",
    default: false,
  },
  ...nodeArguments,
} satisfies ArgsDef;

interface Job {
  /** Null: nothing is written. */
  readonly target: ToldTarget | null;
  readonly file: Bun.BunFile;
  readonly name: string;
  /** Whether somebody types the items, who has to know that they are awaited. */
  readonly isTyped: boolean;
  readonly choice: Choice;
  readonly existing: Existing;
  readonly errorsMax: number;
}

export default defineCommand({
  meta: { name: "import", description: "Write the items of a file into a server" },
  args,
  async run({ args }) {
    const isPipe = args.file === undefined || args.file === "-";
    const job = {
      target: args["dry-run"] ? null : targetOf(args),
      file: isPipe ? Bun.stdin : Bun.file(args.file ?? ""),
      name: isPipe ? "standard input" : (args.file ?? ""),
      isTyped: isPipe && process.stdin.isTTY === true,
      existing: existingOf(args.replace, args["skip-existing"]),
      errorsMax: errorsMaxOf(args["max-errors"]),
    };
    const database = databaseOf(args.db);
    await moving(async () =>
      run({ ...job, choice: new Choice({ pattern: args.pattern, database }) }),
    );
  },
});

function existingOf(replace: boolean, skip: boolean): Existing {
  if (replace && skip) throw new ConfigError("--replace and --skip-existing exclude each other");
  if (replace) return "replace";
  return skip ? "skip" : "refuse";
}

function errorsMaxOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ConfigError(`--max-errors must be a whole number, not "${text}"`);
}

async function run(job: Job): Promise<void> {
  const { target } = job;
  if (target === null) return await load(job, null);
  await using link = await ServerLink.open(target);
  await load(job, link);
}

async function load(job: Job, link: ServerLink | null): Promise<void> {
  const into = job.target?.namesDatabase ? job.target.database : undefined;
  const isKept = link !== null && into === undefined;
  const databases = isKept ? await databasesOf(link) : Number.POSITIVE_INFINITY;
  const { existing, errorsMax, choice } = job;
  const writing = {
    existing,
    errorsMax,
    into,
    takesMoments: link === null || (await takesMoments(link)),
  };
  const loader = new ItemLoader(link, into ?? 0, writing);
  if (job.isTyped) process.stderr.write("lines of JSON from this terminal, until Ctrl-D:\n");
  using line = new ProgressLine();
  const total = job.file.size; // of a pipe it is 0 or infinite
  const progress = (bytes: number) =>
    line.show(Number.isFinite(total) && total > 0 ? bytes / total : -1, () =>
      [size(bytes), count(loader.written, "item"), rate(loader.written, line.seconds)].join(", "),
    );
  try {
    const parts = { choice, loader, databases, progress };
    const report = await unlessInterrupted(() => readItems(chunksOf(job), parts));
    const { seconds } = line;
    line[Symbol.dispose]();
    print(job, loader, report, seconds);
  } catch (error) {
    if (!(error instanceof MoveError)) throw error;
    loader.stop(error);
    await loader.finish().catch(() => undefined); // the error that is told is the first one
    throw new MoveError(`${error.message}; ${soFar(loader)}`, { cause: error });
  }
  if (loader.failed > 0) throw new MoveError(failures(loader));
}

/** Opening and reading a file fail with words of the system. */
async function* chunksOf({ file, name }: Job): AsyncGenerator<Uint8Array> {
  try {
    yield* file.stream();
  } catch (error) {
    throw new MoveError(`cannot read ${name}: ${reasonOf(error)}`);
  }
}

function print(job: Job, loader: ItemLoader, report: ReadReport, seconds: number): void {
  const { written, existed, expired } = loader;
  const done = job.target === null ? "would be written" : "written";
  const lines = [
    `${count(written, "item")} ${done}, ${seconds.toFixed(1)} s (${rate(written, seconds)})`,
    existed > 0 ? `${count(existed, "key")} existed there and stayed as they were` : "",
    expired > 0 ? `${count(expired, "item")} had expired` : "",
    report.unwanted > 0 ? `${count(report.unwanted, "item")} not asked for` : "",
    report.skipped.size > 0 ? `left out: ${kinds(report.skipped)}` : "",
  ];
  process.stdout.write(`${lines.filter((text) => text !== "").join("\n")}\n`);
}

function rate(items: number, seconds: number): string {
  const perSecond = Math.round(items / Math.max(seconds, 0.001));
  return `${perSecond.toLocaleString("en")} items/s`;
}

function soFar(loader: ItemLoader): string {
  const notes = loader.notes.length > 1 ? `; errors before: ${loader.notes.join("; ")}` : "";
  return `${count(loader.written, "item")} had been written by then${notes}`;
}

function failures({ failed, notes }: ItemLoader): string {
  const more = failed > notes.length ? "; ..." : "";
  return `${count(failed, "item")} could not be written: ${notes.join("; ")}${more}`;
}
