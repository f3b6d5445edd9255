// How many files and sockets this process may have open at one time. It asks once and changes nothing: Bun
// has raised the soft limit to the hard one before any of this runs. Where the system has no such limit
// (Windows), or does not tell, the answer is Infinity.

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
}

/** Argument for tests. */
export function descriptorsMax(report: () => object = () => process.report.getReport()): number {
  const { userLimits }: Report = report();
  const soft = userLimits?.open_files?.soft;
  return typeof soft === "number" ? soft : Number.POSITIVE_INFINITY;
}
