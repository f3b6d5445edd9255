// Hot path: strings as UTF-8 for what is embedded, by way of one array that is used again and
// again, as fresh ones would pile up beside shared memory. It knows neither keys nor values.
// Invariant: `bytes` and `length` are valid until the next call of of().

/** Up to here the array is kept; what is longer has an array of its own. */
const keptBytesMax = 64 * 1024;
/** Shorter texts are encoded by a loop: 20 ns for 20 characters, where the encoder takes 60. */
const loopCharactersMax = 48;
const encoder = new TextEncoder();

export class TextBytes {
  bytes: Uint8Array;
  length: number;
  private readonly kept: Buffer;

  constructor() {
    this.kept = Buffer.alloc(keptBytesMax);
    this.bytes = this.kept;
    this.length = 0;
  }

  /** The bytes of a text, or the given bytes themselves; `length` of them count. */
  of(value: string | Uint8Array): Uint8Array {
    if (typeof value !== "string") {
      this.bytes = value;
      this.length = value.length;
    } else if (value.length > loopCharactersMax || !this.encodeAscii(value)) {
      this.encode(value);
    }
    return this.bytes;
  }

  private encodeAscii(text: string): boolean {
    const { kept } = this;
    const { length } = text;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      kept[i] = code;
    }
    this.bytes = kept;
    this.length = length;
    return true;
  }

  private encode(text: string): void {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    if (text.length * 3 <= keptBytesMax) {
      this.bytes = this.kept;
      this.length = encoder.encodeInto(text, this.kept).written;
      return;
    }
    this.bytes = encoder.encode(text);
    this.length = this.bytes.length;
  }
}
