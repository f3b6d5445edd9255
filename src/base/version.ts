// The version of this build, from package.json: the bundler copies it into the binary, so no file
// is read at run time. Clients test `REDIS_VERSION` for features; it does not identify this server.

import manifest from "../../package.json" with { type: "json" };

export const MSCACHE_VERSION: string = manifest.version;

/** The Redis version whose behaviour clients may expect; reported by INFO and HELLO. */
export const REDIS_VERSION = "7.2.4";
