// File descriptors: how many this process may have, and a second one for an open socket. Does not
// change the limit: Bun has raised the soft one to the hard one before this runs.

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
