// Every bound that a user can meet, in one place: what it limits, its unit (last word of the name), why it has
// this value and what happens when it is reached. Limits that a user may change live in config.ts;
// these do not change at run time. Relations between them are asserted at the end of the file.

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

// ---- commands ---------------------------------------------------------------------------------

/** Longest key, bytes. An item's header gives a key 24 bits. Longer: an error reply, nothing stored. */
export const keyBytesMax = 16 * MiB - 1;
/** Longest argument that a request may announce, bytes (Redis's proto-max-bulk-len). Longer: protocol error, close. */
export const bulkBytesMax = 512 * MiB;
/** Longest inline command and longest header line of a frame, bytes, as in Redis. Longer: protocol error, close. */
export const lineBytesMax = 64 * KiB;
/**
 * Longest request, bytes, as Redis's client-query-buffer-limit. Longer: protocol error, close, as soon as
 * the argument that would be beyond it is announced.
 */
export const requestBytesMax = 1 * GiB;
/** Most arguments of one command, as in Redis. More: protocol error, close. */
export const argumentsMax = 1024 * 1024;
/** The same before a connection has logged in, where a password is set (Redis: 10 and 16 KiB). */
export const argumentsUnauthenticatedMax = 10;
export const bulkUnauthenticatedBytesMax = 16 * KiB;

/**
 * Bytes of an argument that are read as text: a keyword, a cursor, a setting, an echo in an error. Those
 * behind them are not looked at, and where the whole would count, a longer argument is refused.
 */
export const textBytesMax = 4 * KiB;
/**
 * Longest name of a client or of its library, and the longest host, bytes, as in Redis for the latter.
 * Longer: an error reply. CLIENT LIST and INFO hold them for each connection.
 */
export const clientNameBytesMax = 1 * KiB;
export const hostBytesMax = 255;

// ---- threads ----------------------------------------------------------------------------------

/**
 * How long a node that ends waits for a data thread to do what it is told, ms, at each of three steps: to
 * stop listening, to close its connections, to end. Then it ends without it.
 */
export const threadFarewellMsMax = 1_000;

// ---- the log ------------------------------------------------------------------------------------

/** Longest line on standard error, bytes: what a pipe takes whole or not at all. The rest is cut off. */
export const stderrLineBytesMax = 4 * KiB;

// ---- time ---------------------------------------------------------------------------------------

/** Longest time a timer takes, ms: a longer one would be over at once, so it is none. */
export const timerMsMax = 2 ** 31 - 1;

/**
 * Trouble that goes on is told again after the first of these, then after twice that, and so on up to the
 * second (base/recurring.ts); between them it is logged at `info`.
 */
export const troubleRepeatMsMin = 60_000;
export const troubleRepeatMsMax = 3_600_000;
/** Kinds of trouble of one sort that are counted, each by itself. More: the oldest starts anew. */
export const troubleKindsMax = 64;

// ---- connections ------------------------------------------------------------------------------

/** Longest wait for the first probe of TCP keepalive that Linux takes, seconds. Longer: this one. */
export const keepAliveSecondsMax = 32_767;
/**
 * File descriptors that are not for clients: those of the process, the journal's links, files and spools,
 * as many as Redis keeps. A node that may not open more does not start.
 */
export const descriptorsReserved = 32;
/** What each data thread in a Worker needs: its event loop and its listeners. */
export const descriptorsPerWorker = 8;
/** Descriptors that no client gets, not even below max-clients: it is told so and closed. */
export const descriptorsSpare = 8;
/** Replies gathered before they are handed to the socket in the middle of a pipeline, bytes. */
export const outputFlushBytes = 256 * KiB;
/**
 * Unsent replies, bytes, at which a client's further commands wait until it has read some; but only while
 * all clients together hold more than half of --max-client-memory: a client may send all its commands
 * before it reads an answer.
 */
export const outputPauseBytes = 1 * MiB;
/** Unsent output at which a client is cut off, bytes: more than the longest value and many others. */
export const outputHardBytesMax = 1 * GiB;
/** The same before a login, where a password is set: a stranger needs no more than an error or two. */
export const strangerOutputBytesMax = 4 * KiB;
/** How long a client may take to log in, where a password is set, ms. Then it is closed. */
export const strangerMsMax = 60_000;
/**
 * How long the pipeline of one client is worked on at a time, ms; then the others are served, and it goes
 * on in the next round of the event loop. A batch of commands is never cut, so a large one may take longer.
 */
export const turnMsMax = 1;
/** Smallest and largest default of --max-client-memory, bytes. */
export const clientMemoryDefaultMin = 4 * MiB;
export const clientMemoryDefaultMax = 1 * GiB;
/** Bytes received after which a thread asks for a collection: shared memory counts as heap (src/README.md). */
export const receivedBytesPerCollection = 16 * MiB;
/** Growth of resident memory after which it does so as well: garbage that no received bytes announce. */
export const residentBytesPerCollection = 8 * MiB;

// ---- transactions and subscriptions -----------------------------------------------------------

/** Commands and bytes that a transaction may queue. More: the command is refused, and EXEC aborts. */
export const transactionCommandsMax = 1024 * 1024;
export const transactionBytesMax = 512 * MiB;
/**
 * Keys that one connection may guard by WATCH, and their bytes: a few of the longest. More: an error reply,
 * and what it guarded before stays guarded.
 */
export const watchedKeysMax = 64 * 1024;
export const watchedBytesMax = 64 * MiB;
/**
 * Channels and patterns of one connection, and the bytes of their names. More: an error reply, and what it
 * had subscribed to before stays.
 */
export const subscriptionsMax = 64 * 1024;
export const subscriptionBytesMax = 64 * MiB;
/**
 * A glob pattern: its bytes, its different classes, and the elements of a part between two stars, for each of
 * which a text costs up to a 32nd of a step a byte. More: an error reply.
 */
export const globBytesMax = 1 * MiB;
export const globClassesMax = 1024;
export const globPartElementsMax = 1024;
/**
 * Messages that wait for a slow subscriber, as in Redis (client-output-buffer-limit pubsub): it is cut off
 * above the hard bound at once, and above the soft one after its time.
 */
export const mailHardBytesMax = 32 * MiB;
export const mailSoftBytesMax = 8 * MiB;
export const mailSoftMs = 60_000;

// ---- the store --------------------------------------------------------------------------------

/** One arena, bytes: a location splits by an int32 shift, and no typed array is indexed above 2 GiB. */
export const arenaBytes = 1 * GiB;
/** Smallest memory limit that still behaves, bytes. */
export const memoryBytesMin = 1 * MiB;
/** Largest store: 32-bit locations in units of 8 bytes. */
export const memoryBytesMax = 32 * GiB;

// ---- snapshots --------------------------------------------------------------------------------

/** Longest auxiliary field of a snapshot that is read, bytes. Longer, as old scripts may be: passed over. */
export const snapshotFieldBytesMax = 64 * KiB;
/** Most templates of hashes in a snapshot (Redis 8.8). Each costs a map's entry. More: a broken snapshot. */
export const snapshotTemplatesMax = 1024 * 1024;

/**
 * Buckets of seven entries in one chain of the index. A chain of random keys has ten less than once in
 * 10^20, so that only somebody who found out which keys collide reaches this: a lookup then costs 2 us.
 * At it, an entry of the chain is evicted for each new one; with `--eviction none` the write is refused.
 * A follower keeps what its leader keeps, and goes beyond it. INFO counts such writes; a log line warns.
 */
export const chainBucketsMax = 32;
/** A log line about such writes is repeated at most this often, ms. */
export const crowdedWarningMs = 60_000;

// ---- replication ------------------------------------------------------------------------------

/** Smallest journal, bytes. */
export const journalBytesMin = 1 * MiB;
/**
 * How far a follower may fall behind the journal, bytes, where memory allows (--follower-buffer): what it
 * misses is kept for it, once for all of them. Behind by more it is cut off at once, and by more than a quarter
 * after this time, as in Redis (client-output-buffer-limit replica).
 */
export const followerBufferBytesMax = 256 * MiB;
export const followerBufferSoftShare = 1 / 4;
export const followerBufferSoftMs = 60_000;
/** Keys that wait for a follower that joined by the binary protocol, bytes. More: its link ends. */
export const joinQueueBytesMax = 256 * MiB;
/** A link on which nothing was heard for this long is dropped, as in Redis (repl-timeout). */
export const linkSilenceMsMax = 60_000;
/** The leader's PING in the stream (repl-ping-replica-period) and the follower's ACK. */
export const streamPingMs = 10_000;
export const acknowledgeMs = 1_000;
/** How long one address of a leader's name may take before the next one is tried as well. */
export const addressMsMax = 2_000;
/** Reconnection waits between these, with jitter. */
export const reconnectMsMin = 100;
export const reconnectMsMax = 5_000;
/**
 * Longest wait after a leader that cannot be followed, ms: one whose snapshot is refused, or whose stream has
 * what only a snapshot can tell. The wait doubles from reconnectMsMin on, as each attempt may be a full sync.
 * It is short again when the link was up for that long without such a failure, and for the last wait.
 */
export const resyncMsMax = 300_000;
export const resyncCalmMs = 60_000;
/** A journal nobody reads is turned off after this time (repl-backlog-ttl). */
export const journalIdleMsMax = 3_600_000;

// ---- relations ----------------------------------------------------------------------------------

/** What must hold between them, whatever they are set to. */
const relations: readonly (readonly [holds: boolean, what: string])[] = [
  [keyBytesMax <= bulkBytesMax, "the longest key is an argument"],
  [keyBytesMax + bulkBytesMax + lineBytesMax < requestBytesMax, "a key and a value are a request"],
  [keyBytesMax <= watchedBytesMax, "the longest key can be guarded"],
  [outputFlushBytes <= outputPauseBytes, "what was gathered is sent before requests wait"],
  [outputPauseBytes + bulkBytesMax < outputHardBytesMax, "a value still fits when requests wait"],
  [troubleRepeatMsMin <= troubleRepeatMsMax, "intervals grow"],
  [descriptorsSpare < descriptorsReserved, "max-clients is met before the last descriptors are"],
  [mailSoftBytesMax < mailHardBytesMax, "a soft bound lies below its hard one"],
  [followerBufferSoftShare < 1, "a soft bound lies below its hard one"],
  [acknowledgeMs < linkSilenceMsMax && streamPingMs < linkSilenceMsMax, "who lives is not silent"],
  [reconnectMsMin <= reconnectMsMax && reconnectMsMax <= resyncMsMax, "waits grow"],
];

for (const [holds, what] of relations) if (!holds) throw new Error(`limits.ts: not so: ${what}`);
