// How much memory of this process is resident. Reading it takes a descriptor, and a process that
// has none left must not end for it.

/** In bytes; 0 while the system does not say, for instance when no descriptor is left. */
export function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return 0;
  }
}
