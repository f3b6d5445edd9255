// The configuration of a running node: what CONFIG GET shows, what CONFIG SET changes, and what
// CONFIG REWRITE writes. A part with its own copy of a setting is updated by settings-in-force.ts;
// every other part reads the setting when it needs it, or listens for changes.
// Invariant: `current` names the leader that the node follows now, not the one at start.

import type { Address } from "../base/address.ts";
import { type ErrorReply, errorReply } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { reasonOf } from "../base/reason.ts";
import { Signal } from "../base/signal.ts";
import type { Configuration } from "../command/core/node.ts";
import type { Config } from "../config/config.ts";
import { ConfigRewriter } from "./config-rewrite.ts";
import type { Credentials } from "./credentials.ts";
import { Settings } from "./settings.ts";
import { putAllIntoForce, putIntoForce } from "./settings-in-force.ts";
import type { Attached } from "./shared-memory.ts";

export class NodeConfiguration implements Configuration {
  /** Emitted after a successful CONFIG SET. */
  readonly changed = new Signal();
  /** The users to write to the configuration file; null: those of the file stay. */
  userLines: () => readonly string[] | null = () => null;
  private readonly settings: Settings;
  private readonly rewriter: ConfigRewriter;
  private readonly credentials: Credentials;

  constructor(config: Config, attached: Attached, credentials: Credentials) {
    this.credentials = credentials;
    this.settings = new Settings(config, (before, after, names) => {
      // A file may have changed under the same name, so it is read whenever it is set, as in Redis.
      const isTls = [...names].some((name) => name.startsWith("tls-"));
      const adopt = isTls ? credentials.prepare(after) : null;
      if (typeof adopt === "string") return adopt;
      const problem = putIntoForce(attached, before, after);
      if (problem === null) adopt?.();
      return problem;
    });
    this.rewriter = new ConfigRewriter(config);
    putAllIntoForce(attached, config);
  }

  get current(): Config {
    return this.settings.config;
  }

  /** Records the leader that the node follows from now on; null: it is the leader. */
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

  /** Reads the files of certificates again; one with a fault changes nothing. */
  reloadCertificates(log: Logger): void {
    const { credentials } = this;
    const { server, link } = credentials.current;
    if (server === null && link === null) return;
    const adopt = credentials.prepare(this.current);
    if (typeof adopt === "string") return log.error(`the certificates stay as they were: ${adopt}`);
    adopt();
    log.info("the certificates were read again; new connections use them");
  }

  rewrite(): ErrorReply | null {
    const { rewriter, settings, current } = this;
    if (current.configFile === "") {
      return errorReply("The server is running without a config file");
    }
    try {
      rewriter.rewrite(current, settings.touched, this.userLines());
      return null;
    } catch (error) {
      return errorReply(`Rewriting config file: ${reasonOf(error)}`);
    }
  }
}
