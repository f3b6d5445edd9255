// Every bound that a user can meet: what it limits, its unit (also in its name), the reason for the
// value, and what happens at the bound. Limits that a user may change are in config/; these do not
// change at run time. The relations between them are asserted at the end of the file.

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

// ---- commands ---------------------------------------------------------------------------------

/**
 * Longest key, bytes: an item's header has 24 bits for it. Longer: an error reply, nothing is
 * stored.
 */
export const keyBytesMax = 16 * MiB - 1;
/**
 * Longest argument, bytes (Redis's proto-max-bulk-len). Longer: protocol error and close, when
 * announced.
 */
export const bulkBytesMax = 512 * MiB;
/**
 * Longest inline command and longest header line, bytes, as in Redis. Longer: protocol error,
 * close.
 */
export const lineBytesMax = 64 * KiB;
/**
 * Longest request, bytes, as Redis's client-query-buffer-limit. Longer: protocol error and close,
 * as soon as the argument that would exceed it is announced.
 */
export const requestBytesMax = 1 * GiB;
/** Smallest value of client-query-buffer-limit, as in Redis. Less: a configuration error. */
export const requestBytesMaxMin = 1 * MiB;
/** Most arguments of one command, as in Redis. More: protocol error, close. */
export const argumentsMax = 1024 * 1024;
/**
 * Most arguments, and longest argument in bytes, of a client that must log in first, as in Redis.
 */
export const argumentsUnauthenticatedMax = 10;
export const bulkUnauthenticatedBytesMax = 16 * KiB;

/**
 * Bytes of an argument that are read as text: a keyword, a cursor, a setting, an echo in an error.
 * The rest is ignored, or the argument is refused where the whole text matters.
 */
export const textBytesMax = 4 * KiB;
/**
 * Longest name of a client or of its library, and longest host (as in Redis), bytes. CLIENT LIST
 * and INFO report them for each connection. Longer: an error reply.
 */
export const clientNameBytesMax = 1 * KiB;
export const hostBytesMax = 255;

/**
 * The two strings of LCS: their table in Redis, bytes, four for each pair of positions (Redis's
 * proto-max-bulk-len), and their own bytes. Ours has a bit for each pair: at the bounds LCS takes
 * 40 MiB for 20 to 100 ms, without a lock and the last of its batch. More: Redis's error reply.
 */
export const lcsTableBytesMax = 512 * MiB;
export const lcsBytesMax = 1 * MiB;

// ---- scripts ------------------------------------------------------------------------------------

/**
 * What cjson.encode, cmsgpack.pack and struct.pack write in one call, bytes: a table that refers to
 * another twice, and so on, doubles it with each level. More: the error "not enough memory". A
 * buffer beyond the second number is not kept for the next call.
 */
export const encodedBytesMax = 64 * MiB;
export const encodedBytesKept = 1 * MiB;
/**
 * Memory of the VM that runs scripts, bytes; taken as it is needed. More: the script ends with the
 * error "not enough memory". A VM that has grown beyond the second number is replaced after the
 * script, since its memory never shrinks.
 */
export const scriptMemoryBytesMax = 256 * MiB;
export const scriptMemoryKeptBytes = 48 * MiB;
/** Longest script, bytes. Longer: an error reply. */
export const scriptBytesMax = 4 * MiB;
/**
 * Scripts that EVAL has brought and that are kept for EVALSHA, as in Redis 7.4. More: the one that
 * came first is forgotten, and its EVALSHA replies NOSCRIPT.
 */
export const evalScriptsMax = 500;
/**
 * Scripts of SCRIPT LOAD, and the bytes of all scripts. More: SCRIPT LOAD replies with an error,
 * and EVAL forgets scripts that EVAL has brought.
 */
export const loadedScriptsMax = 10_000;
export const scriptCacheBytesMax = 32 * MiB;
/**
 * Instructions of the VM after which the time of a script is looked at; the second number when its
 * memory has grown and they were slow, as one may then join strings of 100 MB (30 ms). 200 small
 * ones take 0.6 us, and looking adds 6 % to that (measured); Redis looks after 100,000.
 */
export const scriptInstructionsPerCheck = 200;
export const scriptInstructionsPerCheckGrown = 10;
/** A script that has written is ended at this multiple of busy-reply-threshold: writes stay. */
export const scriptWriteGrace = 2;
/** Depth of the tables that a script returns. Deeper: an error in the value's place, as Redis. */
export const scriptReplyDepthMax = 1000;
/** Longest error of a script, bytes. The rest is cut off. */
export const scriptErrorBytesMax = 64 * KiB;
/**
 * First words of errors that INFO counts apart (errorstats), as in Redis 7.2: a script may make any
 * number of them. Further ones count only in the total.
 */
export const errorCodesMax = 128;
/** Room for the arguments of redis.call that is kept between scripts, bytes. More is freed. */
export const scriptArgumentBytesKept = 1 * MiB;
/**
 * Steps that a match of string.find and its like may need, at most, to run within the VM, where
 * nothing interrupts it: 100 ms. More: it runs in a slower matcher that the time limit ends.
 */
export const patternStepsInVmMax = 10_000_000;
/**
 * Items of a table that table.sort sorts without a look at the time: 2 ms, or 400 ms in a bad
 * order. More: a function in Lua compares them, seven times slower, which the time limit ends.
 */
export const timedSortItemsMin = 5_000;

// ---- threads ----------------------------------------------------------------------------------

/**
 * How long a closing node waits for a data thread at each of three steps, ms: to stop listening, to
 * close its connections, to end. After that it ends without the thread.
 */
export const threadFarewellMsMax = 1_000;

// ---- the log ------------------------------------------------------------------------------------

/**
 * Longest line on standard error, bytes: a pipe takes that much atomically. Longer: the rest is cut
 * off.
 */
export const stderrLineBytesMax = 4 * KiB;

// ---- time ---------------------------------------------------------------------------------------

/**
 * Longest timer, ms: setTimeout() fires at once for a longer one. Longer: no timer is set, or it is
 * set again.
 */
export const timerMsMax = 2 ** 31 - 1;

/**
 * Recurring trouble is reported again after the first of these intervals, then after twice that,
 * and so on up to the second (base/recurring.ts). In between it is logged at `info`.
 */
export const troubleRepeatMsMin = 60_000;
export const troubleRepeatMsMax = 3_600_000;
/** Kinds of recurring trouble with a count of their own. More: the oldest count is dropped. */
export const troubleKindsMax = 64;

// ---- connections ------------------------------------------------------------------------------

/**
 * Longest idle time before the first TCP keepalive probe that Linux accepts, s. Longer: set to
 * this.
 */
export const keepAliveSecondsMax = 32_767;
/**
 * File descriptors reserved for the process itself, replication links, files and spools; as many as
 * Redis reserves. A node whose limit leaves none for clients does not start.
 */
export const descriptorsReserved = 32;
/** File descriptors that each data thread in a Worker needs for its event loop and listeners. */
export const descriptorsPerWorker = 8;
/** Descriptors that no client gets, not even below max-clients: it gets an error and is closed. */
export const descriptorsSpare = 8;
/** Gathered replies, bytes, that are written to the socket in the middle of a pipeline. */
export const outputFlushBytes = 256 * KiB;
/**
 * Unsent replies, bytes, at which a client's further commands wait until it reads some. This
 * applies only while all clients together hold more than half of --max-client-memory, because a
 * client may send all its commands before it reads a reply.
 */
export const outputPauseBytes = 1 * MiB;
/**
 * Unexecuted input of one client, bytes, at which its socket is not read for now: while its command
 * waits, and while it does not read its replies. Much may be in flight behind a command that waits,
 * and the client's end is seen only behind that.
 */
export const waitingInputBytesMax = 16 * MiB;
export const blockedInputBytesMax = 64 * KiB;
/**
 * Unsent output of one client, bytes: twice the longest value. More: the client is disconnected.
 * client-output-buffer-limit may set a lower bound for each class of clients; what the socket has
 * not taken counts.
 */
export const outputHardBytesMax = 1 * GiB;
/**
 * The same before login if a password is set: a stranger needs no more than a few error replies.
 */
export const strangerOutputBytesMax = 4 * KiB;
/** How long a client may take to log in if a password is set, ms. Longer: it is disconnected. */
export const strangerMsMax = 60_000;
/**
 * Longest path of a Unix socket, bytes: macOS allows 103, and it is bound with one more. Longer: a
 * configuration error.
 */
export const unixPathBytesMax = 102;
/**
 * TLS handshakes under way in one data thread, and how long one may take, ms. Each takes a
 * descriptor and some kilobytes, and a client needs milliseconds. More: the oldest is ended.
 */
export const handshakesMax = 256;
export const handshakeMsMax = 10_000;
/**
 * Largest file of certificates, and largest sum of a directory of them, bytes: those of all public
 * authorities have a quarter of a megabyte. Larger: a configuration error.
 */
export const tlsFileBytesMax = 4 * MiB;
/** How long a client that is refused may take to close its end, ms. Longer: it is disconnected. */
export const refusedMsMax = 1_000;
/**
 * How long one client's pipeline may run before other clients are served, ms; it resumes in the
 * next round of the event loop. A command is never cut, so a large one may take longer. A round
 * has a turn of each of them: with 1 ms, a hundred clients who ask for megabytes held up a PING
 * for 110 to 320 ms, and with this for 70 to 130; a pipeline of thousands costs the same.
 */
export const turnMsMax = 0.4;
/** Smallest and largest default of --max-client-memory, bytes. */
export const clientMemoryDefaultMin = 4 * MiB;
export const clientMemoryDefaultMax = 1 * GiB;
/**
 * Received bytes after which a thread asks for a collection: shared memory counts as heap
 * (src/README.md).
 */
export const receivedBytesPerCollection = 16 * MiB;
/**
 * Growth of resident memory, bytes, that has the same effect: not all garbage comes from received
 * bytes.
 */
export const residentBytesPerCollection = 8 * MiB;

// ---- the slow log and latency -------------------------------------------------------------------

/**
 * Arguments of an entry in the slow log, and bytes of each, as in Redis. More: the entry says how
 * many more there were.
 */
export const slowLogArgumentsMax = 32;
export const slowLogArgumentBytesMax = 128;
/** Bytes of the slow log of one data thread, whatever slowlog-max-len. More: the oldest go. */
export const slowLogBytesMax = 16 * MiB;
/** Samples of a kind of latency event, one a second at most, as in Redis. More: the oldest go. */
export const latencySamplesMax = 160;

// ---- transactions and subscriptions -----------------------------------------------------------

/** Commands, and their bytes, in one transaction. More: the command is refused, and EXEC aborts. */
export const transactionCommandsMax = 1024 * 1024;
export const transactionBytesMax = 512 * MiB;
/**
 * Keys that one connection may WATCH, and their bytes: room for a few of the longest. More: an
 * error reply; the keys watched before stay watched.
 */
export const watchedKeysMax = 64 * 1024;
export const watchedBytesMax = 64 * MiB;
/**
 * Watched keys of the clients of one data thread whose state other threads can see, and their
 * lengths. Others take a swap or a flush of their database by another thread for a change.
 */
export const watchedSlotsMax = 1024;
export const watchedSlotKeyBytesMax = 96;
/**
 * Channels and patterns of one connection, and the bytes of their names. More: an error reply;
 * earlier subscriptions stay.
 */
export const subscriptionsMax = 64 * 1024;
export const subscriptionBytesMax = 64 * MiB;
/**
 * A glob pattern: its bytes, its classes, and the elements of a part between two stars, each of
 * which costs up to 1/32 of a step per byte of text. More: an error reply.
 */
export const globBytesMax = 1 * MiB;
export const globClassesMax = 1024;
export const globPartElementsMax = 1024;
/**
 * Default of client-output-buffer-limit pubsub, as in Redis: what waits for a slow subscriber. It
 * is disconnected at once above the hard bound, and when it stays above the soft one for longer
 * than the time.
 */
export const messagesHardBytesDefault = 32 * MiB;
export const messagesSoftBytesDefault = 8 * MiB;
export const messagesSoftSecondsDefault = 60;

/**
 * Messages that a thread delivers to its subscribers before it sends and counts them, bytes, of
 * which each receiver has a share: many subscribers would otherwise hold more than all clients may
 * before anybody looks.
 */
export const deliveredBytesMax = 4 * MiB;
/**
 * How long a message waits for others to the same subscriber, ms, while more are published in each
 * round of the event loop.
 */
export const messagesWaitMsMax = 5;
/**
 * Published messages that wait for one data thread, bytes, of which each receiver has a share: some
 * milliseconds of its work. More: further PUBLISH commands wait.
 */
export const deliveryDebtBytesMax = 1 * MiB;
/**
 * What is read ahead of a leader's stream that is held, bytes: during CLIENT PAUSE, or while a
 * thread owes subscribers more than the above. More: the rest stays in the socket and at the
 * leader.
 */
export const heldStreamBytesMax = 1 * MiB;
/**
 * Of these, bytes that the thread delivers before it serves its sockets again; after as many, a
 * publisher's turn may end.
 */
export const deliveredPerRoundBytesMax = 256 * KiB;

// ---- the event log ------------------------------------------------------------------------------

/**
 * The event log, bytes: several turns of the fastest writer. What its readers have not read when it
 * is overwritten is lost: clients that track keys are told to drop everything, and the log says
 * that notifications are missing.
 */
export const eventLogBytes = 16 * MiB;
/**
 * How long the event log is written after the last client has gone that can resume from its place
 * in it, ms. Later: such a client drops everything.
 */
export const eventLogLingerMs = 60_000;
/** Longest key or line in one record, bytes. Longer: the record counts as lost, a line is cut. */
export const eventRecordBytesMax = 4 * MiB;
/** Bytes of the arguments in a line of MONITOR. More: the line says how many more there were. */
export const monitorArgumentBytesMax = 512 * KiB;
/**
 * Bytes of records that the control thread works on before it serves others, as long as that does
 * not take more than turnMsMax.
 */
export const eventBytesPerTurn = 1 * MiB;

/**
 * Keys that clients may keep (CLIENT TRACKING), bytes with what a key costs beside its own,
 * whatever tracking-table-max-keys. More: the oldest are forgotten, and their clients told to drop
 * them.
 */
export const trackedBytesMax = 256 * MiB;
/** Prefixes of one client that tracks keys, and their bytes. More: an error; earlier ones stay. */
export const prefixesMax = 1024;
export const prefixBytesMax = 1 * MiB;

// ---- users --------------------------------------------------------------------------------------

/**
 * Users of a node, bytes of a name, and of all users and one user together: their patterns, first
 * arguments, hashes and selectors. Each thread has a copy. More: ACL SETUSER replies an error and
 * changes nothing; ACL LOAD and the start refuse the file.
 */
export const usersMax = 10_000;
export const userNameBytesMax = 1 * KiB;
export const usersBytesMax = 64 * MiB;
export const userBytesMax = 1 * MiB;
/** Passwords of one user: a login compares with each. More: the same error. */
export const userPasswordsMax = 256;
/** Selectors of one user: a command may be judged by each. More: the same error. */
export const userSelectorsMax = 256;
/** Longest file of users, bytes: twice what all users may take. Longer: it is refused. */
export const usersFileBytesMax = 128 * MiB;
/** Wrong passwords in a row on one connection. At this many it is closed, after the error. */
export const failedLoginsMax = 1_000;
/**
 * The log of refused commands of one data thread: bytes of all entries, whatever acllog-max-len,
 * and of the key, channel or name of each. More: the oldest go; a longer name is cut.
 */
export const denialLogBytesMax = 16 * MiB;
export const denialObjectBytesMax = 4 * KiB;
/** Refusals of the same thing within this time are one entry that counts them, ms, as in Redis. */
export const denialGroupMsMax = 60_000;
/** Entries that are looked through for such a one, as in Redis. */
export const denialGroupEntries = 10;

// ---- the store --------------------------------------------------------------------------------

/**
 * Size of an arena, bytes: a location splits by an int32 shift, and no typed array is indexed above
 * 2 GiB.
 */
export const arenaBytes = 1 * GiB;
/** Smallest memory limit with which the store still works, bytes. Less: a configuration error. */
export const memoryBytesMin = 1 * MiB;
/** Largest store, bytes: 32-bit locations in units of 8 bytes. More: a configuration error. */
export const memoryBytesMax = 32 * GiB;
/**
 * Databases without --databases, as in Redis, and with it at most: an identity is a byte, and a
 * flushed database keeps one until its items are removed. More: a configuration error.
 */
export const databasesDefault = 16;
export const databasesMax = 64;

// ---- snapshots --------------------------------------------------------------------------------

/** Longest auxiliary field of a snapshot, bytes. Longer, as old scripts may be: it is skipped. */
export const snapshotFieldBytesMax = 64 * KiB;
/**
 * Most hash templates in a snapshot (Redis 8.8); each costs a map entry. More: the snapshot is
 * broken.
 */
export const snapshotTemplatesMax = 1024 * 1024;

/**
 * Buckets of seven entries in one chain of the index. A chain of random keys reaches ten with a
 * probability below 10^-20, so only an attacker who knows colliding keys reaches 32; a lookup then
 * costs 2 us. At the bound, each new entry evicts one of the chain; with `--eviction none` the
 * write is refused. A follower keeps what its leader keeps, and exceeds it. INFO counts such
 * writes; a log line warns.
 */
export const chainBucketsMax = 32;
/** Shortest interval between log lines about such writes, ms. */
export const crowdedWarningMs = 60_000;

// ---- replication ------------------------------------------------------------------------------

/** Smallest journal, bytes. */
export const journalBytesMin = 1 * MiB;
/**
 * Most data kept for followers that have fallen behind the journal, bytes, if memory allows
 * (--follower-buffer); all followers share it. A follower is disconnected at once if it needs more,
 * and after followerBufferSoftSeconds above a quarter, as in Redis: the default of
 * client-output-buffer-limit replica.
 */
export const followerBufferBytesMax = 256 * MiB;
export const followerBufferSoftShare = 1 / 4;
export const followerBufferSoftSeconds = 60;
/** Longest silence of a link, ms, as Redis's repl-timeout. Longer: the link is dropped. */
export const linkSilenceMsMax = 60_000;
/** Interval of the follower's ACK, ms; that of the leader's PING is `--ping-interval`. */
export const acknowledgeMs = 1_000;
/** Time for one address of a leader's name before the next is tried as well, ms. */
export const addressMsMax = 2_000;
/**
 * Attempts to connect to leaders that may be under way; each has a descriptor. REPLICAOF may name
 * many addresses that say nothing. More: the attempt fails, and is made again later.
 */
export const dialsMax = 64;
/** Shortest and longest wait before a reconnection, ms, with jitter. */
export const reconnectMsMin = 100;
export const reconnectMsMax = 5_000;
/**
 * Longest wait before the next attempt if the leader cannot be followed, ms: its snapshot is
 * refused, or its stream needs a new snapshot. The wait doubles from reconnectMsMin, as each
 * attempt may be a full sync. It starts over after the link held for resyncCalmMs, or for the last
 * wait if that was longer.
 */
export const resyncMsMax = 300_000;
export const resyncCalmMs = 60_000;
/** A journal without readers is turned off after this time, ms (repl-backlog-ttl). */
export const journalIdleMsMax = 3_600_000;

/**
 * Bytes above which a sparse HyperLogLog becomes a dense one (hll-sparse-max-bytes): Redis's
 * default, as a shorter one costs time for each element. 0: it does with its first element.
 */
export const sparseSketchBytesDefault = 3000;

/**
 * Bytes that a MIGRATE sends before it waits for the target to confirm them. More keys wait; a
 * larger value goes alone.
 */
export const migrationBatchBytes = 1 * MiB;

/**
 * The longest DEBUG SLEEP, in seconds; a longer one is refused. Nothing can end it early, not even
 * a signal to shut down.
 */
export const debugSleepSecondsMax = 600;

// ---- relations ----------------------------------------------------------------------------------

/** What must hold between the limits. */
const relations: readonly (readonly [holds: boolean, what: string])[] = [
  [keyBytesMax <= bulkBytesMax, "the longest key fits into an argument"],
  [keyBytesMax + bulkBytesMax + lineBytesMax < requestBytesMax, "a key and a value fit a request"],
  [keyBytesMax < requestBytesMax && requestBytesMaxMin < requestBytesMax, "requests have room"],
  [keyBytesMax <= watchedBytesMax, "the longest key can be watched"],
  [watchedSlotKeyBytesMax % 32 === 0, "slots are aligned"],
  [outputFlushBytes <= outputPauseBytes, "gathered replies are sent before requests wait"],
  [outputPauseBytes + bulkBytesMax < outputHardBytesMax, "a value fits while requests wait"],
  [troubleRepeatMsMin <= troubleRepeatMsMax, "intervals grow"],
  [descriptorsSpare < descriptorsReserved, "max-clients is reached before the spare descriptors"],
  [4 * monitorArgumentBytesMax < eventRecordBytesMax, "a line of escapes fits a record"],
  [messagesSoftBytesDefault < messagesHardBytesDefault, "a soft bound is below its hard one"],
  [messagesHardBytesDefault < outputHardBytesMax, "the bound of a class is below that of all"],
  [followerBufferSoftShare < 1, "a soft bound is below its hard one"],
  [deliveredPerRoundBytesMax < deliveryDebtBytesMax, "a thread has work for more than a round"],
  [acknowledgeMs < linkSilenceMsMax, "a live link is heard"],
  [userBytesMax <= usersBytesMax && usersBytesMax < usersFileBytesMax, "users fit their file"],
  [reconnectMsMin <= reconnectMsMax && reconnectMsMax <= resyncMsMax, "waits grow"],
];

for (const [holds, what] of relations) if (!holds) throw new Error(`limits.ts: false: ${what}`);
