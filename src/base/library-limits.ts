// The bounds of libraries of functions, each with its unit, its reason, and what happens at it:
// limits.ts goes on here. A library is a script as well, so scriptBytesMax bounds its length.

/**
 * Libraries of functions, and the bytes of their code together: all of them are compiled in one VM,
 * and a snapshot writes them in its first slices. More: FUNCTION LOAD and RESTORE reply with an
 * error, and one of a leader or of a snapshot is left out, with a line in the log.
 */
export const librariesMax = 1000;
export const libraryBytesMax = 16 * 1024 * 1024;
/** Milliseconds that the code of a library may run while it is loaded, as in Redis. More: error. */
export const libraryLoadMsMax = 500;
