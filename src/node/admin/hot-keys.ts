// Which keys clients name most often: for a moment, each command is shown to this part of the node
// as to a client of MONITOR, and its keys are counted. So while nobody asks, nothing is counted and
// nothing is spent. Requests at the same time share the moment.
// Invariant: a moment ends after so many commands or milliseconds, whichever comes first.

import { monotonicMs } from "../../base/clock.ts";
import { hotKeyCommandsMax, hotKeyMsMax } from "../../base/limits.ts";
import type { Monitors } from "../../command/messages/monitors.ts";
import { monitoredKeys } from "./monitored-keys.ts";

/** What a moment has shown. */
export interface Moment {
  readonly ms: number;
  /** Commands of all databases. */
  readonly commands: number;
  /** By database: how often each key was named, a character of it for each byte. */
  readonly counts: ReadonlyMap<number, ReadonlyMap<string, number>>;
}

export class HotKeys {
  private readonly monitors: Monitors;
  private present: Promise<Moment> | null = null;

  constructor(monitors: Monitors) {
    this.monitors = monitors;
  }

  look(): Promise<Moment> {
    this.present ??= this.collect().finally(() => {
      this.present = null;
    });
    return this.present;
  }

  private async collect(): Promise<Moment> {
    const counts = new Map<number, Map<string, number>>();
    const isEnough = Promise.withResolvers<void>();
    let commands = 0;
    const beganMs = monotonicMs();
    const leave = this.monitors.listen((line) => {
      if (commands === hotKeyCommandsMax) return;
      commands++;
      count(counts, line);
      if (commands === hotKeyCommandsMax) isEnough.resolve();
    });
    const timer = setTimeout(isEnough.resolve, hotKeyMsMax);
    await isEnough.promise;
    clearTimeout(timer);
    leave();
    return { ms: monotonicMs() - beganMs, commands, counts };
  }
}

function count(counts: Map<number, Map<string, number>>, line: string): void {
  const found = monitoredKeys(line);
  if (found === null) return;
  const ofDatabase = counts.get(found.database) ?? new Map<string, number>();
  counts.set(found.database, ofDatabase);
  for (const key of found.keys) ofDatabase.set(key, (ofDatabase.get(key) ?? 0) + 1);
}
