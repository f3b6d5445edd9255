// The version of this build, from package.json: the bundler copies it into the binary, so no file
// is read at run time. Clients test `redisVersion` for features; it does not identify this server.

import manifest from "../../package.json" with { type: "json" };

export const mscacheVersion: string = manifest.version;

/** The Redis version whose behaviour clients may expect; reported by INFO and HELLO. */
export const redisVersion = "7.2.4";
