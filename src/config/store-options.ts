// Options of the store and of the form of its values, as rows of the table in options.ts. The sizes
// of the store are in options.ts, as they follow from each other.

import { databasesDefault, databasesMax, sparseSketchBytesDefault } from "../base/limits.ts";
import type { Option } from "./option.ts";
import { parseSizeWithin, parseWholeNumber } from "./values.ts";

export interface StoreConfig {
  readonly databases: number;
  readonly hllSparseBytesMax: number;
}

export const storeOptions: { readonly [Key in keyof StoreConfig]: Option<StoreConfig[Key]> } = {
  databases: {
    name: "databases",
    environment: "MSCACHE_DATABASES",
    group: "Memory",
    hint: "N",
    default: String(databasesDefault),
    doc: "Number of databases that SELECT can choose.",
    change: "restart",
    parse: (text) => parseWholeNumber(text, 1, databasesMax),
    format: String,
    redis: [{ name: "databases" }],
  },
  hllSparseBytesMax: {
    name: "hll-sparse-max-bytes",
    environment: "MSCACHE_HLL_SPARSE_MAX_BYTES",
    group: "Memory",
    hint: "SIZE",
    default: String(sparseSketchBytesDefault),
    doc: "Size in bytes above which PFADD and PFMERGE make a sparse HyperLogLog a dense one.",
    change: "applies",
    parse: (text) => parseSizeWithin(text, 0, Number.MAX_SAFE_INTEGER),
    format: String,
    redis: [{ name: "hll-sparse-max-bytes" }],
  },
};
