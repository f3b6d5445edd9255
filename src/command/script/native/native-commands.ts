// The commands that native scripts call, by number. Their rows are looked up at the first call, as
// the table of commands is filled after this code has loaded, and once: a lookup for each call was
// a tenth of a short script.

import { latin1Bytes } from "../../../base/bytes.ts";
import type { Command } from "../../core/command.ts";
import { lookup } from "../../core/registry.ts";

export const call = {
  GET: 0,
  SET: 1,
  SETEX: 2,
  DEL: 3,
  EXISTS: 4,
  INCR: 5,
  INCRBY: 6,
  PTTL: 7,
  EXPIRE: 8,
  PEXPIRE: 9,
} as const;

export type Called = (typeof call)[keyof typeof call];

export class NativeCommands {
  /** By number, in small letters. */
  readonly names: readonly Uint8Array[];
  private readonly rows: Command[];

  constructor() {
    this.names = Object.keys(call).map((name) => latin1Bytes(name.toLowerCase()));
    this.rows = [];
  }

  row(called: Called): Command {
    return this.rows[called] ?? this.firstOf(called);
  }

  private firstOf(called: Called): Command {
    this.rows.push(...this.names.slice(this.rows.length).map(rowOf));
    return this.rows[called];
  }
}

function rowOf(name: Uint8Array): Command {
  return lookup(name, 0, name.length) as Command;
}
