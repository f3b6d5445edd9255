// `mscache export [FILE]`: writes what a server holds at one moment into a file or to standard
// output, as a snapshot (RDB) or as lines of JSON. src/move/ gets the snapshot and writes it.
// Invariant: a file of the given name is whole, or what it was before.

import { type ArgsDef, defineCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { type Download, download } from "../move/download.ts";
import { MoveError } from "../move/move-error.ts";
import { Choice } from "../move/moved-item.ts";
import { NewFile } from "../move/new-file.ts";
import { ServerLink } from "../move/server-link.ts";
import {
  CopyingWriter,
  FilteringWriter,
  JsonWriter,
  type SnapshotWriter,
} from "../move/snapshot-writers.ts";
import { Spout } from "../move/spout.ts";
import { count, databaseOf, kinds, moving, size, type ToldTarget, targetOf } from "./moving.ts";
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
    description: "rdb or json; without it, by the end of the file's name, or json",
    valueHint: "rdb|json",
  },
  pattern: {
    type: "string",
    description: "Only keys that match, as KEYS takes it",
    valueHint: "glob",
  },
  db: { type: "string", description: "Only this database; without it, all", valueHint: "number" },
  ...nodeArguments,
} satisfies ArgsDef;

interface Job {
  readonly target: ToldTarget;
  /** Empty: standard output. */
  readonly path: string;
  readonly format: Format;
  readonly choice: Choice;
}

export default defineCommand({
  meta: { name: "export", description: "Write what a server holds into a file" },
  args,
  async run({ args }) {
    const path = args.file === undefined || args.file === "-" ? "" : args.file;
    const target = targetOf(args);
    const database = databaseOf(args.db) ?? (target.namesDatabase ? target.database : undefined);
    await moving(async () => {
      const choice = new Choice({ pattern: args.pattern, database });
      await run({ target, path, format: formatOf(args.format, path), choice });
    });
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
  const { seconds, told } = await write(job, new Spout((bytes) => file.write(bytes)));
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
  { target, format, choice }: Job,
  spout: Spout,
): Promise<{ readonly seconds: number; readonly told: string }> {
  using line = new ProgressLine();
  await using link = await ServerLink.open(target);
  const writer = writerOf(format, choice, spout);
  const progress = (received: number, total: number) =>
    line.show(total > 0 ? received / total : -1, () => `${size(received)} received`);
  const got = await download({ link, writer, spout, progress });
  return { seconds: line.seconds, told: report(got, writer, spout) };
}

function writerOf(format: Format, choice: Choice, spout: Spout): SnapshotWriter {
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
