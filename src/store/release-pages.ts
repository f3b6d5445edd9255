// Gives committed pages of shared memory back to the operating system: madvise(MADV_DONTNEED)
// through bun:ffi on Linux and macOS. Cold path, after FLUSHALL or a lowered limit. Where it is not
// available it does nothing and says so by returning false: the memory is then reused, not
// returned.
// Invariant: only whole pages inside the range go, so bytes outside keep their content. The content
// inside is undefined afterwards (zeros on Linux, possibly the old bytes on macOS).

import { dlopen, ptr } from "bun:ffi";

/** The largest page size of the platforms served (arm64 macOS and some arm64 Linux: 16 KiB). */
const PAGE_BYTES = 16 * 1024;
const MADV_DONTNEED = 4;

type Advise = (address: number, bytes: number) => boolean;

let advise: Advise | null | undefined;

/** Names of the C library: glibc, then musl's, which carry the architecture. */
const LIBRARIES: Record<string, readonly string[]> = {
  linux: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
  darwin: ["libSystem.dylib"],
};

/** Loaded at the first use, so that a server which never flushes opens no library. */
function load(): Advise | null {
  for (const library of LIBRARIES[process.platform] ?? []) {
    try {
      const { symbols } = dlopen(library, {
        madvise: { args: ["ptr", "u64", "i32"], returns: "i32" },
      });
      return (address, bytes) => symbols.madvise(address as never, bytes, MADV_DONTNEED) === 0;
    } catch {
      // Not under this name: the next one, or none, and then the pages stay and are used again.
    }
  }
  return null;
}

/** Releases the whole pages between the two byte positions; false where that is not available. */
export function releasePages(buffer: SharedArrayBuffer, from: number, to: number): boolean {
  if (advise === undefined) advise = load();
  if (advise === null) return false;
  const base = ptr(new Uint8Array(buffer, 0, 1));
  // Rounded as addresses, not as positions: a buffer need not begin at a page.
  const start = Math.ceil((base + from) / PAGE_BYTES) * PAGE_BYTES;
  const end = Math.floor((base + to) / PAGE_BYTES) * PAGE_BYTES;
  return end <= start || advise(start, end - start);
}
