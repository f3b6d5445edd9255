// Assigns numbers to commands, which index the counters of each thread of each node
// (command-statistics.ts). The table of commands is built once per process, when its files are
// loaded; no node changes it.

let lastId = 0;

export function nextCommandId(): number {
  return ++lastId;
}

/** The number of commands. Every id is below it. */
export function commandCount(): number {
  return lastId + 1;
}
