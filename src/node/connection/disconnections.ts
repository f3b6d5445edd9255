// How many clients were disconnected because of a bound, by the bound: the counters of one thread,
// and their sum for INFO.

export interface Disconnections {
  /** They did not read: client-output-buffer-limit. */
  output: number;
  /** They announced too large a request: client-query-buffer-limit. */
  request: number;
  /** They held the most of what all clients together may hold: maxmemory-clients. */
  memory: number;
}

export type Bound = keyof Disconnections;

export function noDisconnections(): Disconnections {
  return { output: 0, request: 0, memory: 0 };
}

export function addDisconnections(sum: Disconnections, more: Disconnections): void {
  sum.output += more.output;
  sum.request += more.request;
  sum.memory += more.memory;
}
