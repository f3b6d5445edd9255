// The bounds of the admin HTTP server (node/admin/): what its clients may hold, and for how long.
// Bun's HTTP server adds its own: 16 KiB of headers (431), and 10 s for a whole head.

import { MiB } from "./units.ts";

/**
 * Requests in flight, streams of events included, over all addresses. A dashboard has two or three
 * and a monitoring system one. A client's address may have as many as are free beside, half of them
 * if it is the only one. More: 503 at once.
 */
export const adminRequestsMax = 128;
/** The same for /metrics, which has places of its own: whatever others do, a scrape finds one. */
export const adminScrapesMax = 16;
/**
 * How long an HTTP connection may be silent, s: between requests, while an answer is computed, and
 * while the client does not read. Longer: it is closed, and its command is withdrawn if it waits.
 */
export const adminIdleSeconds = 30;
/** Logins of browsers, and how long one lasts, ms. More: the oldest ends. */
export const adminLoginsMax = 64;
export const adminLoginMsMax = 12 * 3_600_000;
/** Streams of events at the same time: a browser has one. More: 503. */
export const adminStreamsMax = 16;
/**
 * Bodies of all requests together, bytes; an address may have as much of it as is free beside. No
 * further one is read then: 503. One alone may be as long as a value.
 */
export const adminBodyBytesMax = 128 * MiB;
/** What one request may get from its commands, bytes. More: 507, and the rest is dropped. */
export const adminReplyBytesMax = 600 * MiB;
/** Bodies of commands in JSON, bytes. Longer: 413. */
export const adminCommandBytesMax = 16 * MiB;
/**
 * How often the HTTP server looks whether descriptors are short, ms, and for how long it then
 * serves nobody. Bun accepts HTTP connections without a bound, and the node's own files and
 * clients come first.
 */
export const adminDescriptorsLookMs = 100;
export const adminDescriptorsPauseMs = 1_000;
/**
 * How many commands, and for how long, ms, one look at the hottest keys has shown to it as to a
 * client of MONITOR. A busy node has the commands in some milliseconds.
 */
export const hotKeyCommandsMax = 2_000;
export const hotKeyMsMax = 250;
/** Rows of one list of /v1/observe/, and how many without `count`. More: 400. */
export const adminRowsMax = 1_000;
/** Items that a look at the biggest values may walk over; without `items`, a tenth. More: 400. */
export const adminWalkItemsMax = 100_000;
