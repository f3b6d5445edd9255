// The configuration of a running node: what CONFIG GET shows, what CONFIG SET puts into force, and what
// CONFIG REWRITE writes. It changes the store and the standing itself; whoever else goes by a setting
// reads it when it is needed, or listens for changes.
// Invariant: `current` names the leader that the node follows now, not that of the start.

import type { Address } from "../base/address.ts";
import { descriptorsMax } from "../base/descriptors.ts";
import { type ErrorReply, errorReply } from "../base/errors.ts";
import { Signal } from "../base/signal.ts";
import type { Configuration } from "../command/core/node.ts";
import type { Config } from "../config/config.ts";
import type { Store } from "../store/store.ts";
import { clientsPossible } from "./client-bound.ts";
import { ConfigRewriter } from "./config-rewrite.ts";
import type { ClientMemory } from "./connection/client-memory.ts";
import { Settings } from "./settings.ts";
import type { Attached } from "./shared-memory.ts";
import type { SharedStanding } from "./standing.ts";

export class NodeConfiguration implements Configuration {
  /** After a CONFIG SET that has succeeded. */
  readonly changed = new Signal();
  private readonly store: Store;
  private readonly standing: SharedStanding;
  private readonly clientMemory: ClientMemory;
  private readonly settings: Settings;
  private readonly rewriter: ConfigRewriter;

  constructor(config: Config, { store, standing, clientMemory }: Attached) {
    this.store = store;
    this.standing = standing;
    this.clientMemory = clientMemory;
    this.settings = new Settings(config, (before, after) => this.apply(before, after));
    this.rewriter = new ConfigRewriter(config);
    standing.configure(config);
  }

  get current(): Config {
    return this.settings.config;
  }

  /** The node follows that leader from now on; null: it leads. */
  follow(leader: Address | null): void {
    this.settings.config = { ...this.settings.config, leaderAddr: leader };
  }

  get(patterns: readonly string[]): [string, string][] {
    return this.settings.get(patterns);
  }

  set(pairs: readonly (readonly [string, string])[]): ErrorReply | null {
    const problem = this.settings.set(pairs);
    if (problem === null) this.changed.emit();
    return problem;
  }

  /** Puts a changed configuration into force; a sentence says why it cannot be. */
  private apply(before: Config, after: Config): string | null {
    const { store } = this;
    const possible = clientsPossible(after, descriptorsMax());
    if (after.maxClients > Math.max(before.maxClients, possible)) {
      const clients = "the specified number of clients";
      return `The operating system is not able to handle ${clients}, try with ${possible}`;
    }
    if (after.maxMemory !== before.maxMemory && !store.setLimit(after.maxMemory)) {
      return "the limit is above the memory that was reserved at start (--reserve)";
    }
    if (after.eviction !== before.eviction) store.setEviction(after.eviction);
    if (after.maxValueSize !== before.maxValueSize) store.setValueLimit(after.maxValueSize);
    this.standing.configure(after);
    this.clientMemory.limitBytes = after.maxClientMemory;
    return null;
  }

  rewrite(): ErrorReply | null {
    const { rewriter, settings, current } = this;
    if (current.configFile === "") {
      return errorReply("The server is running without a config file");
    }
    try {
      rewriter.rewrite(current, settings.touched);
      return null;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return errorReply(`Rewriting config file: ${reason}`);
    }
  }
}
