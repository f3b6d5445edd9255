// `mscache export [FILE]`: writes what a server holds at one moment into a file or to standard
// output, as a snapshot (RDB) or as lines of JSON. src/move/ gets the snapshot and writes it.
// Invariant: a file of the given name is whole, or what it was before.

import { type ArgsDef, defineCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { type Download, download } from "../move/download.ts";
import { MoveError } from "../move/move-error.ts";
import { Choice, type Wanted } from "../move/moved-item.ts";
import { NewFile } from "../move/new-file.ts";
import { type ScanParts, scanDownload } from "../move/scan-download.ts";
import { ServerLink } from "../move/server-link.ts";
import {
  CopyingWriter,
  FilteringWriter,
  JsonWriter,
  type SnapshotWriter,
} from "../move/snapshot-writers.ts";
import { Spout } from "../move/spout.ts";
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
import { Output } from "./terminal.ts";

type Format = "rdb" | "json";

/** The format of a file by the end of its name. */
const endings: Readonly<Record<string, Format>> = {
  ...{ rdb: "rdb", json: "json", jsonl: "json", ndjson: "json" },
};

const args = {
  file: {
    type: "positional",
    description: "File to write; without it, or with -, standard output",
    required: false,
  },
  format: {
    type: "string",
    description: "rdb or json; without it, by the extension of FILE, else json",
    valueHint: "rdb|json",
  },
  pattern: {
    type: "string",
    description: "Only keys that match, such as user:*",
    valueHint: "glob",
  },
  scan: {
    type: "boolean",
    description: "Walk over the keys of a server that gives no snapshot; not of one moment",
    default: false,
  },
  db: { type: "string", description: "Only this database; without it, all", valueHint: "number" },
  ...nodeArguments,
} satisfies ArgsDef;

interface Job {
  readonly target: ToldTarget;
  /** Empty: standard output. */
  readonly path: string;
  readonly format: Format;
  readonly wanted: Wanted;
  /** Whether to walk over the keys. */
  readonly scans: boolean;
}

export default defineCommand({
  meta: { name: "export", description: "Write what a server holds into a file" },
  args,
  async run({ args }) {
    const path = args.file === undefined || args.file === "-" ? "" : args.file;
    const target = targetOf(args);
    const database = databaseOf(args.db) ?? (target.namesDatabase ? target.database : undefined);
    const format = formatOf(args.format, path);
    if (args.scan && format === "rdb") {
      const twice = "a walk may meet a key twice, which a snapshot must not have";
      throw new ConfigError(`--scan writes JSON alone: ${twice}`);
    }
    const wanted = { pattern: args.pattern, database };
    await moving(() => run({ target, path, format, wanted, scans: args.scan }));
  },
});

function formatOf(told: string | undefined, path: string): Format {
  if (told === "rdb" || told === "json") return told;
  if (told !== undefined) throw new ConfigError(`--format must be rdb or json, not "${told}"`);
  const [, ending = ""] = /\.([a-z]+)$/i.exec(path) ?? [];
  const known = Object.hasOwn(endings, ending.toLowerCase()) ? endings[ending.toLowerCase()] : null;
  if (known !== null) return known;
  if (path === "") return "json";
  throw new ConfigError(`the name of ${path} says no format; set --format rdb or json`);
}

async function run(job: Job): Promise<void> {
  if (job.path === "") return await toStandardOutput(job);
  await using file = await NewFile.create(job.path);
  const spout = new Spout((bytes) => file.write(bytes));
  const { seconds, told } = await unlessInterrupted(() => write(job, spout));
  await file.complete();
  process.stdout.write(`${told} in ${job.path}, ${seconds.toFixed(1)} s\n`);
}

async function toStandardOutput(job: Job): Promise<void> {
  const output = new Output();
  const put = async (bytes: Uint8Array) => {
    await output.write(bytes);
    if (output.closed.aborted) throw new MoveError("nobody reads the output any more");
  };
  await write(job, new Spout(put));
}

async function write(
  job: Job,
  spout: Spout,
): Promise<{ readonly seconds: number; readonly told: string }> {
  using line = new ProgressLine();
  await using link = await ServerLink.open(job.target);
  const writer = writerOf(job, spout);
  const got = await (job.scans
    ? walk(job, { link, writer, spout }, line)
    : download({
        ...{ link, writer, spout },
        progress: (received, total) =>
          line.show(total > 0 ? received / total : -1, () => `${size(received)} received`),
      }));
  return { seconds: line.seconds, told: report(got, writer, spout) };
}

function walk(
  { wanted }: Job,
  parts: Omit<ScanParts, "progress">,
  line: ProgressLine,
): Promise<Download> {
  const progress = (keys: number, total: number) =>
    line.show(total > 0 ? Math.min(1, keys / total) : -1, () => count(keys, "key"));
  return scanDownload({ ...parts, ...wanted, progress });
}

function writerOf({ format, wanted }: Job, spout: Spout): SnapshotWriter {
  const choice = new Choice(wanted);
  if (format === "json") return new JsonWriter(spout, choice);
  return choice.isAll ? new CopyingWriter(spout) : new FilteringWriter(spout, choice);
}

function report(got: Download, writer: SnapshotWriter, spout: Spout): string {
  const isCopy = writer.written < 0;
  const items = count(isCopy ? got.items : writer.written, "item");
  const others = kinds(got.skipped);
  const and = isCopy ? `, and ${others}` : `; ${others} left out`;
  return `${items}${others === "" ? "" : and} (${size(spout.total)})`;
}
