// Returns committed pages of shared memory to the operating system: madvise(MADV_DONTNEED) through
// bun:ffi on Linux and macOS. Cold path, after FLUSHALL or a lowered limit. If it is not available,
// it does nothing and returns false: the memory is then reused instead of returned.
// Invariant: only whole pages inside the range are released, so bytes outside keep their content.
// The content inside is undefined afterwards (zeros on Linux, possibly the old bytes on macOS).

import { ptr } from "bun:ffi";
import { fromCLibrary } from "../base/c-library.ts";

/** The largest page size of the supported platforms (arm64 macOS and some arm64 Linux: 16 KiB). */
const pageBytes = 16 * 1024;
const MADV_DONTNEED = 4;

type Advise = (address: number, bytes: number) => boolean;

let advise: Advise | null | undefined;

/** Called at the first use, so that a server that never flushes loads no library. */
function load(): Advise | null {
  const found = fromCLibrary({ madvise: { args: ["ptr", "u64", "i32"], returns: "i32" } });
  if (found === null) return null;
  return (address, bytes) => found.madvise(address as never, bytes, MADV_DONTNEED) === 0;
}

/** Releases the whole pages between two byte positions; false if that is not available or fails. */
export function releasePages(buffer: SharedArrayBuffer, from: number, to: number): boolean {
  if (advise === undefined) advise = load();
  if (advise === null) return false;
  const base = ptr(new Uint8Array(buffer, 0, 1));
  // Rounds addresses, not positions: a buffer need not begin at a page boundary.
  const start = Math.ceil((base + from) / pageBytes) * pageBytes;
  const end = Math.floor((base + to) / pageBytes) * pageBytes;
  return end <= start || advise(start, end - start);
}
