// The bounds of what createCache() keeps and sends: names, tags, and what one process remembers of
// them. What a user may set is in client/cache/cache-options.ts.

import { KiB } from "./units.ts";

// ---- caches of the client -----------------------------------------------------------------------

/**
 * Tags of one entry. Each is 40 bytes and its name in the entry, and a key more to read with it.
 * More: InvalidArgumentError.
 */
export const cacheTagsMax = 128;
/** The longest key or tag of a cache, bytes: it stands in several names. More: an error. */
export const cacheNameBytesMax = 16 * KiB;
/**
 * Segments of a key that can be a prefix to invalidate. Each is a key more to read with an entry.
 * More: InvalidArgumentError from createCache().
 */
export const cachePrefixDepthMax = 4;
/**
 * Entries whose tags a process remembers, to read their generations together with the value, and
 * generations whose lifetime it remembers. More: it forgets all, and the next read of an entry with
 * tags takes a second round trip.
 */
export const cacheNotesMax = 10_000;
/** The longest message of a factory's error that other processes are told, characters. */
export const cacheReasonCharsMax = 1_000;
/**
 * The size of a dictionary, bytes: with 16 KiB values get no smaller and take a third longer to
 * compress (scripts/bench/dictionaries.ts). Values that do not fit are left out.
 */
export const cacheDictionaryBytesMax = 8 * KiB;
/** Dictionaries and namespaces with one that a process remembers. More: it asks for them again. */
export const cacheDictionariesMax = 64;
