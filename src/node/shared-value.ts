// A value in shared memory that one thread writes and all others read: a few bytes, their length and a
// version. Each thread keeps what it has made of the bytes until the version is another one, so that
// reading costs one atomic load. It does not wake anybody.
// Invariant: the version is odd while the bytes are written, and another one for each value.

/** Int32 words that a value takes beside its bytes. */
export const sharedValueWords = 2;

export class SharedValue<Value> {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly decode: (bytes: Uint8Array) => Value;
  private seenVersion = 0;
  private seenValue: Value;

  /** `words` are sharedValueWords of them, all zero at first: no bytes. */
  constructor(words: Int32Array, bytes: Uint8Array, decode: (bytes: Uint8Array) => Value) {
    this.words = words;
    this.bytes = bytes;
    this.decode = decode;
    this.seenValue = decode(new Uint8Array(0));
  }

  get value(): Value {
    if (Atomics.load(this.words, 0) !== this.seenVersion) this.readAgain();
    return this.seenValue;
  }

  /** Only one thread may write. Bytes for which there is no room are none, and are not told. */
  write(bytes: Uint8Array): void {
    const length = bytes.length <= this.bytes.length ? bytes.length : 0;
    Atomics.add(this.words, 0, 1);
    this.bytes.set(bytes.subarray(0, length));
    Atomics.store(this.words, 1, length);
    Atomics.add(this.words, 0, 1);
  }

  /** The bytes may change while they are read: then they are read again. */
  private readAgain(): void {
    for (;;) {
      const version = Atomics.load(this.words, 0);
      const bytes = this.bytes.slice(0, Atomics.load(this.words, 1));
      const isWhole = (version & 1) === 0 && Atomics.load(this.words, 0) === version;
      if (!isWhole) continue;
      this.seenVersion = version;
      this.seenValue = this.decode(bytes);
      return;
    }
  }
}
