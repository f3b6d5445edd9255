// One item on its way, and which items a user wants. The ranges are valid only while the function
// that was given the item runs.

import { compileGlob, type Glob } from "../base/glob.ts";
import { MoveError } from "./move-error.ts";

export interface MovedItem {
  readonly database: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Milliseconds since 1970, 0 for never. */
  readonly expiresAt: number;
}

/** What a user wants of the data. */
export interface Wanted {
  /** As KEYS takes it; without it, all keys. */
  readonly pattern?: string | undefined;
  /** Without it, all databases. */
  readonly database?: number | undefined;
}

export class Choice {
  /** Whether nothing is left out. */
  readonly isAll: boolean;
  private readonly database: number | undefined;
  private readonly glob: Glob | null;

  constructor({ pattern, database }: Wanted) {
    this.isAll = pattern === undefined && database === undefined;
    this.database = database;
    this.glob = pattern === undefined ? null : globOf(pattern);
  }

  takes(database: number, key: Uint8Array, start: number, end: number): boolean {
    if (this.database !== undefined && database !== this.database) return false;
    return this.glob === null || this.glob.matches(key, start, end);
  }
}

function globOf(pattern: string): Glob {
  const bytes = new TextEncoder().encode(pattern);
  const glob = compileGlob(bytes, 0, bytes.length);
  if (glob === null) throw new MoveError(`the pattern "${pattern}" is too long or too complex`);
  return glob;
}

/** A key for people: text, cut after some characters. */
export function shownKey(key: Uint8Array): string {
  const text = Buffer.from(key.subarray(0, shownBytesMax)).toString("utf8");
  return JSON.stringify(key.length > shownBytesMax ? `${text}...` : text);
}

/** As much of a key as shownKey() shows, as a copy. */
export function keptKey(key: Uint8Array): Uint8Array {
  return new Uint8Array(key.subarray(0, shownBytesMax + 1));
}

const shownBytesMax = 60;
