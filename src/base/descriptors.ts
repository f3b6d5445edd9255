// How many files and sockets this process may have open at the same time. Changes nothing: Bun has
// raised the soft limit to the hard one before this runs. Returns Infinity if the system has no
// such limit (Windows) or does not report it.

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
}

/** The soft limit now in force. Tests pass their own `report`. */
export function descriptorsMax(report: () => object = () => process.report.getReport()): number {
  const { userLimits }: Report = report();
  const soft = userLimits?.open_files?.soft;
  return typeof soft === "number" ? soft : Number.POSITIVE_INFINITY;
}
