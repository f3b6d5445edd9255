// Reads items from a file or a pipe, of which the first bytes say whether it is a snapshot (RDB) or
// lines of JSON, and gives them to a loader. Opens nothing.
// Invariants: memory is bounded by the largest item, whatever the size of the input; the loader's
// room() is awaited after each chunk.

import { wallClockMs } from "../base/clock.ts";
import { bulkBytesMax } from "../base/limits.ts";
import { RdbError } from "../rdb/format.ts";
import { RdbReader } from "../rdb/reader.ts";
import type { ItemLoader } from "./item-loader.ts";
import { LineError, readItem } from "./json-item.ts";
import { LineSplitter } from "./line-splitter.ts";
import { MoveError } from "./move-error.ts";
import type { Choice } from "./moved-item.ts";

export interface ReadParts {
  readonly choice: Choice;
  readonly loader: ItemLoader;
  /** How many databases there are where the items go. */
  readonly databases: number;
  /** Bytes read so far. */
  progress(bytes: number): void;
}

/** What was in the input. */
export interface ReadReport {
  readonly format: "rdb" | "json";
  /** What is no string or of no database that is there, by kind. */
  readonly skipped: ReadonlyMap<string, number>;
  /** Items that the user did not want. */
  readonly unwanted: number;
}

const magicBytes = 5;
/** Of a value of 64 MiB each byte of which is written as \\u0000, and its key. */
const jsonLineBytesMax = bulkBytesMax;

interface Input {
  push(chunk: Uint8Array): void;
  /** No more bytes come. */
  finish(): void;
  report(): ReadReport;
}

/** Rejects with a MoveError if the input is damaged: it says where. */
export async function readItems(
  chunks: AsyncIterable<Uint8Array>,
  parts: ReadParts,
): Promise<ReadReport> {
  let head: Uint8Array = new Uint8Array(0);
  let input: Input | null = null;
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    head = input === null ? Buffer.concat([head, chunk]) : chunk;
    if (input === null && head.length < magicBytes) continue;
    input ??= inputFor(head, parts);
    taking(() => input?.push(head));
    await parts.loader.room();
    parts.progress(bytes);
  }
  if (input === null) {
    input = inputFor(head, parts);
    if (head.length > 0) input.push(head);
  }
  taking(() => input.finish());
  await parts.loader.finish();
  return input.report();
}

// --- internal ---

function inputFor(head: Uint8Array, parts: ReadParts): Input {
  const magic = Buffer.from(head.subarray(0, magicBytes)).toString("latin1");
  return magic === "REDIS" || magic === "VALKE" ? snapshotInput(parts) : jsonInput(parts);
}

function taking(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw error instanceof RdbError ? new MoveError(error.message) : error;
  }
}

function snapshotInput({ choice, loader, databases }: ReadParts): Input {
  let database = 0;
  let unwanted = 0;
  const reader = new RdbReader(
    {
      select: (selected) => {
        database = selected;
      },
      item: (key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt) => {
        if (!choice.takes(database, key, keyStart, keyEnd)) return void unwanted++;
        const item = {
          ...{ database, expiresAt },
          key: key.subarray(keyStart, keyEnd),
          value: value.subarray(valueStart, valueEnd),
        };
        loader.put(item, 0);
      },
      refused: () => loader.fail("an item is longer than any server takes"),
    },
    { databases },
  );
  return {
    push: (chunk) => {
      const taken = reader.push(chunk);
      if (taken === chunk.length) return;
      throw new MoveError(`bytes follow the end of the snapshot at byte ${reader.offset}`);
    },
    finish: () => reader.finish(),
    report: () => ({ format: "rdb", skipped: reader.skipped, unwanted }),
  };
}

function jsonInput({ choice, loader, databases }: ReadParts): Input {
  let unwanted = 0;
  let beyond = 0;
  const line = (bytes: Uint8Array, number: number) => {
    if (bytes.length === 0) return;
    const item = readItem(bytes, wallClockMs());
    const { database, key } = item;
    if (!choice.takes(database, key, 0, key.length)) unwanted++;
    else if (database >= databases) beyond++;
    else loader.put(item, number);
  };
  const splitter = new LineSplitter(
    {
      line: (bytes, number) => {
        try {
          line(bytes, number);
        } catch (error) {
          if (!(error instanceof LineError)) throw error;
          loader.fail(`line ${number}: ${error.message}`);
        }
      },
      tooLong: (number) =>
        loader.fail(`line ${number}: it is longer than ${jsonLineBytesMax} bytes`),
    },
    jsonLineBytesMax,
  );
  return {
    push: (chunk) => splitter.push(chunk),
    finish: () => splitter.finish(),
    report: () => ({
      format: "json",
      skipped: new Map(beyond === 0 ? [] : [["other database", beyond]]),
      unwanted,
    }),
  };
}
