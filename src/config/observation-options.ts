// The options of what clients may observe, keyspace notifications and client tracking, as rows of
// the table in options.ts. Names and defaults are Redis's.

import { ConfigError } from "../base/errors.ts";
import type { Option } from "./option.ts";
import { parseWholeNumber } from "./values.ts";

export interface ObservationConfig {
  /** The classes of keyspace notifications, in the order of parseNotifications(). */
  readonly notifyKeyspaceEvents: string;
  readonly trackingTableMaxKeys: number;
}

// ---- notify-keyspace-events ---------------------------------------------------------------------

/** In the order in which Redis shows them. */
const classes = "g$lshzxetdn";
/** What `A` stands for: not new keys, nor key misses. */
const everyClass = "g$lshzxetd";
const others = "KEm";
const known = `A${classes}${others}`;

/** "KA" -> "AK", "xEK" -> "xKE": the same classes in Redis's order. New keys are not in `A`. */
function parseNotifications(text: string): string {
  const letters = new Set(text);
  for (const letter of letters) {
    if (known.includes(letter)) continue;
    throw new ConfigError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  }
  const isAll = letters.has("A") || [...everyClass].every((letter) => letters.has(letter));
  const named = [...classes].filter((letter) => letters.has(letter));
  const chosen = isAll ? ["A", ...named.filter((letter) => !everyClass.includes(letter))] : named;
  return [...chosen, ...[...others].filter((letter) => letters.has(letter))].join("");
}

/** As Redis, which does not show that new keys are wanted beside `A`. */
function showNotifications(chosen: string): string {
  return chosen.startsWith("A") ? chosen.replace("n", "") : chosen;
}

// ---- rows ---------------------------------------------------------------------------------------

export const observationOptions: {
  readonly [Key in keyof ObservationConfig]: Option<ObservationConfig[Key]>;
} = {
  notifyKeyspaceEvents: {
    name: "notify-keyspace-events",
    environment: "MSCACHE_NOTIFY_KEYSPACE_EVENTS",
    group: "Operation",
    hint: "CLASSES",
    default: "",
    doc: "Which changes of keys are published to channels, in Redis's letters, such as KEA.",
    change: "applies",
    parse: parseNotifications,
    format: (classes) => classes,
    redis: [{ name: "notify-keyspace-events", show: showNotifications }],
  },
  trackingTableMaxKeys: {
    name: "tracking-table-max-keys",
    environment: "MSCACHE_TRACKING_TABLE_MAX_KEYS",
    group: "Operation",
    hint: "N",
    default: "1000000",
    doc: "Maximum number of keys remembered for clients that track what they read; 0 sets no limit.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, Number.MAX_SAFE_INTEGER),
    format: String,
    redis: [{ name: "tracking-table-max-keys" }],
  },
};
