// The live stream of a leader: each command is applied, and its bytes go unchanged to our own
// journal, for our followers and for a promotion of this node. The offset of the journal is
// therefore also the applied offset.
// Invariants: a command is applied exactly once, and the offset moves past it right after; inside
// MULTI both wait for EXEC, so that after a cut in the middle of a transaction the link starts it
// again from its beginning, and our followers never get half of one; every byte of the stream is
// accounted for. What a leader of ours tells beside its stream counts for nothing.
//
// A Redis leader may have more databases and types: their commands are forwarded and counted here;
// command/stream/ decides what to do about them.

import { digitCount } from "../../base/ascii.ts";
import { SyncError } from "../../base/errors.ts";
import { bulkBytesMax } from "../../base/limits.ts";
import { wayOption } from "../../base/link.ts";
import type { Journal } from "../../journal/journal.ts";
import type { Apply } from "../../protocol/apply-stream.ts";
import { Request } from "../../protocol/request.ts";
import { RespParser } from "../../protocol/resp/resp-parser.ts";

/** A transaction waits in memory until its EXEC; Redis's bound for clients is of the same order. */
const transactionBytesMax = 2 * bulkBytesMax;
const transactionBytesInitial = 16 * 1024;
const CASE_BIT = 0x20;
/** As garbage, what a fast leader sends would take a small node a fifth of its memory. */
const ownsChunks = true;

type Kind = "data" | "multi" | "exec" | "select" | "ping" | "getack" | "way";

export interface LeaderStreamParts {
  readonly journal: Journal;
  /** The database that the stream has selected. */
  readonly database: number;
  readonly apply: Apply;
  /** Called right before a command is applied: it sees its keys as they were. */
  readonly changing?: ((request: Request, database: number) => void) | undefined;
  readonly acknowledge: () => void;
  /** A node of ours tells something beside its stream; null: the leader is none. */
  readonly told?: ((text: string) => void) | null;
  /** Items since the last full sync began that had no room here. */
  readonly refused?: number;
}

export class LeaderStream {
  /** The database that the stream has selected. */
  database: number;
  /** Commands that were not applied, as they are for another database or type, or unknown. */
  skipped = 0;
  /** Items and commands since the last full sync began that had no room here. */
  refused: number;
  private readonly journal: Journal;
  private readonly apply: Apply;
  private readonly changing: LeaderStreamParts["changing"];
  private readonly acknowledge: () => void;
  private readonly told: ((text: string) => void) | null;
  private readonly parser = new RespParser(undefined, ownsChunks);
  private readonly request = new Request();
  private received = 0;
  private handled = 0;
  private isFrozen = false;
  private transaction: Transaction | null = null;

  constructor(parts: LeaderStreamParts) {
    this.journal = parts.journal;
    this.refused = parts.refused ?? 0;
    this.database = parts.database;
    this.apply = parts.apply;
    this.changing = parts.changing;
    this.acknowledge = parts.acknowledge;
    this.told = parts.told ?? null;
  }

  /** What has arrived and is not applied. */
  get waitingBytes(): number {
    return this.parser.pendingBytes() + (this.transaction?.bytes.length ?? 0);
  }

  get frozen(): boolean {
    return this.isFrozen;
  }

  /** While frozen, commands are buffered and not applied. */
  set frozen(frozen: boolean) {
    this.isFrozen = frozen;
    if (!frozen) this.run();
  }

  /** Takes the chunk for good: its memory is freed as soon as it is consumed. */
  push(chunk: Uint8Array): void {
    this.received += chunk.length;
    this.parser.feed(chunk);
    this.run();
  }

  /** Applies what is there until the journal has reached an offset, frozen or not. */
  runTo(offset: number): void {
    this.run(offset);
  }

  private run(end = Number.POSITIVE_INFINITY): void {
    const parser = this.parser;
    const mayStep = () =>
      end === Number.POSITIVE_INFINITY ? !this.isFrozen : this.journal.offset < end;
    try {
      while (mayStep() && this.step());
    } finally {
      this.apply.rest?.(); // broken input ends the link, not the process
    }
    if (parser.error !== "") throw new SyncError(`the stream is broken: ${parser.error}`);
    parser.release();
    this.request.shrink();
  }

  /** Applies the next command; false if there is none, or if it has to wait. */
  private step(): boolean {
    const { apply, parser } = this;
    if (parser.pendingBytes() === 0 || apply.enter?.() === false) return false;
    try {
      if (!parser.next(this.request)) return false;
      this.command(this.request);
      return true;
    } finally {
      apply.leave?.();
    }
  }

  private command(request: Request): void {
    const end = request.end[request.argc - 1] + 2;
    const start = request.start[0] - headBytes(request);
    this.account(end - start);
    const kind = kindOf(request);
    if (this.transaction !== null) this.inTransaction(this.transaction, request, kind, start, end);
    else if (kind === "way" && this.told !== null) this.told(request.text(2));
    else if (kind === "multi") {
      this.transaction = new Transaction(this.database, request.buf, start, end);
    } else {
      // The acknowledgement that GETACK asks for does not count GETACK itself.
      if (kind === "getack") this.acknowledge();
      this.execute(request, kind);
      this.journal.append(request.buf, start, end);
    }
  }

  /** A byte that belongs to no command would shift every offset from here on. */
  private account(commandBytes: number): void {
    this.handled += commandBytes;
    const stray = this.received - this.parser.pendingBytes() - this.handled;
    if (stray !== 0) throw new SyncError(`the stream has ${stray} bytes that are no command`);
  }

  private inTransaction(
    transaction: Transaction,
    request: Request,
    kind: Kind,
    start: number,
    end: number,
  ): void {
    transaction.add(request.buf, start, end);
    // A command that cannot be followed ends the link now, not in the middle of the transaction.
    if (kind === "data") this.apply.check?.(request, transaction.database);
    if (kind === "select") transaction.database = databaseOf(request);
    if (kind !== "exec") return;
    this.transaction = null;
    const bytes = transaction.bytes;
    const parser = new RespParser();
    parser.feed(bytes);
    this.atOnce(() => {
      const request = new Request();
      while (parser.next(request)) this.execute(request, kindOf(request));
    });
    this.journal.append(bytes, 0, bytes.length);
  }

  private atOnce(work: () => void): void {
    if (this.apply.atOnce === undefined) work();
    else this.apply.atOnce(work);
  }

  private execute(request: Request, kind: Kind): void {
    if (kind === "select") this.database = databaseOf(request);
    if (kind !== "data") return;
    this.changing?.(request, this.database);
    const outcome = this.apply(request, this.database, this.refused > 0);
    if (outcome === "skipped") this.skipped++;
    else if (outcome === "refused") this.refused++;
  }
}

function databaseOf(request: Request): number {
  const text = request.text(1);
  if (!/^\d{1,9}$/.test(text)) throw new SyncError(`the stream selects database ${text}`);
  return Number(text);
}

/** The bytes of a transaction, from MULTI on. */
class Transaction {
  /** The database that its last SELECT, or what came before it, has selected. */
  database: number;
  private buffer = new Uint8Array(transactionBytesInitial);
  private length = 0;

  constructor(database: number, bytes: Uint8Array, start: number, end: number) {
    this.database = database;
    this.add(bytes, start, end);
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > transactionBytesMax) throw new SyncError(`a transaction of ${length} bytes`);
    if (length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.buffer.length));
      larger.set(this.bytes);
      this.buffer = larger;
    }
    this.buffer.set(bytes.subarray(start, end), this.length);
    this.length = length;
  }
}

/**
 * Bytes of `*<count>\r\n$<length>\r\n` before the first argument; a stream has no inline commands.
 */
function headBytes(request: Request): number {
  return digitCount(request.argc) + digitCount(request.length(0)) + 6;
}

/** By length first: the usual commands need not be read to tell them from the special ones. */
function kindOf(request: Request): Kind {
  switch (request.length(0)) {
    case 4:
      if (isNamed(request, 0, "ping")) return "ping";
      return isNamed(request, 0, "exec") ? "exec" : "data";
    case 5:
      return isNamed(request, 0, "multi") ? "multi" : "data";
    case 6:
      return isNamed(request, 0, "select") && request.argc > 1 ? "select" : "data";
    case 8:
      if (!isNamed(request, 0, "replconf")) return "data";
      if (request.argc > 1 && isNamed(request, 1, "getack")) return "getack";
      return request.argc > 2 && isNamed(request, 1, wayOption) ? "way" : "ping";
    default:
      return "data";
  }
}

/** Whether an argument is this lower-case word, in any case. */
function isNamed(request: Request, index: number, word: string): boolean {
  const start = request.start[index];
  if (request.length(index) !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    if ((request.buf[start + i] | CASE_BIT) !== word.charCodeAt(i)) return false;
  }
  return true;
}
