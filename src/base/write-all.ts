// Writes whole arrays to files. One write may take only a part of the bytes, above all on a disk
// that is nearly full, and fails only when it can take none. Nothing is flushed to the disk here.
// Invariant: a call that succeeds has written every byte.

import { write, writeSync } from "node:fs";
import { promisify } from "node:util";

const writeTo = promisify(write);

export async function writeAll(file: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const count = bytes.length - done;
    const { bytesWritten } = await writeTo(file, bytes, done, count, position + done);
    done += bytesWritten;
  }
}

/** `put` makes one write; a test can let it fail. */
export function writeAllSync(
  file: number,
  bytes: Uint8Array,
  position: number,
  put: typeof writeSync = writeSync,
): void {
  for (let done = 0; done < bytes.length; ) {
    done += put(file, bytes, done, bytes.length - done, position + done);
  }
}
