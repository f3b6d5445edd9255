// Reads items from a file or a pipe, of which the first bytes say whether it is a snapshot (RDB) or
// lines of JSON, and gives them to a loader. Opens nothing, and unpacks nothing: it says what
// would.
// Invariants: memory is bounded by the largest item, whatever the size of the input; the loader's
// room() is awaited after each chunk.

import { wallClockMs } from "../base/clock.ts";
import { bulkBytesMax } from "../base/limits.ts";
import { RdbError } from "../rdb/format.ts";
import { RdbReader } from "../rdb/reader.ts";
import type { ItemLoader } from "./item-loader.ts";
import { LineError, readItem } from "./json-item.ts";
import { JsonScanner } from "./json-scan.ts";
import { LineSplitter } from "./line-splitter.ts";
import { MoveError } from "./move-error.ts";
import { asBytes, type Choice, type ItemBytes } from "./moved-item.ts";

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
/** How packed files begin, and what unpacks them. */
const packers: readonly (readonly [name: string, magic: string, command: string])[] = [
  ["gzip", "\x1f\x8b", "gunzip -c"],
  ["zstd", "\x28\xb5\x2f\xfd", "zstd -dc"],
];
/** What Windows editors write before UTF-8. */
const byteOrderMark = "\xef\xbb\xbf";
const lineExample = '(a line is an item, as in {"key":"a","value":"b"})';
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
    if (input === null) {
      input = inputFor(head, parts);
      head = withoutMark(head);
    }
    parts.loader.nowMs = wallClockMs();
    taking(() => input?.push(head));
    await parts.loader.room();
    parts.progress(bytes);
  }
  if (input === null) {
    input = inputFor(head, parts);
    if (head.length > 0) input.push(withoutMark(head));
  }
  taking(() => input.finish());
  await parts.loader.finish();
  return input.report();
}

// --- internal ---

function inputFor(head: Uint8Array, parts: ReadParts): Input {
  const magic = Buffer.from(head.subarray(0, magicBytes)).toString("latin1");
  const packer = packers.find(([, beginning]) => magic.startsWith(beginning));
  if (packer !== undefined) {
    const [name, , command] = packer;
    throw new MoveError(
      `it is packed by ${name}: unpack it, as in ${command} FILE | mscache import`,
    );
  }
  return magic === "REDIS" || magic === "VALKE" ? snapshotInput(parts) : jsonInput(parts);
}

function withoutMark(head: Uint8Array): Uint8Array {
  const { length } = byteOrderMark;
  const isThere = Buffer.from(head.subarray(0, length)).toString("latin1") === byteOrderMark;
  return isThere ? head.subarray(length) : head;
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
        loader.put({ database, key, keyStart, keyEnd, value, valueStart, valueEnd, expiresAt }, 0);
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
  const scanner = new JsonScanner();
  let hasGoodLine = false; // then whoever wrote it knows how lines look
  const take = (item: ItemBytes, number: number) => {
    hasGoodLine = true;
    const { database, key, keyStart, keyEnd } = item;
    if (!choice.takes(database, key, keyStart, keyEnd)) unwanted++;
    else if (database >= databases) beyond++;
    else loader.put(item, number);
  };
  const splitter = new LineSplitter(
    {
      line: (bytes, start, end, number) => {
        if (start === end) return;
        const { nowMs } = loader;
        if (scanner.scan(bytes, start, end, nowMs)) return take(scanner, number);
        try {
          take(asBytes(readItem(bytes.subarray(start, end), nowMs)), number);
        } catch (error) {
          if (!(error instanceof LineError)) throw error;
          const example = hasGoodLine || loader.failed > 0 ? "" : ` ${lineExample}`;
          loader.fail(`line ${number}: ${error.message}${example}`);
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
