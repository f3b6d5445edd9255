// One run of a factory: what it is told, and what it has said of its result.
// Invariant: after the factory has ended, what it says has no effect.

import { checkBag } from "../arguments.ts";
import {
  type CacheSetOptions,
  cacheSetNames,
  checkTags,
  type EntrySettings,
  resolveEntry,
} from "./cache-options.ts";
import type { FactoryContext } from "./factory-context.ts";

export class FactoryRun implements FactoryContext {
  readonly key: string;
  readonly staleValue: unknown;
  readonly tags = new Set<string>();
  isSkipped = false;
  private hasEnded = false;
  private present: EntrySettings;
  private readonly controller = new AbortController();

  constructor(key: string, entry: EntrySettings, staleValue: unknown) {
    this.key = key;
    this.present = entry;
    this.staleValue = staleValue;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get entry(): EntrySettings {
    return this.present;
  }

  // Not methods: a factory may take them out of the context.
  readonly set = (options: CacheSetOptions): void => {
    if (this.hasEnded) return;
    checkBag("options", options, cacheSetNames);
    const { tags = [] } = options;
    checkTags([...this.tags, ...tags]);
    for (const tag of tags) this.tags.add(tag);
    this.present = resolveEntry(options, this.present);
  };

  readonly skip = (): void => {
    if (!this.hasEnded) this.isSkipped = true;
  };

  end(): void {
    this.hasEnded = true;
  }

  abort(reason: Error): void {
    this.controller.abort(reason);
  }
}
