// Gathers the entries that are asked for in one turn of the event loop into one read. It keeps
// nothing beyond the turn.
// Invariant: a look is sent after it was asked for, so it sees every invalidation that was
// acknowledged before.

import type { EntryReader, Look } from "./entry-store.ts";

/** Entries of one read: large values should not hold up others for long. */
const entriesMax = 500;

interface Asked {
  readonly dependencies: Set<string>;
  readonly answer: PromiseWithResolvers<Look>;
}

export class LookBatch {
  private readonly reader: EntryReader;
  private asked = new Map<string, Asked>();

  constructor(reader: EntryReader) {
    this.reader = reader;
  }

  /** Reads an entry together with all that is asked for in this turn. */
  look(path: string, dependencies: readonly string[]): Promise<Look> {
    let entry = this.asked.get(path);
    if (entry === undefined) {
      if (this.asked.size === 0) queueMicrotask(() => this.send());
      entry = { dependencies: new Set(), answer: Promise.withResolvers() };
      this.asked.set(path, entry);
    }
    for (const name of dependencies) entry.dependencies.add(name);
    const { promise } = entry.answer;
    if (this.asked.size >= entriesMax) this.send();
    return promise;
  }

  private send(): void {
    const asked = this.asked;
    if (asked.size === 0) return;
    this.asked = new Map();
    void this.read(asked);
  }

  private async read(asked: ReadonlyMap<string, Asked>): Promise<void> {
    const answers = [...asked.values()];
    try {
      const wanted = [...asked].map(([path, { dependencies }]) => {
        return { path, dependencies: [...dependencies] };
      });
      const looks = await this.reader.look(wanted);
      answers.forEach(({ answer }, i) => {
        answer.resolve(looks[i] as Look);
      });
    } catch (error) {
      for (const { answer } of answers) answer.reject(error);
    }
  }
}
