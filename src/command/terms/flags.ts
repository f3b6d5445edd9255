// Properties of commands as bits, for the gate, the connection and COMMAND INFO. The row of a
// command has its bits; this file says what each of them means.

/** Properties of a command, as bits. The names in COMMAND INFO are Redis's (see flagNames). */
export const flag = {
  /** May change the data: refused on a follower. */
  WRITE: 1 << 0,
  READONLY: 1 << 1,
  /** May use more memory: room is made first, and the command fails with -OOM without it. */
  DENY_OOM: 1 << 2,
  /** Its row has `growth`: the room that it needs does not follow from its arguments alone. */
  GROWS: 1 << 16,
  ADMIN: 1 << 3,
  FAST: 1 << 4,
  /** Allowed while a snapshot is loaded. */
  LOADING: 1 << 5,
  /** Allowed on a follower that has lost its leader. */
  STALE: 1 << 6,
  /** Allowed before a login. */
  NO_AUTH: 1 << 7,
  NO_SCRIPT: 1 << 8,
  PUBSUB: 1 << 9,
  /**
   * Acts on the whole node: runs in the control thread while its connection waits. Its handler may
   * return a promise.
   */
  CONTROL: 1 << 10,
  /** Allowed while a script takes too long. */
  ALLOW_BUSY: 1 << 12,
  NO_ASYNC_LOADING: 1 << 13,
  NO_MULTI: 1 << 14,
  SKIP_SLOWLOG: 1 << 20,
  /** Not in COMMAND and not callable by name: the rows of the binary protocol's opcodes. */
  INTERNAL: 1 << 11,
  /** Refused unless an option allows it: DEBUG. */
  PROTECTED: 1 << 19,
  /** Involves the connections of all data threads: with several of them it runs like CONTROL. */
  GLOBAL: 1 << 21,
  /** Changes no data but enters the stream to the followers, so a pause of writes holds it too. */
  MAY_REPLICATE: 1 << 25,
  /** No pause holds it: it ends one. Redis holds even CLIENT UNPAUSE. */
  ENDS_PAUSE: 1 << 27,
  /** Waits for others than this node: its client is sent messages meanwhile. */
  WAITS: 1 << 29,
  /** Allowed for a RESP2 client that has subscriptions. */
  SUBSCRIBER: 1 << 22,
  /** Its replies are pushes, which CLIENT REPLY does not suppress. */
  PUSHES: 1 << 26,
  /**
   * Computes for long. So it takes the locks of its keys itself, for as long as it needs them, and
   * ends its batch: other clients are served before the next command.
   */
  LONG: 1 << 17,
  /**
   * May have to do with keys of a database that is not selected: it locks all shards, and so does
   * an EXEC with it.
   */
  OTHER_DATABASE: 1 << 18,
  /** Runs at once inside a transaction, where other commands are queued. */
  UNQUEUED: 1 << 23,
  /** Its work depends on its arguments or the data, so its time is measured (command-times.ts). */
  TIMED: 1 << 28,
  /** It runs a script (EVAL); COMMAND INFO says more of it. */
  SCRIPT: 1 << 15,
  /** EXEC: it also has the properties of the queued commands (transaction-queue.ts). */
  TRANSACTION: 1 << 24,
} as const;

export const flagNames: readonly (readonly [number, string])[] = [
  [flag.WRITE, "write"],
  [flag.READONLY, "readonly"],
  [flag.DENY_OOM, "denyoom"],
  [flag.ADMIN, "admin"],
  [flag.PUBSUB, "pubsub"],
  [flag.NO_SCRIPT, "noscript"],
  [flag.LOADING, "loading"],
  [flag.STALE, "stale"],
  [flag.SCRIPT, "skip_monitor"],
  [flag.SCRIPT, "no_mandatory_keys"],
  [flag.FAST, "fast"],
  [flag.NO_AUTH, "no_auth"],
  [flag.NO_ASYNC_LOADING, "no_async_loading"],
  [flag.NO_MULTI, "no_multi"],
  [flag.ALLOW_BUSY, "allow_busy"],
  [flag.SKIP_SLOWLOG, "skip_slowlog"],
];
