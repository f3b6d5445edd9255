// Parsers and formatters for the values of options: sizes, addresses, whole numbers, words. Each
// parser is pure and throws a ConfigError that names the value and the expected form; the caller
// adds the option.
// Invariant: the text from a formatter parses back to the same value.

import { type Address, formatAddress, isHost, parseAddress } from "../base/address.ts";
import { ConfigError } from "../base/errors.ts";

export const evictionPolicies = ["s3fifo", "none"] as const;
export type EvictionPolicy = (typeof evictionPolicies)[number];

export const snapshotCorrupt = ["refuse", "ignore"] as const;
export type SnapshotCorrupt = (typeof snapshotCorrupt)[number];

/** The first is the default. */
export const debugAccesses = ["no", "yes", "local"] as const;
export type DebugAccess = (typeof debugAccesses)[number];

/** A year. */
export const snapshotSecondsMax = 31_536_000;

export const otherTypes = ["skip", "refuse"] as const;
export type OtherTypes = (typeof otherTypes)[number];

// ---- sizes --------------------------------------------------------------------------------------

// Redis's units: `k` is 1000, `kb` is 1024.
const unitBytes: Record<string, number> = {
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

/** "512mb" -> 536870912. Units are Redis's, in any case; a bare number is in bytes. */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d+)([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = unitBytes[(unit ?? "?").toLowerCase()];
  const bytes = Number(digits) * (factor ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) {
    throw new ConfigError(`"${text}" is not a size; write bytes or a unit, as in 512mb or 2gb`);
  }
  return bytes;
}

/** For those who have words of their own for what is none. */
export function isSize(text: string): boolean {
  try {
    parseSize(text);
    return true;
  } catch {
    return false; // parseSize() only throws what it says about the text
  }
}

/** 536870912 -> "512mb": uses the largest binary unit that gives a whole number. */
export function formatSize(bytes: number): string {
  for (const unit of ["tb", "gb", "mb", "kb"]) {
    const count = bytes / (unitBytes[unit] ?? 1);
    if (count >= 1 && Number.isInteger(count)) return `${count}${unit}`;
  }
  return String(bytes);
}

// ---- addresses ----------------------------------------------------------------------------------

export const portMax = 65_535;
const noAddress = "none";

/**
 * A comma-separated list without duplicates, or `none`. Addresses with port 0 never count as
 * duplicates.
 */
export function parseAddressList(text: string): Address[] {
  if (text.trim().toLowerCase() === noAddress) return [];
  const addresses = text.split(",").map((part) => parseAddress(part));
  const seen = new Set<string>();
  for (const address of addresses) {
    const name = formatAddress(address);
    if (address.port !== 0 && seen.has(name)) throw new ConfigError(`"${name}" is listed twice`);
    seen.add(name);
  }
  return addresses;
}

export function formatAddressList(addresses: readonly Address[]): string {
  return addresses.length === 0 ? noAddress : addresses.map(formatAddress).join(",");
}

/** A host without a port; an empty string means none. */
export function parseHost(text: string): string {
  const host = text.trim();
  if (host !== "" && !isHost(host))
    throw new ConfigError(`"${text}" is not a host name or IP address`);
  return host;
}

/** The address of a leader: an empty string means none, ":port" means this machine. */
export function parseLeaderAddress(text: string): Address | null {
  if (text.trim() === "") return null;
  const address = parseAddress(text, "127.0.0.1");
  if (address.port === 0) throw new ConfigError(`"${text}" has port 0, which no leader can have`);
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

/** The same, but it may be negative. */
export function parseInteger(text: string, min: number, max: number): number {
  const value = /^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new ConfigError(`"${text}" is not an integer from ${min} to ${max}`);
  }
  return value;
}

/** Numbers from 0 to 100 with blanks between them; none is a list as well. */
export function parsePercentiles(text: string): number[] {
  const words = text.split(/\s+/).filter((word) => word !== "");
  return words.map((word) => {
    const value = /^\d+(\.\d+)?$/.test(word) ? Number(word) : Number.NaN;
    if (value >= 0 && value <= 100) return value;
    throw new ConfigError(`"${text}" is not a list of percentiles, as in 50 99 99.9`);
  });
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
