// The configuration of a node: where values come from (flag, then environment, then file, then
// default; but what CONFIG REWRITE has pinned in the file goes before all), how they must relate,
// and how CONFIG GET/SET and the documents see them. The options themselves are rows of options.ts.
// Nothing is read here but through what is passed in. A Config that leaves this file has been
// checked whole; every mistake is one ConfigError sentence.

import { formatAddress } from "../base/address.ts";
import { ConfigError } from "../base/errors.ts";
import { memoryBoundBytes } from "../base/system-memory.ts";
import { type ConfigLine, parseConfigFile } from "./file.ts";
import type { Option, OptionRow, RedisName } from "./option.ts";
import { type Config, OPTIONS } from "./options.ts";
import { formatSize } from "./values.ts";

export { rewriteConfigFile, type Written } from "./file.ts";
export { memoryWarning } from "./memory-plan.ts";
export type { Option, OptionGroup, OptionRow } from "./option.ts";
export type { Config } from "./options.ts";
export { OPTIONS } from "./options.ts";
export type { EvictionPolicy } from "./values.ts";
export { formatSize, parseSize } from "./values.ts";

type Texts = Readonly<Record<string, string | undefined>>;
type Key = keyof Config;
type Draft = { -readonly [K in Key]?: Config[K] };

const KEYS = Object.keys(OPTIONS) as Key[];
/** Derived defaults come last, and that of max-memory before those that depend on it. */
const ORDER = [...KEYS].sort((a, b) => rankOf(a) - rankOf(b));

function rankOf(key: Key): number {
  if (OPTIONS[key].derive === undefined) return 0;
  return key === "maxMemory" ? 1 : 2;
}

// ---- loading ------------------------------------------------------------------------------------

/**
 * The configuration from flags (by name, without dashes), environment and file.
 * `memoryBytes` is what the defaults of sizes are made to fit into.
 */
export function loadConfig(
  flags: Texts,
  environment: Texts,
  readFile: (path: string) => string,
  memoryBytes: number = memoryBoundBytes(),
): Config {
  refuseUnknownFlags(flags);
  const path = flags.config ?? environment[OPTIONS.configFile.environment] ?? "";
  const file = path === "" ? new Map() : readSettings(path, readFile);
  const config: Draft = {};
  for (const key of ORDER) resolve(config, key, { flags, environment, file, memoryBytes });
  checkRelations(config as Config);
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

/** Decides one option: the first source that has it wins. */
function resolve<K extends Key>(config: Draft, key: K, sources: Sources): void {
  const option: Option<Config[K]> = OPTIONS[key];
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
  // An empty variable is one that a compose file passes on without having it.
  if (variable) return { where: option.environment, value: variable };
  return inFile ?? null;
}

/** Names in the environment are not checked: an orchestrator puts MSCACHE_PORT and others there. */
function refuseUnknownFlags(flags: Texts): void {
  for (const name of Object.keys(flags)) {
    if (!isOptionName(name)) throw new ConfigError(`--${name}: there is no such option`);
  }
}

function readSettings(path: string, readFile: (path: string) => string): Map<string, FileValue> {
  const settings = new Map<string, FileValue>();
  for (const line of readLines(path, readFile)) {
    if (line.setting === null) continue;
    const { name, value } = line.setting;
    const where = `${path} line ${line.number}, ${name}`;
    if (!isOptionName(name) || name === OPTIONS.configFile.name) {
      throw new ConfigError(`${where}: there is no such option in a configuration file`);
    }
    settings.set(name, { where, value, isPinned: line.isPinned });
  }
  return settings;
}

function readLines(path: string, readFile: (path: string) => string): ConfigLine[] {
  let text: string;
  try {
    text = readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`--config: "${path}" cannot be read: ${reason}`);
  }
  return parseConfigFile(text, path);
}

function isOptionName(name: string): boolean {
  return KEYS.some((key) => OPTIONS[key].name === name);
}

/** Adds the place of a value to the sentence of its parser. */
function explain<Value>(where: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new ConfigError(`${where}: ${cause.message}`);
  }
}

function checkRelations(config: Config): void {
  const { maxMemory, reserve, leaderAddr, listenAddr } = config;
  if (maxMemory > reserve) {
    throw new ConfigError(
      `--max-memory: ${formatSize(maxMemory)} is above the reserve of ${formatSize(reserve)}; ` +
        "start the node with a larger --reserve",
    );
  }
  const leader = leaderAddr === null ? "" : formatAddress(leaderAddr);
  if (listenAddr.some((address) => formatAddress(address) === leader)) {
    throw new ConfigError(`--leaderaddr: ${leader} is this node itself (--listenaddr)`);
  }
}

// ---- CONFIG GET and CONFIG SET ------------------------------------------------------------------

/** One name of CONFIG: Redis's where Redis has one, else the option's own. */
export interface Setting {
  readonly name: string;
  /** The option that it is a name of. */
  readonly option: string;
  readonly changeable: boolean;
  /** Whether its text is a size in bytes. */
  readonly isSize: boolean;
  show(config: Config): string;
  /** The configuration with this value; throws a ConfigError whose sentence needs no name. */
  change(config: Config, text: string): Config;
}

/** Every name that CONFIG GET shows, in the order of the table. */
export const SETTINGS: readonly Setting[] = KEYS.flatMap((key) => settingsOf(key));

function settingsOf<K extends Key>(key: K): Setting[] {
  const option: Option<Config[K]> = OPTIONS[key];
  const names = option.redis.length > 0 ? option.redis : [{ name: option.name }];
  return names.map((redis: RedisName<Config[K]>) => ({
    name: redis.name,
    option: option.name,
    changeable: option.change === "applies",
    isSize: option.hint === "SIZE",
    show: (config) => (redis.show ?? option.format)(config[key]),
    change: (config, text) => {
      const changed = { ...config, [key]: (redis.read ?? option.parse)(text) };
      checkRelations(changed);
      return changed;
    },
  }));
}

// ---- documents ----------------------------------------------------------------------------------

/** The options as a table in Markdown, for the README. */
export function optionTable(): string {
  const rows = KEYS.map((key) => {
    const option = OPTIONS[key];
    return [
      `\`--${option.name} ${option.hint}\``,
      `\`${option.environment}\``,
      showDefault(option),
      option.change === "applies" ? "at once" : "at restart",
      option.doc,
    ];
  });
  const head = ["Flag", "Environment", "Default", "Changes", "Meaning"];
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.map(escapeCell).join(" | ")} |`).join("\n");
}

/** A default that is text as a reader sees it: as code, as a phrase, or nothing. */
function showDefault({ default: text, derive }: (typeof OPTIONS)[Key]): string {
  if (derive || text === "") return text;
  return `\`${text}\``;
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|");
}
