/**
 * RESP2 and RESP3 as a judge sees them: requests to bytes, bytes to replies that keep their wire
 * type, replies to text for error messages.
 * Deliberately independent of src/protocol, so that a bug there cannot hide behind itself.
 * Invariant: two replies are equal exactly when their bytes were (texts are latin1, one char a
 * byte).
 */

export type Argument = string | number | Uint8Array;

/** `type` is the wire's type byte; aggregates hold their parts flat, a null holds null. */
export interface Reply {
  readonly type: string;
  readonly value: string | null | readonly Reply[];
}

const crlf = Buffer.from("\r\n");
const simpleTypes = "+-:,(#_";
const bulkTypes = "$=!";
const aggregateTypes = "*~>%|";

export function bytesOf(argument: Argument): Uint8Array {
  return argument instanceof Uint8Array ? argument : Buffer.from(String(argument));
}

/** A command as clients send it: an array of bulk strings. */
export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const argument of args) {
    const bytes = bytesOf(argument);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, crlf);
  }
  return Buffer.concat(parts);
}

/** Thrown when a server sends bytes that are no RESP at all. */
export class NotResp extends Error {
  override readonly name = "NotResp";
}

/** An incremental reader: push chunks as they come, take replies as they complete. */
export class ReplyReader {
  private bytes = Buffer.alloc(4096);
  private start = 0;
  private end = 0;
  private position = 0;
  /** No reply can be complete before this many bytes are here: spares rescans of large values. */
  private wanted = 0;

  push(chunk: Uint8Array): void {
    this.makeRoom(chunk.length);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Bytes that arrived and belong to no complete reply yet. */
  get pending(): Buffer {
    return Buffer.from(this.bytes.subarray(this.start, this.end));
  }

  /** Hands out up to `length` raw bytes, bypassing RESP. */
  takeRaw(length: number): Buffer | undefined {
    if (this.end - this.start < length) return undefined;
    const raw = Buffer.from(this.bytes.subarray(this.start, this.start + length));
    this.start += length;
    return raw;
  }

  next(): Reply | undefined {
    if (this.end - this.start < this.wanted) return undefined;
    this.wanted = 0;
    this.position = this.start;
    const reply = this.parse();
    if (reply !== undefined) this.start = this.position;
    return reply;
  }

  private makeRoom(length: number): void {
    if (this.end + length <= this.bytes.length) return;
    const live = this.end - this.start;
    const roomy = live + length <= this.bytes.length / 2;
    const target = roomy ? this.bytes : Buffer.alloc(Math.max(live + length, 4096) * 2);
    this.bytes.copy(target, 0, this.start, this.end);
    this.bytes = target;
    this.start = 0;
    this.end = live;
  }

  private line(): string | undefined {
    const at = this.bytes.indexOf(crlf, this.position);
    if (at < 0 || at + 2 > this.end) return undefined;
    const line = this.bytes.toString("latin1", this.position, at);
    this.position = at + 2;
    return line;
  }

  private parse(): Reply | undefined {
    if (this.position < this.end && !this.knownType()) {
      throw new NotResp(
        `not a RESP reply: ${JSON.stringify(this.pending.toString("latin1", 0, 80))}`,
      );
    }
    const line = this.line();
    if (line === undefined) return undefined;
    const type = line[0] as string;
    const text = line.slice(1);
    if (type === "_") return { type, value: null };
    if (simpleTypes.includes(type)) return { type, value: text };
    const length = Number(text);
    if (!Number.isSafeInteger(length) || length < -1) throw new NotResp(`bad length: ${line}`);
    if (length === -1) return { type, value: null };
    return bulkTypes.includes(type) ? this.bulk(type, length) : this.aggregate(type, length);
  }

  private knownType(): boolean {
    const type = String.fromCharCode(this.bytes[this.position] as number);
    return (simpleTypes + bulkTypes + aggregateTypes).includes(type);
  }

  private bulk(type: string, length: number): Reply | undefined {
    const end = this.position + length;
    if (end + 2 > this.end) {
      this.wanted = end + 2 - this.start;
      return undefined;
    }
    const value = this.bytes.toString("latin1", this.position, end);
    if (this.bytes[end] !== 13 || this.bytes[end + 1] !== 10) {
      throw new NotResp(`a bulk of ${length} bytes does not end in CRLF`);
    }
    this.position = end + 2;
    return { type, value };
  }

  private aggregate(type: string, length: number): Reply | undefined {
    const count = type === "%" || type === "|" ? length * 2 : length;
    const value: Reply[] = [];
    for (let i = 0; i < count; i++) {
      const part = this.parse();
      if (part === undefined) return undefined;
      value.push(part);
    }
    return { type, value };
  }
}

/** A reply as one short line of text, for comparing and for reading in a failure. */
export function show(reply: Reply): string {
  if (reply.value === null) return `${reply.type}null`;
  if (typeof reply.value === "string") return reply.type + quote(reply.value);
  return `${reply.type}[${reply.value.map(show).join(" ")}]`;
}

/** Printable text stays as it is, everything else becomes an escape. */
export function quote(text: string): string {
  return text.replace(/[^ -[\]-~]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

export function showCommand(args: readonly Argument[]): string {
  return args.map((a) => `"${quote(Buffer.from(bytesOf(a)).toString("latin1"))}"`).join(" ");
}

/** The text of a string-like reply; fails loudly on anything else. */
export function textOf(reply: Reply): string {
  if (typeof reply.value !== "string") throw new Error(`no text in ${show(reply)}`);
  return reply.value;
}

/** The parts of an aggregate; fails loudly on anything else. */
export function partsOf(reply: Reply): readonly Reply[] {
  if (reply.value === null || typeof reply.value === "string") {
    throw new Error(`no parts in ${show(reply)}`);
  }
  return reply.value;
}
