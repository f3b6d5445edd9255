// A value in shared memory that one thread writes and all others read: a few bytes, their length
// and a version. Each thread caches the decoded value until the version changes, so that a read
// costs one atomic load. A write wakes no thread.
// Invariant: the version is odd while the bytes are being written, and differs for each value.

/** Int32 words that a value needs in addition to its bytes. */
export const sharedValueWords = 2;

export class SharedValue<Value> {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly decode: (bytes: Uint8Array) => Value;
  private seenVersion = 0;
  private seenValue: Value;

  /** `words` has sharedValueWords words. They are zero at first, which means no bytes. */
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

  /** Only one thread may write. Bytes that do not fit are replaced by none. */
  write(bytes: Uint8Array): void {
    const length = bytes.length <= this.bytes.length ? bytes.length : 0;
    Atomics.add(this.words, 0, 1);
    this.bytes.set(bytes.subarray(0, length));
    Atomics.store(this.words, 1, length);
    Atomics.add(this.words, 0, 1);
  }

  /** Reads again if the bytes changed while they were read. */
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
