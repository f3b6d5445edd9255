// Units of memory as the benchmarks state them: MiB, with one digit. It knows no benchmark and no
// server, so that both can use it.

export const MiB = 1024 * 1024;

/** Bytes as MiB, such as "12.5". */
export function mib(bytes: number): string {
  return (bytes / MiB).toFixed(1);
}
