// The configuration of a node: the precedence of its sources (a value pinned by CONFIG REWRITE,
// flag, environment, file, default), the relations between values, and the views of CONFIG GET/SET.
// The options themselves are rows of options.ts. It reads only from its arguments.
// Invariant: every Config returned has been checked completely; every mistake is a ConfigError with
// one sentence.

import { formatAddress } from "../base/address.ts";
import { ConfigError } from "../base/errors.ts";
import { nearestOf } from "../base/nearest-word.ts";
import { reasonOf } from "../base/reason.ts";
import { memoryBoundBytes } from "../base/system-memory.ts";
import { type ConfigLine, parseConfigFile, userWord } from "./file.ts";
import type { Option, OptionRow, RedisName } from "./option.ts";
import { type Config, type OptionValues, options } from "./options.ts";
import { checkTls } from "./tls-options.ts";
import { formatSize } from "./values.ts";

export { namesIn, rewriteConfigFile, rewriteUserLines, userWord, type Written } from "./file.ts";
export { memoryWarning } from "./memory-plan.ts";
export type { Option, OptionGroup, OptionRow } from "./option.ts";
export type { Config, OptionValues } from "./options.ts";
export { options } from "./options.ts";
export type { EvictionPolicy } from "./values.ts";
export { formatSize, parseSize } from "./values.ts";

type Texts = Readonly<Record<string, string | undefined>>;
type Key = keyof OptionValues;
type Draft = { -readonly [K in Key]?: Config[K] };
type OfFile = Omit<Config, Key>;

const optionKeys = Object.keys(options) as Key[];
/** Derived defaults come last: first max-memory, then those that depend on it. */
const checkOrder = [...optionKeys].sort((a, b) => rankOf(a) - rankOf(b));

/** The names of options of which several lines of a file add up. */
const addingUp: ReadonlySet<string> = new Set(
  Object.values(options).flatMap(({ name, addsUp }: OptionRow) => (addsUp ? [name] : [])),
);

function rankOf(key: Key): number {
  if (options[key].derive === undefined) return 0;
  return key === "maxMemory" ? 1 : 2;
}

// ---- loading ------------------------------------------------------------------------------------

/**
 * Loads the configuration from flags (by name, without dashes), environment and file. The derived
 * defaults of sizes fit into `memoryBytes`.
 */
export function loadConfig(
  flags: Texts,
  environment: Texts,
  readFile: (path: string) => string,
  memoryBytes: number = memoryBoundBytes(),
): Config {
  refuseUnknownFlags(flags);
  const path = flags.config ?? environment[options.configFile.environment] ?? "";
  const lines = path === "" ? [] : readLines(path, readFile);
  const file = settingsIn(lines, path);
  const inFile = new Map([...file].map(([name, { isPinned }]) => [name, isPinned === true]));
  const config: Draft & OfFile = { users: usersIn(lines), inFile };
  for (const key of checkOrder) resolve(config, key, { flags, environment, file, memoryBytes });
  checkRelations(config as Config);
  checkTls(config as Config);
  return config as Config;
}

interface Sources {
  readonly flags: Texts;
  readonly environment: Texts;
  readonly file: ReadonlyMap<string, FileValue>;
  readonly memoryBytes: number;
}

interface FileValue {
  readonly where: string;
  readonly value: string;
  readonly isPinned?: boolean;
}

/** Resolves one option: the first source that has it wins. */
function resolve<K extends Key>(config: Draft, key: K, sources: Sources): void {
  const option: Option<OptionValues[K]> = options[key];
  const found = findText(option, sources);
  if (found !== null) {
    config[key] = explain(found.where, () => option.parse(found.value));
  } else if (option.derive) {
    const { threads = 1, maxMemory = 0 } = config;
    config[key] = option.derive({ memoryBytes: sources.memoryBytes, threads, maxMemory });
  } else {
    config[key] = option.parse(option.default);
  }
}

function findText(option: OptionRow, sources: Sources): FileValue | null {
  const inFile = sources.file.get(option.name);
  if (inFile?.isPinned === true) return inFile;
  const flag = sources.flags[option.name];
  if (flag !== undefined) return { where: `--${option.name}`, value: flag };
  const variable = sources.environment[option.environment];
  // A compose file passes a variable that is not set as an empty one.
  if (variable) return { where: option.environment, value: variable };
  return inFile ?? null;
}

/** Environment variables are not checked: an orchestrator sets MSCACHE_PORT and others. */
function refuseUnknownFlags(flags: Texts): void {
  for (const name of Object.keys(flags)) {
    if (!isOptionName(name)) throw new ConfigError(`--${name}: unknown option`);
  }
}

function usersIn(lines: readonly ConfigLine[]): string[] {
  return lines.flatMap(({ setting }) => (setting?.name === userWord ? [setting.value] : []));
}

function settingsIn(lines: readonly ConfigLine[], path: string): Map<string, FileValue> {
  const settings = new Map<string, FileValue>();
  for (const line of lines) {
    if (line.setting === null || line.setting.name === userWord) continue;
    const { name } = line.setting;
    const where = `${path} line ${line.number}, ${name}`;
    if (!isOptionName(name) || name === options.configFile.name) {
      const meant = name === options.configFile.name ? null : optionMeantBy(name);
      const question = meant === null ? "" : `; did you mean ${meant}?`;
      throw new ConfigError(`${where}: unknown option in a configuration file${question}`);
    }
    const before = addingUp.has(name) ? settings.get(name) : undefined;
    const value = before ? `${before.value} ${line.setting.value}` : line.setting.value;
    settings.set(name, { where, value, isPinned: line.isPinned });
  }
  return settings;
}

function readLines(path: string, readFile: (path: string) => string): ConfigLine[] {
  let text: string;
  try {
    text = readFile(path);
  } catch (cause) {
    throw new ConfigError(`--config: "${path}" cannot be read: ${reasonOf(cause)}`);
  }
  return parseConfigFile(text, path);
}

/**
 * The option that somebody meant by a name that is none: it has that name in Redis, or one that is
 * written like it. Null: nobody knows.
 */
export function optionMeantBy(name: string): string | null {
  const rows: readonly OptionNames[] = Object.values(options);
  const isNamed = (row: OptionNames) => row.redis.some((one) => one.name === name.toLowerCase());
  const words = rows.map((row) => row.name);
  return rows.find(isNamed)?.name ?? otherWords.get(name) ?? nearestOf(name, words);
}

type OptionNames = Pick<OptionRow, "name"> & {
  readonly redis: readonly { readonly name: string }[];
};

/** Words of Redis's file and of other programs for what CONFIG does not call so. */
const otherWords: ReadonlyMap<string, string> = new Map([
  ...(["host", "address", "listen"] as const).map((word) => [word, "listenaddr"] as const),
  ...(["leader", "replicaof", "slaveof", "master"] as const).map(
    (word) => [word, "leaderaddr"] as const,
  ),
  ["masterauth", "leader-password"],
  ["dbfilename", "snapshot-file"],
  ["io-threads", "threads"],
]);

/** Variables that look like one of a node and are none, with the name that was meant. */
export function misnamedVariables(environment: Texts): (readonly [name: string, meant: string])[] {
  const known = Object.values(options).map((option) => option.environment);
  return Object.keys(environment).flatMap((name) => {
    const isOurs = name.startsWith(variablePrefix) && !known.includes(name);
    const rest = known.map((one) => one.slice(variablePrefix.length));
    const meant = isOurs ? nearestOf(name.slice(variablePrefix.length), rest) : null;
    return meant === null ? [] : [[name, `${variablePrefix}${meant}`] as const];
  });
}

const variablePrefix = "MSCACHE_";

function isOptionName(name: string): boolean {
  return optionKeys.some((key) => options[key].name === name);
}

/** Prefixes the error of a parser with the source of the value. */
function explain<Value>(where: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new ConfigError(`${where}: ${cause.message}`);
  }
}

function checkRelations(config: Config): void {
  const { maxMemory, reserve, leaderAddr, listenAddr, unixSocket, tlsPort } = config;
  if (maxMemory > reserve) {
    throw new ConfigError(
      `--max-memory: ${formatSize(maxMemory)} is above the reserve of ${formatSize(reserve)}; ` +
        "start the node with a larger --reserve",
    );
  }
  if (listenAddr.length === 0 && unixSocket === "") {
    throw new ConfigError("--listenaddr: none needs a --unix-socket");
  }
  if (listenAddr.length === 0 && tlsPort !== 0) {
    throw new ConfigError("--tls-port: needs a host in --listenaddr; --tls-only serves TLS alone");
  }
  const leader = leaderAddr === null ? "" : formatAddress(leaderAddr);
  const secure = listenAddr.map(({ host }) => ({ host, port: tlsPort }));
  if ([...listenAddr, ...secure].some((address) => formatAddress(address) === leader)) {
    throw new ConfigError(`--leaderaddr: ${leader} is this node itself (--listenaddr)`);
  }
}

// ---- CONFIG GET and CONFIG SET ------------------------------------------------------------------

/** A name in CONFIG: Redis's name if there is one, otherwise the option's own. */
export interface Setting {
  readonly name: string;
  /** The names of the options that it changes. */
  readonly options: readonly string[];
  readonly changeable: boolean;
  /** Whether its value is a size in bytes. */
  readonly isSize: boolean;
  readonly isSecret: boolean;
  show(config: Config): string;
  /**
   * Returns the configuration with this value. Throws a ConfigError, which does not name the
   * setting.
   */
  change(config: Config, text: string): Config;
}

/** Every name that CONFIG GET shows, in the order of the table. */
export const allSettings: readonly Setting[] = optionKeys.flatMap((key) => settingsOf(key));

function settingsOf<K extends Key>(key: K): Setting[] {
  const option: Option<OptionValues[K]> = options[key];
  const names = option.redis.length > 0 ? option.redis : [{ name: option.name }];
  return names.map((redis: RedisName<OptionValues[K]>) => ({
    name: redis.name,
    options: redis.place ? [option.name, options.tlsOnly.name] : [option.name],
    changeable: option.change === "applies" || redis.place !== undefined,
    isSize: option.hint === "SIZE",
    isSecret: option.hint === "PASSWORD",
    show: (config) => (redis.show ?? option.format)(config[key], config),
    change: (config, text) => {
      const changed = redis.place
        ? { ...config, ...redis.place(text, config) }
        : { ...config, [key]: (redis.read ?? option.parse)(text, config[key], config) };
      checkRelations(changed);
      return changed;
    },
  }));
}
