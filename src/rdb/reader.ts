// Reads a snapshot in the RDB format of any Redis or Valkey, pushed in as it arrives and cut
// anywhere. The handler gets the strings of the first databases; every other type and database is
// skipped and counted; what cannot be skipped is an error that says what and where. Keys and values
// are ranges, of the pushed bytes if they are whole in one push: the handler must copy what it
// keeps.
// Invariants: memory follows the bytes that arrived, never an announced length; a value that
// announces more than `valueBytesMax` takes none, packed or not; every step consumes all that it
// needs or nothing; the checksum covers every consumed byte.
//
// States:  magic -> record -> key -> value -> record ... -> checksum -> done
//                   record -> skip -> record          (unused types, databases and opcodes)
//                   record -> name -> text -> record  (auxiliary fields)
//                   record -> library -> record       (functions, if the handler wants them)
// In the state `skip`, shape-skipper.ts steps over one value.

import {
  bulkBytesMax,
  keyBytesMax,
  scriptBytesMax,
  snapshotFieldBytesMax,
} from "../base/limits.ts";
import { Crc64 } from "./crc64.ts";
import {
  ignoredAfter,
  opcode,
  redisVersionMax,
  STRING_TYPE,
  type Step,
  shapeOf,
} from "./format.ts";
import { ShapeSkipper } from "./shape-skipper.ts";
import { RdbStrings } from "./strings.ts";

export interface RdbHandler {
  /** The items that follow are of this database. Without a call they are of database 0. */
  select?(database: number): void;
  /**
   * One string; `expiresAt` is in ms since 1970, 0 for none. The ranges are valid during the call.
   */
  item(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAt: number,
  ): void;
  /** An item whose key or value is too long; the range is empty if the key is. */
  refused?(key: Uint8Array, keyStart: number, keyEnd: number): void;
  /** An auxiliary field. One that is longer than snapshotFieldBytesMax is skipped. */
  auxiliary?(name: string, value: string): void;
  /** The text of a library of functions; false: it is counted as skipped. */
  library?(bytes: Uint8Array, start: number, end: number): boolean;
}

export interface RdbReaderOptions {
  /** How many databases to read. Default 1. */
  readonly databases?: number | undefined;
  /**
   * Whether a value of these that is not a string is an error. Default false: it is skipped.
   */
  readonly refusesOtherTypes?: boolean | undefined;
  /** Longest value, bytes; a longer one is refused by its header. Default bulkBytesMax. */
  readonly valueBytesMax?: number;
}

type State =
  | ("magic" | "record" | "key" | "value" | "name" | "text" | "library")
  | ("skip" | "checksum" | "done");

const decoder = new TextDecoder();
const empty: Uint8Array = new Uint8Array(0);
const magicBytes = 9;
const firstVersionWithChecksum = 5;

export class RdbReader {
  version = 0;
  isValkey = false;
  /** Items handed out. */
  items = 0;
  /** How much was skipped, by kind: `list`, `stream`, `function`, `other database` ... */
  readonly skipped = new Map<string, number>();
  private readonly handler: RdbHandler;
  private readonly databases: number;
  private readonly refusesOtherTypes: boolean;
  private readonly valueBytesMax: number;
  private readonly in = new RdbStrings();
  private readonly crc = new Crc64();
  private state: State = "magic";
  private database = 0;
  private expiresAt = 0;
  private key: Uint8Array = empty;
  private keyStart = 0;
  private keyEnd = 0;
  /** Whether the key, or the name of the field, was too long. */
  private isRefused = false;
  private name = "";
  private readonly skipper = new ShapeSkipper(this.in);

  constructor(handler: RdbHandler, options: RdbReaderOptions = {}) {
    const { refusesOtherTypes = false, valueBytesMax = bulkBytesMax } = options;
    this.handler = handler;
    this.databases = options.databases ?? 1;
    this.refusesOtherTypes = refusesOtherTypes;
    this.valueBytesMax = valueBytesMax;
  }

  /** True when the whole snapshot has been read and its checksum was right. */
  get done(): boolean {
    return this.state === "done";
  }

  /** Bytes consumed so far. */
  get offset(): number {
    return this.in.offset;
  }

  /**
   * Reads the bytes of a range. Returns how many of them belong to the snapshot: all of them, until
   * it is done. Throws an RdbError if the bytes are broken.
   */
  push(chunk: Uint8Array, start = 0, end = chunk.length): number {
    if (this.done) return 0;
    const input = this.in;
    input.take(chunk, start, end);
    let moving = true;
    while (moving) moving = this.step();
    this.crc.update(input.buf, input.summed, input.at);
    if (this.state === "value") this.keepKey();
    const left = input.keep();
    return this.done ? end - start - left : end - start;
  }

  /** Call when no more bytes will come. Throws an RdbError if the snapshot is incomplete. */
  finish(): void {
    if (!this.done) throw this.in.error("it ends in the middle");
  }

  /** One step of the state machine; false if bytes are missing. */
  private step(): boolean {
    switch (this.state) {
      case "magic":
        return this.magic();
      case "record":
        return this.record();
      case "key":
        return this.readKey();
      case "value":
        return this.readValue();
      case "name":
        return this.readName();
      case "text":
        return this.readText();
      case "library":
        return this.readLibrary();
      case "skip":
        if (!this.skipper.run()) return false;
        this.state = "record";
        return true;
      case "checksum":
        return this.checksum();
      case "done":
        return false;
    }
  }

  private magic(): boolean {
    const input = this.in;
    if (!input.has(magicBytes)) return false;
    const text = decoder.decode(input.buf.subarray(input.at, input.at + magicBytes));
    const match = /^(?:REDIS(\d{4})|VALKEY(\d{3}))$/.exec(text);
    if (match === null) throw input.error("these bytes are not a snapshot");
    this.isValkey = match[1] === undefined;
    this.version = Number(match[1] ?? match[2]);
    if (this.version < 1 || (!this.isValkey && this.version > redisVersionMax)) {
      throw input.error(`version ${this.version} is not known`);
    }
    input.at += magicBytes;
    this.state = "record";
    return true;
  }

  private record(): boolean {
    const input = this.in;
    if (!input.has(1)) return false;
    const code = input.buf[input.at];
    switch (code) {
      case opcode.EXPIRE_MS:
        return this.expiry(8);
      case opcode.EXPIRE_SECONDS:
        return this.expiry(4);
      case opcode.SELECT_DATABASE:
        return this.select();
      case opcode.AUX:
        return this.enter("name");
      case opcode.END:
        return this.end();
      case opcode.FUNCTION:
        if (this.handler.library !== undefined) return this.enter("library");
    }
    if (code === STRING_TYPE && this.isOurs) return this.enter("key");
    return this.skipRecord(code);
  }

  /** Whether this database is to be read. */
  private get isOurs(): boolean {
    return this.database < this.databases;
  }

  private enter(state: State): boolean {
    this.in.at++;
    this.state = state;
    return true;
  }

  private expiry(width: number): boolean {
    const input = this.in;
    if (!input.has(1 + width)) return false;
    const at = input.at + 1;
    const time = width === 8 ? input.integer64(at) : input.integer32(at) * 1000;
    // In the store, 0 means no expiry; a moment at or before 1970 has passed in any case.
    this.expiresAt = Math.max(time, 1);
    input.at = at + width;
    return true;
  }

  private select(): boolean {
    const input = this.in;
    const start = input.at++;
    const database = input.length();
    if (database < 0) {
      input.at = start;
      return false;
    }
    this.database = database;
    if (this.isOurs) this.handler.select?.(database);
    return true;
  }

  private end(): boolean {
    const hasChecksum = this.isValkey || this.version >= firstVersionWithChecksum;
    return this.enter(hasChecksum ? "checksum" : "done");
  }

  private checksum(): boolean {
    const input = this.in;
    if (!input.has(8)) return false;
    this.crc.update(input.buf, input.summed, input.at);
    const low = input.integer32(input.at) | 0;
    const high = input.integer32(input.at + 4) | 0;
    const absent = low === 0 && high === 0; // the writer had checksums turned off
    if (!absent && (low !== this.crc.low || high !== this.crc.high)) {
      throw input.error(`the checksum is wrong, its bytes give ${this.crc}`);
    }
    input.at += 8;
    input.summed = input.at;
    this.state = "done";
    return true;
  }

  // ---- items and auxiliary fields ---------------------------------------------------------------

  private readKey(): boolean {
    const input = this.in;
    if (!input.string(keyBytesMax)) return false;
    this.isRefused = input.isTooLong;
    this.key = input.bytes;
    this.keyStart = input.start;
    this.keyEnd = input.end;
    this.state = "value";
    return true;
  }

  private readValue(): boolean {
    const input = this.in;
    if (!input.string(this.isRefused ? 0 : this.valueBytesMax)) return false;
    this.state = "record";
    if (this.isRefused || input.isTooLong) {
      this.handler.refused?.(this.key, this.keyStart, this.keyEnd);
    } else {
      this.item();
    }
    this.expiresAt = 0;
    this.key = empty;
    input.release();
    return true;
  }

  private item(): void {
    const { bytes, start, end } = this.in;
    this.items++;
    this.handler.item(this.key, this.keyStart, this.keyEnd, bytes, start, end, this.expiresAt);
  }

  /** The pushed bytes are invalid after push(), so a key that waits for its value is copied. */
  private keepKey(): void {
    // A key with its own buffer fills it; in the pushed bytes, its length precedes it.
    if (this.key.length === this.keyEnd - this.keyStart) return;
    // Not slice(): on a Buffer, which a socket delivers, that would make another view.
    this.key = new Uint8Array(this.key.subarray(this.keyStart, this.keyEnd));
    this.keyStart = 0;
    this.keyEnd = this.key.length;
  }

  private readName(): boolean {
    if (!this.in.string(snapshotFieldBytesMax)) return false;
    this.isRefused = this.in.isTooLong;
    this.name = this.in.text();
    this.state = "text";
    return true;
  }

  private readText(): boolean {
    const input = this.in;
    if (!input.string(snapshotFieldBytesMax)) return false;
    this.state = "record";
    if (!this.isRefused && !input.isTooLong) this.handler.auxiliary?.(this.name, input.text());
    input.release();
    return true;
  }

  private readLibrary(): boolean {
    const input = this.in;
    if (!input.string(scriptBytesMax)) return false;
    this.state = "record";
    const { bytes, start, end } = input;
    if (input.isTooLong || this.handler.library?.(bytes, start, end) === false) {
      this.count("function");
    }
    input.release();
    return true;
  }

  // ---- stepping over ----------------------------------------------------------------------------

  private skipRecord(code: number): boolean {
    const passed = ignoredAfter(code, this.isValkey);
    if (passed !== undefined) {
      if (passed.name !== undefined) this.count(passed.name);
      return this.skipShape(passed.steps);
    }
    this.expiresAt = 0;
    if (code === STRING_TYPE) {
      this.count("other database");
      return this.skipShape(["string", "string"]);
    }
    const shape = shapeOf(code, this.isValkey);
    if (shape === undefined) {
      throw this.in.error(`type ${code} of ${this.isValkey ? "Valkey" : "Redis"} is not known`);
    }
    if (this.refusesOtherTypes && this.isOurs) {
      throw this.in.error(`a value of type ${shape.name}, and --other-types is refuse,`);
    }
    this.count(shape.name);
    return this.skipShape(["string", ...shape.steps]);
  }

  private skipShape(steps: readonly Step[]): boolean {
    this.skipper.begin(steps);
    return this.enter("skip");
  }

  private count(kind: string): void {
    this.skipped.set(kind, (this.skipped.get(kind) ?? 0) + 1);
  }
}
