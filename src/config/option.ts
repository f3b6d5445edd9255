// What an option of a node is: the row that the table (options.ts) has of each. Types only.
// Whoever reads the table sees text; how a value is read and shown stays with the row.

export type OptionGroup =
  | "Network"
  | "Replication"
  | "Memory"
  | "Snapshots"
  | "Security"
  | "Operation";

/** What the default of an option may be derived from: what others are, and the machine. */
export interface Known {
  readonly memoryBytes: number;
  readonly threads: number;
  /** 0 for the default of max-memory itself. */
  readonly maxMemory: number;
}

/** A name in CONFIG GET/SET, and how its text differs from ours where it does. */
export interface RedisName<Value> {
  readonly name: string;
  readonly show?: (value: Value) => string;
  readonly read?: (text: string) => Value;
}

/** What a reader sees of an option. */
export interface OptionRow {
  /** The flag without its dashes, and the key in the configuration file. */
  readonly name: string;
  readonly environment: string;
  readonly group: OptionGroup;
  /** What stands for the value in the help: ADDR, SIZE, N. */
  readonly hint: string;
  /** Parsed like any other value, unless `derive` computes it; then it is a phrase for readers. */
  readonly default: string;
  readonly doc: string;
  /**
   * What it takes to change it: CONFIG SET, which applies at once, or a restart. A setting that
   * applies is read where it is used, or has a row in node/settings-in-force.ts.
   */
  readonly change: "applies" | "restart";
}

export interface Option<Value> extends OptionRow {
  readonly derive?: (known: Known) => Value;
  readonly parse: (text: string) => Value;
  readonly format: (value: Value) => string;
  /** Empty: CONFIG knows the option by its own name. */
  readonly redis: readonly RedisName<Value>[];
}
