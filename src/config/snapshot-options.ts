// Options of the snapshot file, as rows of the table in options.ts. What a node does with the file
// is in persistence/.

import type { Option } from "./option.ts";
import { readSavePoint, showSavePoint } from "./redis-words.ts";
import {
  parseWholeNumber,
  parseWord,
  type SnapshotCorrupt,
  snapshotCorrupt,
  snapshotSecondsMax,
} from "./values.ts";

export interface SnapshotConfig {
  readonly snapshotFile: string;
  readonly snapshotInterval: number;
  readonly snapshotCorrupt: SnapshotCorrupt;
}

export const snapshotOptions: {
  readonly [Key in keyof SnapshotConfig]: Option<SnapshotConfig[Key]>;
} = {
  snapshotFile: {
    name: "snapshot-file",
    environment: "MSCACHE_SNAPSHOT_FILE",
    group: "Snapshots",
    hint: "FILE",
    default: "",
    doc: "Snapshot to load at start and to write on SAVE, BGSAVE and a clean shutdown.",
    change: "restart",
    parse: String,
    format: String,
    redis: [],
  },
  snapshotInterval: {
    name: "snapshot-interval",
    environment: "MSCACHE_SNAPSHOT_INTERVAL",
    group: "Snapshots",
    hint: "SECONDS",
    default: "0",
    doc: "Save the snapshot this often if data has changed; 0 disables automatic saves.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, snapshotSecondsMax),
    format: String,
    redis: [
      { name: "snapshot-interval" },
      { name: "save", show: showSavePoint, read: readSavePoint },
    ],
  },
  snapshotCorrupt: {
    name: "snapshot-corrupt",
    environment: "MSCACHE_SNAPSHOT_CORRUPT",
    group: "Snapshots",
    hint: snapshotCorrupt.join("|"),
    default: "refuse",
    doc: "Whether a node with a corrupt snapshot refuses to start, or ignores it and starts empty.",
    change: "restart",
    parse: (text) => parseWord(text, snapshotCorrupt),
    format: String,
    redis: [],
  },
};
