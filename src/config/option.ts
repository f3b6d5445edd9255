// The definition of an option: the shape of a row of the table in options.ts. Types only. Readers
// of the table see text; the row itself parses and formats its value.

import type { Address } from "../base/address.ts";

export type OptionGroup =
  | "Network"
  | "TLS"
  | "Replication"
  | "Memory"
  | "Snapshots"
  | "Security"
  | "Admin"
  | "Operation";

/** The inputs of a derived default: the memory of the machine, and other options. */
export interface Known {
  readonly memoryBytes: number;
  readonly threads: number;
  /** 0 for the default of max-memory itself. */
  readonly maxMemory: number;
}

/** What the text of another option may depend on. */
export interface Shown {
  readonly tlsOnly: boolean;
  readonly followerBuffer: number;
  readonly reserve: number;
}

/** What decides where a node listens without TLS. */
export interface Placed {
  readonly listenAddr: readonly Address[];
  readonly tlsOnly: boolean;
}

/** A name in CONFIG GET/SET, with its own parser and formatter if its text differs from ours. */
export interface RedisName<Value> {
  readonly name: string;
  /** Gets the options on which a value depends as well. */
  readonly show?: (value: Value, others: Shown) => string;
  /** `before` is the present value, of which the text may change a part. */
  readonly read?: (text: string, before: Value, others: Shown) => Value;
  /** Of a name that means more than its option, and applies at once even if that does not. */
  readonly place?: (text: string, present: Placed) => Placed;
}

/** The descriptive part of an option. */
export interface OptionRow {
  /** The flag without its dashes, and the key in the configuration file. */
  readonly name: string;
  readonly environment: string;
  readonly group: OptionGroup;
  /** The placeholder for the value in the help: ADDR, SIZE, N. */
  readonly hint: string;
  /**
   * Parsed like any other value. If `derive` computes the default, a phrase for readers instead.
   */
  readonly default: string;
  readonly doc: string;
  /**
   * What it takes to change it: CONFIG SET, which applies at once, or a restart. A setting that
   * applies is read where it is used, or has a row in node/settings/settings-in-force.ts.
   */
  readonly change: "applies" | "restart";
  /** Whether several lines of a configuration file add up; otherwise the last one counts. */
  readonly addsUp?: true;
}

export interface Option<Value> extends OptionRow {
  readonly derive?: (known: Known) => Value;
  readonly parse: (text: string) => Value;
  readonly format: (value: Value) => string;
  /** If empty, CONFIG uses the option's own name. */
  readonly redis: readonly RedisName<Value>[];
}
