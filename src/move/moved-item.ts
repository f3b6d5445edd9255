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

/** An item as ranges of bytes that others own. */
export interface ItemBytes {
  readonly database: number;
  readonly key: Uint8Array;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly value: Uint8Array;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Milliseconds since 1970, 0 for never. */
  readonly expiresAt: number;
}

export function asBytes({ database, key, value, expiresAt }: MovedItem): ItemBytes {
  return {
    ...{ database, key, value, expiresAt, keyStart: 0, keyEnd: key.length },
    ...{ valueStart: 0, valueEnd: value.length },
  };
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

/** So many bytes of a key are for people. */
export const shownKeyBytesMax = 60;

/** A key for people: text, cut after some characters. */
export function shownKey(key: Uint8Array): string {
  const text = Buffer.from(key.subarray(0, shownKeyBytesMax)).toString("utf8");
  return JSON.stringify(key.length > shownKeyBytesMax ? `${text}...` : text);
}
