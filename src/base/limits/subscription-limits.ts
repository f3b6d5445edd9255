// The bounds of what outlives a command of a client: transactions, watched and tracked keys,
// subscriptions, the messages for them, and the event log that feeds them.

import { KiB, MiB } from "./units.ts";

// ---- transactions and subscriptions -------------------------------------------------------------

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
 * Defaults of a subscription of our own client: messages that wait for its reader, and their bytes.
 * More: the oldest are dropped, and the next one says so.
 */
export const subscriptionMessagesDefault = 10_000;
export const subscriptionBytesDefault = 16 * MiB;

// ---- messages on their way ----------------------------------------------------------------------

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

// ---- tracked keys -------------------------------------------------------------------------------

/**
 * Keys that clients may keep (CLIENT TRACKING), bytes with what a key costs beside its own,
 * whatever tracking-table-max-keys. More: the oldest are forgotten, and their clients told to drop
 * them.
 */
export const trackedBytesMax = 256 * MiB;
/** Prefixes of one client that tracks keys, and their bytes. More: an error; earlier ones stay. */
export const prefixesMax = 1024;
export const prefixBytesMax = 1 * MiB;
