// Encodes commands as RESP arrays into one growable buffer, from which the connection sends. It
// does not know the socket: the connection says how many bytes were sent. Keys and values are
// copied here, and nowhere else in the client.
// Invariant: 0 <= start <= end <= buffer.length; the bytes in [start, end) are encoded and not
// sent.
// Hot path: a loop over a short ASCII string takes 14 ns for 11 characters, Buffer.write 30 (Bun
// 1.4.5).

/** A key, a value or a keyword of a command. */
export type Argument = string | Uint8Array | number;

/** A command's name and arguments. Its bytes must not change before the reply. */
export type Command = readonly Argument[];

/** About how long a command is. A character may take more than one byte. */
export function charactersOf(command: Command): number {
  return command.reduce<number>(
    (sum, item) => sum + (typeof item === "number" ? 1 : item.length),
    0,
  );
}

const CR = 0x0d;
const LF = 0x0a;
const DOLLAR = 0x24; // $
const STAR = 0x2a; // *
const ZERO = 0x30;

const ordinaryBytes = 64 * 1024;
const keptBytesMax = 1024 * 1024; // a larger buffer is released when it is empty
const loopLengthMax = 64; // characters; Buffer.write is faster for longer strings
const guessedLengthMax = 4096; // characters; Buffer.byteLength takes 40 ns, much for a short text
const utf8BytesMax = 3; // of one UTF-16 unit
const headerBytesMax = 1 + 16 + 2; // type, digits, CR LF

export class CommandWriter {
  buffer: Buffer = Buffer.allocUnsafeSlow(ordinaryBytes);
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  /** Appends one command. */
  write(command: Command): void {
    this.reserve(headerBytesMax);
    this.header(STAR, command.length);
    for (let i = 0; i < command.length; i++) {
      const argument = command[i];
      if (typeof argument === "string") this.text(argument);
      else if (typeof argument === "number") this.text(String(argument));
      else this.bytes(argument);
    }
  }

  /** Drops the `count` oldest bytes, which were sent. */
  taken(count: number): void {
    this.start += count;
    if (this.start < this.end) return;
    this.start = 0;
    this.end = 0;
    if (this.buffer.length > keptBytesMax) this.buffer = Buffer.allocUnsafeSlow(ordinaryBytes);
  }

  private text(text: string): void {
    const length = text.length;
    if (length <= loopLengthMax) {
      this.reserve(headerBytesMax + length + 2);
      const before = this.end;
      this.header(DOLLAR, length);
      if (this.ascii(text)) return;
      this.end = before;
    }
    if (length > guessedLengthMax || !this.guessed(text, length)) {
      this.measured(text, Buffer.byteLength(text, "utf8"));
    }
  }

  /** Writes the text as if it were ASCII; if it is not, leaves `end` as it was. */
  private guessed(text: string, length: number): boolean {
    this.reserve(headerBytesMax + length * utf8BytesMax + 2);
    const before = this.end;
    this.header(DOLLAR, length);
    if (this.buffer.write(text, this.end, "utf8") === length) {
      this.end += length;
      this.newline();
      return true;
    }
    this.end = before;
    return false;
  }

  private measured(text: string, byteLength: number): void {
    this.reserve(headerBytesMax + byteLength + 2);
    this.header(DOLLAR, byteLength);
    this.buffer.write(text, this.end, "utf8");
    this.end += byteLength;
    this.newline();
  }

  /** Writes the text and its CR LF if it is ASCII; otherwise leaves `end` as it was. */
  private ascii(text: string): boolean {
    const buffer = this.buffer;
    const at = this.end;
    const length = text.length;
    for (let i = 0; i < length; i++) {
      const character = text.charCodeAt(i);
      if (character > 0x7f) return false;
      buffer[at + i] = character;
    }
    this.end = at + length;
    this.newline();
    return true;
  }

  private bytes(bytes: Uint8Array): void {
    this.reserve(headerBytesMax + bytes.length + 2);
    this.header(DOLLAR, bytes.length);
    this.buffer.set(bytes, this.end);
    this.end += bytes.length;
    this.newline();
  }

  private header(type: number, count: number): void {
    this.buffer[this.end++] = type;
    if (count < 10) {
      this.buffer[this.end++] = ZERO + count;
    } else if (count < 100) {
      this.buffer[this.end++] = ZERO + Math.trunc(count / 10);
      this.buffer[this.end++] = ZERO + (count % 10);
    } else {
      let unit = 100;
      while (unit * 10 <= count) unit *= 10;
      for (; unit >= 1; unit /= 10)
        this.buffer[this.end++] = ZERO + (Math.trunc(count / unit) % 10);
    }
    this.newline();
  }

  private newline(): void {
    this.buffer[this.end++] = CR;
    this.buffer[this.end++] = LF;
  }

  /**
   * Makes room for `count` bytes behind `end`. Who encodes a command itself writes it into `buffer`
   * after that, and moves `end`.
   */
  reserve(count: number): void {
    if (this.end + count > this.buffer.length) this.grow(count);
  }

  /**
   * Makes room after `end`. Drops the bytes that were sent, and allocates only if that is not
   * enough.
   */
  private grow(count: number): void {
    const unsent = this.end - this.start;
    const needed = unsent + count;
    const buffer =
      needed <= this.buffer.length / 2
        ? this.buffer
        : Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(buffer, 0, this.start, this.end);
    this.buffer = buffer;
    this.start = 0;
    this.end = unsent;
  }
}
