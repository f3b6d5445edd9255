// The version of this build, from package.json: the bundler copies it into the binary, so that no
// file is read at run time. `REDIS_VERSION` is what clients test for features, never what we are.

import manifest from "../../package.json" with { type: "json" };

export const MSCACHE_VERSION: string = manifest.version;

/** The Redis whose behaviour clients may expect; announced by INFO and HELLO. */
export const REDIS_VERSION = "7.2.4";
