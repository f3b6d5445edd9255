// CONFIG GET and CONFIG SET over the node's configuration: all pairs of a CONFIG SET or none. Some
// names of Redis, which tools ask for, have only one possible value here: they are shown and cannot
// be changed. Error texts are those of redis 7.0 `config.c` (configSetCommand).

import { basename, dirname, resolve } from "node:path";
import { ConfigError, ErrorReply, errorReply } from "../../base/errors.ts";
import { compileGlob } from "../../base/glob.ts";
import { journalIdleMsMax, linkSilenceMsMax } from "../../base/limits.ts";
import { allSettings, type Config } from "../../config/config.ts";
import { isSize } from "../../config/values.ts";

/**
 * What tools read and what has only one value here, in Redis's terms. An option of this name, if
 * there is one, goes before.
 */
const facts: readonly (readonly [string, string | ((config: Config) => string)])[] = [
  ["appendonly", "no"],
  ["cluster-enabled", "no"],
  ["replica-read-only", "yes"],
  ["slave-read-only", "yes"],
  ["slaveof", ({ leaderAddr }) => (leaderAddr ? `${leaderAddr.host} ${leaderAddr.port}` : "")],
  ["logfile", ""],
  ["pidfile", ""],
  ["tls-cluster", "no"],
  ["tls-prefer-server-ciphers", "no"],
  ["tls-dh-params-file", ""],
  ["tls-ciphersuites", ""],
  ["daemonize", "no"],
  ["supervised", "no"],
  ["enable-module-command", "no"],
  ["stop-writes-on-bgsave-error", "no"],
  ["hz", "10"],
  ["dir", ({ snapshotFile }) => dirname(resolve(snapshotFile || "snapshot"))],
  ["dbfilename", ({ snapshotFile }) => basename(snapshotFile)],
  ["repl-timeout", String(linkSilenceMsMax / 1000)],
  ["repl-backlog-ttl", String(journalIdleMsMax / 1000)],
  ["repl-diskless-sync", "yes"],
];

const fixed = facts.filter(([name]) => !allSettings.some((setting) => setting.name === name));

/** Applies a checked configuration, or says why that is impossible; `names` were set. */
type Apply = (before: Config, after: Config, names: ReadonlySet<string>) => string | null;

export type Pairs = readonly (readonly [string, string])[];

/** A configuration that was checked by itself, and the names of the pairs. */
export interface Draft {
  readonly after: Config;
  readonly names: ReadonlySet<string>;
}

export class Settings {
  config: Config;
  /** Names of the options that CONFIG SET has set. */
  readonly touched = new Set<string>();
  private readonly apply: Apply;

  constructor(config: Config, apply: Apply) {
    this.config = config;
    this.apply = apply;
  }

  get(patterns: readonly string[]): [string, string][] {
    const left = new Map(allSettings.map(({ name, show }) => [name, show(this.config)]));
    for (const [name, value] of fixed) {
      left.set(name, typeof value === "string" ? value : value(this.config));
    }
    const found: [string, string][] = [];
    for (const pattern of patterns) {
      for (const name of namesOf(pattern, left)) {
        found.push([shownName(pattern, name), left.get(name) ?? ""]);
        left.delete(name);
      }
      if (left.size === 0) break;
    }
    return found;
  }

  set(pairs: Pairs): ErrorReply | null {
    const draft = this.draft(pairs);
    if (draft instanceof ErrorReply) return draft;
    const { after, names } = draft;
    const problem = this.apply(this.config, after, names);
    if (problem !== null) return failure(pairs[0]?.[0] ?? "", problem);
    this.config = after;
    this.touch(names);
    return null;
  }

  /** What set() would put into force. */
  draft(pairs: Pairs): Draft | ErrorReply {
    let after = this.config;
    const seen = new Set<string>();
    for (const [written, value] of pairs) {
      const name = written.toLowerCase();
      const setting = allSettings.find((candidate) => candidate.name === name);
      if (setting === undefined && !fixed.some(([known]) => known === name)) {
        const [shown] = written.split("\0", 1); // as Redis prints it, as a C string
        return errorReply(`Unknown option or number of arguments for CONFIG SET - '${shown}'`);
      }
      if (seen.has(name)) return failure(name, "duplicate parameter");
      seen.add(name);
      if (setting === undefined || !setting.changeable) {
        return failure(name, "can't set immutable config");
      }
      try {
        after = setting.change(after, value);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        const isNoSize = setting.isSize && !isSize(value); // refused in Redis's words
        return failure(name, isNoSize ? "argument must be a memory value" : error.message);
      }
    }
    return { after, names: seen };
  }

  private touch(names: ReadonlySet<string>): void {
    for (const { name, options } of allSettings) {
      if (names.has(name)) for (const option of options) this.touched.add(option);
    }
  }
}

export function failure(name: string, reason: string): ErrorReply {
  return errorReply(`CONFIG SET failed (possibly related to argument '${name}') - ${reason}`);
}

const encoder = new TextEncoder();
/** Once: a CONFIG GET may have a million patterns. */
const nameBytes: ReadonlyMap<string, Uint8Array> = new Map(
  [...allSettings.map(({ name }) => name), ...fixed.map(([name]) => name)].map(
    (name) => [name, encoder.encode(name)] as const,
  ),
);
const noBytes = new Uint8Array(0);

/** A name that was requested literally is shown as the client wrote it, as in Redis. */
function shownName(pattern: string, name: string): string {
  return pattern.toLowerCase() === name ? pattern : name;
}

/** The settings that a name or a pattern matches. */
function namesOf(pattern: string, settings: ReadonlyMap<string, string>): string[] {
  const wanted = pattern.toLowerCase();
  if (!/[[*?]/.test(wanted)) return settings.has(wanted) ? [wanted] : [];
  const bytes = encoder.encode(wanted);
  const glob = compileGlob(bytes, 0, bytes.length);
  return [...settings.keys()].filter((name) => {
    const text = nameBytes.get(name) ?? noBytes;
    return glob?.matches(text, 0, text.length);
  });
}
