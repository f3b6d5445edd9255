// Options of the store that are fixed when it is reserved, as rows of the table in options.ts.
// Its sizes are in options.ts, as they follow from each other.

import { databasesDefault, databasesMax } from "../base/limits.ts";
import type { Option } from "./option.ts";
import { parseWholeNumber } from "./values.ts";

export interface StoreConfig {
  readonly databases: number;
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
};
