// The bounds of scripts and of libraries of functions, which are scripts as well: what they may
// take of time and memory, and how many are kept.

import { KiB, MiB } from "./units.ts";

// ---- scripts ------------------------------------------------------------------------------------

/**
 * What cjson.encode, cmsgpack.pack, struct.pack and table.concat of many items write in one call,
 * bytes: a table that refers to another twice, and so on, doubles it with each level. More: the
 * error "not enough memory", as twice as much would take 150 ms to become a string of the VM,
 * which nothing interrupts. A buffer beyond the second number is not kept for the next call.
 */
export const encodedBytesMax = 32 * MiB;
export const encodedBytesKept = 1 * MiB;
/**
 * Memory of the VM that runs scripts, bytes; taken as it is needed: room for a value of 64 MB
 * twice, as one is copied on its way, and half of the time that 256 MiB took to fill. More: the
 * script ends with the error "not enough memory". A VM that has grown beyond the second number is
 * replaced after the script, since its memory never shrinks.
 */
export const scriptMemoryBytesMax = 160 * MiB;
export const scriptMemoryKeptBytes = 48 * MiB;
/** Longest script, bytes: nothing interrupts the compiler, for 200 ms. Longer: an error reply. */
export const scriptBytesMax = 1 * MiB;
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
 * memory has grown and they were slow, and after each one when they take as long as a slice, as
 * one may then join strings of 60 MB (100 ms). 200 small ones take 0.6 us, and looking adds 6 % to
 * that (measured); Redis looks after 100,000.
 */
export const scriptInstructionsPerCheck = 200;
export const scriptInstructionsPerCheckGrown = 10;
/**
 * Steps of 10 ns that functions of C may do before the time is looked at: 20 ms, as a match of
 * string.find takes 100 ms at most, and 200 instructions have room for 60 of them.
 */
export const spentStepsPerCheck = 2_000_000;
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
/**
 * A VM that holds more has room for values with which few instructions, and sorting a short table,
 * take long: the time is looked at often.
 */
export const largeHeldBytes = 32 * MiB;
/**
 * Longest string that string.upper and its like change in the VM, where nothing interrupts them, 2
 * ms, and most items that table.concat joins there: usually 0.01 ms, but 200 if each is as long as
 * fits. More: a function of ours does it, which takes 100 ms for 60 MB (upper in the VM: 1,500; a
 * thousand items of 40 KB: 300) and looks at the time.
 */
export const stringBytesInVmMax = 64 * KiB;
export const concatItemsInVmMax = 128;
/**
 * Longest text that a script's strings are read from as numbers, bytes, as nothing interrupts that:
 * 60 million digits took 130 ms of arithmetic and 400 of cjson.decode. Longer: it is no number. Two
 * to the 14th at least and below the 20th, as it takes the place of a constant in the VM.
 */
export const numeralBytesMax = 64 * KiB;
/**
 * Longest text that loadstring() and load() compile, bytes, as nothing interrupts that: 100 ms.
 * Longer: nil and an error. Redis compiles it.
 */
export const compiledBytesMax = 512 * KiB;
/** Longest string that `%q` of string.format quotes: 100 ms. Longer: "not enough memory". */
export const quotedBytesMax = 1 * MiB;
/** Longest first argument of string.format, which C copies by bytes: 60 ms. Longer: the same. */
export const formatBytesMax = 2 * MiB;

// ---- libraries of functions ---------------------------------------------------------------------

/**
 * Libraries of functions, and the bytes of their code together: all of them are compiled in one VM,
 * and a snapshot writes them in its first slices. More: FUNCTION LOAD and RESTORE reply with an
 * error, and one of a leader or of a snapshot is left out, with a line in the log.
 */
export const librariesMax = 1000;
export const libraryBytesMax = 16 * MiB;
/** Milliseconds that the code of a library may run while it is loaded, as in Redis. More: error. */
export const libraryLoadMsMax = 500;
/**
 * So much of that passes at most between two looks at the time, ms, or a short library would not
 * load while the machine stands still. Redis looks after 100,000 instructions for the first time.
 */
export const libraryPauseMsMax = 50;
/**
 * A script that has run for busy-reply-threshold and for so long more, ms, ends with an error.
 * Until then it can be killed, and others get -BUSY; Redis lets it run for ever.
 */
export const busyScriptMsMax = 60_000;
/**
 * A script that runs for longer than busy-reply-threshold serves others after so long, ms. Shorter
 * slices end -BUSY and SCRIPT KILL sooner and cost a turn of the event loop each, 20 us.
 */
export const busySliceMs = 5;
/**
 * A script that is to serve others and is in one function that cannot be suspended (cjson, a long
 * match, one that calls it back) ends with an error after so long, ms. Redis serves nobody until
 * the function returns.
 */
export const heldMsMax = 120;
/** A node that ends waits so long for the end of such a script, ms; then it ends without. */
export const scriptFarewellMsMax = 1_000;
