// File descriptors: how many this process may have, how to duplicate one, and whether other sockets
// may share the port of one. Does not change the limit: Bun has raised the soft one to the hard one
// before this runs.

import { fromCLibrary } from "./c-library.ts";

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
}

/**
 * The soft limit now in force; Infinity if the system has none (Windows) or does not report it.
 * Tests pass their own `report`.
 */
export function descriptorsMax(report: () => object = () => process.report.getReport()): number {
  const { userLimits }: Report = report();
  const soft = userLimits?.open_files?.soft;
  return typeof soft === "number" ? soft : Number.POSITIVE_INFINITY;
}

/**
 * A new descriptor for the same file or socket, or -1 if that is not possible (Windows, or none is
 * left).
 */
export function duplicate(descriptor: number): number {
  return fromCLibrary({ dup: { args: ["i32"], returns: "i32" } })?.dup(descriptor) ?? -1;
}

/** SOL_SOCKET and SO_REUSEPORT, which differ by system. */
const portSharing: Record<string, readonly [level: number, name: number]> = {
  linux: [1, 15],
  darwin: [0xffff, 0x0200],
};

/**
 * Whether sockets of this process that are bound with SO_REUSEPORT may have the port of this one
 * as well, if their address is wider or narrower. Without the C library nothing changes.
 */
export function sharePort(descriptor: number, isShared: boolean): void {
  const option = portSharing[process.platform];
  if (option === undefined) return;
  const value = new Int32Array([isShared ? 1 : 0]);
  fromCLibrary({
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  })?.setsockopt(descriptor, ...option, value, value.byteLength);
}
