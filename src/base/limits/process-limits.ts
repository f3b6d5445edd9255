// The bounds of the process and of what it says of itself: threads, timers, the log, the slow log,
// latency.

import { KiB, MiB } from "./units.ts";

// ---- threads ------------------------------------------------------------------------------------

/**
 * How long a closing node waits for a data thread at each of three steps, ms: to stop listening, to
 * close its connections, to end. After that it ends without the thread.
 */
export const threadFarewellMsMax = 1_000;

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

// ---- the log ------------------------------------------------------------------------------------

/**
 * Longest line on standard error, bytes: a pipe takes that much atomically. Longer: the rest is cut
 * off.
 */
export const stderrLineBytesMax = 4 * KiB;

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
