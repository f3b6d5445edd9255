// CONFIG REWRITE: writes what has changed since the start to the configuration file, and what the
// file said then and has lost, as when it was deleted. The rest of its text stays (config/file.ts),
// and the file is replaced as a whole (config/replace-file.ts).
// The leader is written as REPLICAOF left it, with a mark that makes it beat --leaderaddr: a node
// that restarts with its old command line must not follow the leader it had then.

import {
  type Config,
  namesIn,
  type OptionValues,
  options,
  rewriteConfigFile,
  rewriteUserLines,
  userWord,
  type Written,
} from "../../config/config.ts";
import { replaceFile } from "../../config/replace-file.ts";

export class ConfigRewriter {
  private readonly started: Config;
  /** The leader has changed since the start: from then on the file names it. */
  private ownsLeader = false;

  constructor(started: Config) {
    this.started = started;
  }

  /**
   * Throws the system's error if the file cannot be written. `touched` has names of options;
   * `users` replace those of the file, or are null.
   */
  rewrite(config: Config, touched: ReadonlySet<string>, users: readonly string[] | null): void {
    const written = new Map<string, Written>();
    for (const [name, value] of valuesOf(config, touched)) written.set(name, { value });
    const { name, format } = options.leaderAddr;
    const value = format(config.leaderAddr);
    if (value !== format(this.started.leaderAddr)) this.ownsLeader = true;
    if (this.ownsLeader) written.set(name, { value, isPinned: true });
    const { inFile, users: usersThen } = this.started;
    if (written.size === 0 && users === null && inFile.size + usersThen.length === 0) return;
    const { configFile } = config;
    const change = (before: Uint8Array) => {
      const names = namesIn(before, configFile);
      this.restore(config, names, written);
      const bytes = rewriteConfigFile(before, configFile, written);
      const lines = users ?? (names.has(userWord) ? null : usersThen);
      return lines === null ? bytes : rewriteUserLines(bytes, configFile, lines);
    };
    replaceFile(configFile, change, { isSecret: () => users !== null || hasSecret(written) });
  }

  /** What the file set at the start, if it no longer has the line. */
  private restore(config: Config, names: ReadonlySet<string>, written: Map<string, Written>): void {
    const { inFile } = this.started;
    const lost = new Set([...inFile.keys()].filter((name) => !names.has(name)));
    for (const [name, value] of valuesOf(config, lost)) {
      if (!written.has(name)) written.set(name, { value, isPinned: inFile.get(name) === true });
    }
  }
}

function hasSecret(written: ReadonlyMap<string, Written>): boolean {
  return Object.values(options).some(({ name, hint }) => {
    return hint === "PASSWORD" && (written.get(name)?.value ?? "") !== "";
  });
}

function valuesOf(config: Config, touched: ReadonlySet<string>): [string, string][] {
  return Object.keys(options).flatMap((key) => {
    const [name, value] = shown(config, key as keyof OptionValues);
    return touched.has(name) ? [[name, value]] : [];
  });
}

function shown<Key extends keyof OptionValues>(config: Config, key: Key): [string, string] {
  const { name, format } = options[key];
  return [name, format(config[key])];
}
