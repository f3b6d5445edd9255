// CONFIG REWRITE: puts what has changed since the start into the configuration file, which keeps its
// comments, its order and everything else. The file is replaced as a whole, when the new one is durable.
// The leader is written as REPLICAOF left it and marked as such, so that it beats --leaderaddr: a node
// that is started again with the command line of its first day must not follow a leader of that day.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { type Config, OPTIONS, rewriteConfigText, type Written } from "../config/config.ts";

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
    if (written.size > 0) replaceFile(config.configFile, written);
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

/** A link to the file stays a link; the new file has the mode of the old one. */
function replaceFile(path: string, written: ReadonlyMap<string, Written>): void {
  const isThere = existsSync(path);
  const target = isThere ? realpathSync(path) : path;
  const before = isThere ? readFileSync(target, "utf8") : "";
  const mode = isThere ? statSync(target).mode : 0o644;
  const draft = `${target}.rewrite-${process.pid}`;
  writeFileSync(draft, rewriteConfigText(before, path, written), { mode, flush: true });
  renameSync(draft, target);
  if (process.platform !== "win32") syncDirectory(dirname(target)); // Windows opens no directories
}

/** Until then the new name could be lost with the power. */
function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  fsyncSync(directory);
  closeSync(directory);
}
