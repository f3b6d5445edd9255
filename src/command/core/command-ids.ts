// Numbers of commands, by which each thread of each node finds its counters (command-statistics.ts). The table of
// commands is made once in a process, when its files are loaded; no node changes it.

let lastId = 0;

export function nextCommandId(): number {
  return ++lastId;
}

/** How many commands there are: the ids are below it. */
export function commandCount(): number {
  return lastId + 1;
}
