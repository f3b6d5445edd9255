// The bounds of the admin HTTP server (node/admin/): what its clients may hold, and for how long.
// Bun's HTTP server adds its own: 16 KiB of headers (431), and 10 s for a whole head.

/**
 * Requests in flight, streams of events included, over all addresses. A dashboard has two or three
 * and a monitoring system one. More: 503 at once.
 */
export const adminRequestsMax = 128;
/**
 * How long an HTTP connection may be silent, s: between requests, while an answer is computed, and
 * while the client does not read. Longer: it is closed, and its command is withdrawn if it waits.
 */
export const adminIdleSeconds = 30;
/**
 * How often the HTTP server looks whether descriptors are short, ms, and for how long it then
 * serves nobody. Bun accepts HTTP connections without a bound, and the node's own files and
 * clients come first.
 */
export const adminDescriptorsLookMs = 100;
export const adminDescriptorsPauseMs = 1_000;
