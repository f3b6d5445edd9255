// The bounds of one request and of what a single command computes. Those of scripts are in
// script-limits.ts.

import { GiB, KiB, MiB } from "./units.ts";

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

/**
 * The longest DEBUG SLEEP, in seconds; a longer one is refused. Nothing can end it early, not even
 * a signal to shut down.
 */
export const debugSleepSecondsMax = 600;
