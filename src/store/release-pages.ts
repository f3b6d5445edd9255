// Returns committed pages of shared memory to the operating system: madvise(MADV_DONTNEED) through
// bun:ffi on Linux and macOS. Cold path, after FLUSHALL or a lowered limit. If it is not available,
// it does nothing and returns false: the memory is then reused instead of returned.
// Invariant: only whole pages inside the range are released, so bytes outside keep their content.
// The content inside is undefined afterwards (zeros on Linux, possibly the old bytes on macOS).

import { dlopen, ptr } from "bun:ffi";

/** The largest page size of the supported platforms (arm64 macOS and some arm64 Linux: 16 KiB). */
const pageBytes = 16 * 1024;
const MADV_DONTNEED = 4;

type Advise = (address: number, bytes: number) => boolean;

let advise: Advise | null | undefined;

/** Names of the C library: glibc, then musl, whose names include the architecture. */
const libraries: Record<string, readonly string[]> = {
  linux: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
  darwin: ["libSystem.dylib"],
};

/** Called at the first use, so that a server that never flushes loads no library. */
function load(): Advise | null {
  for (const library of libraries[process.platform] ?? []) {
    try {
      const { symbols } = dlopen(library, {
        madvise: { args: ["ptr", "u64", "i32"], returns: "i32" },
      });
      return (address, bytes) => symbols.madvise(address as never, bytes, MADV_DONTNEED) === 0;
    } catch {
      // Not under this name: try the next. If there is none, the pages stay and are reused.
    }
  }
  return null;
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
