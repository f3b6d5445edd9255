// Functions of the C library through bun:ffi, on Linux and macOS, for what Bun has no call for. If
// the library or the function is missing, as on Windows, the caller does without.

import { dlopen, type FFIFunction, type Library } from "bun:ffi";

/** Names of the C library: glibc, then musl, whose names include the architecture. */
const libraries: Record<string, readonly string[]> = {
  linux: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
  darwin: ["libSystem.dylib"],
};

/** The functions that are declared; null if this system does not have them. */
export function fromCLibrary<Functions extends Record<string, FFIFunction>>(
  functions: Functions,
): Library<Functions>["symbols"] | null {
  for (const library of libraries[process.platform] ?? []) {
    try {
      return dlopen(library, functions).symbols;
    } catch {
      // Not under this name: try the next.
    }
  }
  return null;
}
