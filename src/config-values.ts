// The values that options hold, between text and data: sizes, addresses, whole numbers, words.
// Each parser is pure and throws a ConfigError whose sentence names the value and what is wanted;
// which option it stood in is added by the caller. What a parser returns, its formatter turns back
// into text that parses to the same.

import { ConfigError } from "./errors.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const EVICTION_POLICIES = ["s3fifo", "none"] as const;
export type EvictionPolicy = (typeof EVICTION_POLICIES)[number];

export const SNAPSHOT_CORRUPT = ["refuse", "ignore"] as const;
export type SnapshotCorrupt = (typeof SNAPSHOT_CORRUPT)[number];

export const OTHER_TYPES = ["skip", "refuse"] as const;
export type OtherTypes = (typeof OTHER_TYPES)[number];

// ---- sizes --------------------------------------------------------------------------------------

// Redis's units: `k` is 1000, `kb` is 1024.
const UNIT_BYTES: Record<string, number> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
  t: 1000 ** 4,
  tb: 1024 ** 4,
};

/** "512mb" -> 536870912. Units are Redis's, in either case; a bare number counts bytes. */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d+)([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = UNIT_BYTES[(unit ?? "?").toLowerCase()];
  const bytes = Number(digits) * (factor ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) {
    throw new ConfigError(`"${text}" is not a size; write bytes or a unit, as in 512mb or 2gb`);
  }
  return bytes;
}

/** 536870912 -> "512mb": the largest binary unit that leaves a whole number. */
export function formatSize(bytes: number): string {
  for (const unit of ["tb", "gb", "mb", "kb"]) {
    const count = bytes / (UNIT_BYTES[unit] ?? 1);
    if (count >= 1 && Number.isInteger(count)) return `${count}${unit}`;
  }
  return String(bytes);
}

// ---- addresses ----------------------------------------------------------------------------------

const ALL_INTERFACES = "0.0.0.0";
/** An IPv6 address in brackets, perhaps with its zone, or a name, or nothing; then the port. */
const ADDRESS = /^(?:\[([0-9a-f.]*:[0-9a-f:.]*(?:%[\w.-]+)?)\]|([^\s:[\],]*)):(\d{1,5})$/i;

/**
 * "host:port", "[::1]:port" or ":port". The last names every interface where a node listens, and
 * this machine where one connects: say which by `emptyHost`. Port 0 asks the system for a free one.
 */
export function parseAddress(text: string, emptyHost: string = ALL_INTERFACES): Address {
  const [, bracketed, plain, digits] = ADDRESS.exec(text.trim()) ?? [];
  const port = Number(digits ?? Number.NaN);
  if (!(port <= 65_535)) {
    throw new ConfigError(
      `"${text}" is not an address; write host:port, :port or [::1]:port with a port up to 65535`,
    );
  }
  return { host: bracketed ?? (plain || emptyHost), port };
}

/** The address as a user would type it; an IPv6 host gets its brackets back. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A list separated by commas; the same address twice is a mistake (port 0 never is the same). */
export function parseAddressList(text: string): Address[] {
  const addresses = text.split(",").map((part) => parseAddress(part));
  const seen = new Set<string>();
  for (const address of addresses) {
    const name = formatAddress(address);
    if (address.port !== 0 && seen.has(name)) throw new ConfigError(`"${name}" is listed twice`);
    seen.add(name);
  }
  return addresses;
}

/** Where a leader is: an empty text means none, and ":port" means this machine. */
export function parseLeaderAddress(text: string): Address | null {
  if (text.trim() === "") return null;
  const address = parseAddress(text, "127.0.0.1");
  if (address.port === 0) throw new ConfigError(`"${text}" has port 0, where no leader can be`);
  return address;
}

// ---- numbers and words --------------------------------------------------------------------------

export function parseWholeNumber(text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new ConfigError(`"${text}" is not a whole number from ${min} to ${max}`);
  }
  return value;
}

/** A size within bounds. */
export function parseSizeWithin(text: string, min: number, max: number): number {
  const bytes = parseSize(text);
  if (bytes < min) throw new ConfigError(`"${text}" is below the minimum of ${formatSize(min)}`);
  if (bytes > max) throw new ConfigError(`"${text}" is above the maximum of ${formatSize(max)}`);
  return bytes;
}

export function parseWord<Word extends string>(text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text.trim().toLowerCase());
  if (found === undefined) {
    throw new ConfigError(`"${text}" is not one of ${words.join(", ")}`);
  }
  return found;
}
