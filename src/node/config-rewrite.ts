// CONFIG REWRITE: puts what has changed since the start into the configuration file. Its text keeps
// everything else (config/file.ts), and the file is replaced as a whole (config/replace-file.ts).
// The leader is written as REPLICAOF left it and marked as such, so that it beats --leaderaddr: a node
// that is started again with the command line of its first day must not follow a leader of that day.

import { type Config, OPTIONS, rewriteConfigFile, type Written } from "../config/config.ts";
import { replaceFile } from "../config/replace-file.ts";

export class ConfigRewriter {
  private readonly started: Config;
  /** The leader has been another one than at the start: from then on the file says who it is. */
  private ownsLeader = false;

  constructor(started: Config) {
    this.started = started;
  }

  /** Throws the system's error when the file cannot be written. `touched` are options by name. */
  rewrite(config: Config, touched: ReadonlySet<string>): void {
    const written = new Map<string, Written>();
    for (const [name, value] of valuesOf(config, touched)) written.set(name, { value });
    const { name, format } = OPTIONS.leaderAddr;
    const value = format(config.leaderAddr);
    if (value !== format(this.started.leaderAddr)) this.ownsLeader = true;
    if (this.ownsLeader) written.set(name, { value, isPinned: true });
    if (written.size === 0) return;
    const { configFile } = config;
    replaceFile(configFile, (before) => rewriteConfigFile(before, configFile, written));
  }
}

function valuesOf(config: Config, touched: ReadonlySet<string>): [string, string][] {
  return Object.keys(OPTIONS).flatMap((key) => {
    const [name, value] = shown(config, key as keyof Config);
    return touched.has(name) ? [[name, value]] : [];
  });
}

function shown<Key extends keyof Config>(config: Config, key: Key): [string, string] {
  const { name, format } = OPTIONS[key];
  return [name, format(config[key])];
}
