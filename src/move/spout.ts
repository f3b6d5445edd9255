// Bytes on their way into a file or a pipe that may be slower than their source: they wait here in
// order, and the source is told when to pause. It does not know where they go.
// Invariants: one write at a time; after the first failure nothing more is written, and drained()
// rejects with it.

/** Writes all of the bytes. */
export type Write = (bytes: Uint8Array) => Promise<void>;

const fullBytes = 4 * 1024 * 1024;

export class Spout {
  /** Bytes put into it so far. */
  total = 0;
  private readonly write: Write;
  private readonly chunks: Uint8Array[] = [];
  private waitingBytes = 0;
  private work: Promise<void> | null = null;
  private failure: unknown = null;

  constructor(write: Write) {
    this.write = write;
  }

  /** Whether the maker should await drained() before it makes more. */
  get isFull(): boolean {
    return this.waitingBytes >= fullBytes || this.failure !== null;
  }

  /** Keeps the array: it must not change any more. */
  put(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.failure !== null) return;
    this.total += bytes.length;
    this.chunks.push(bytes);
    this.waitingBytes += bytes.length;
    this.work ??= this.run();
  }

  /** Resolves when everything is written. */
  async drained(): Promise<void> {
    await this.work;
    if (this.failure !== null) throw this.failure;
  }

  private async run(): Promise<void> {
    try {
      for (let next = this.chunks.shift(); next !== undefined; next = this.chunks.shift()) {
        await this.write(next);
        this.waitingBytes -= next.length;
      }
    } catch (error) {
      this.failure = error; // drained() throws it
    }
    this.work = null;
  }
}
