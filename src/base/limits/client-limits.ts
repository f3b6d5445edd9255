// The bounds of connections: sockets, input and output that wait, logins, and the users of a node.
// What a client subscribes to or watches is bounded in subscription-limits.ts.

import { GiB, KiB, MiB } from "./units.ts";

// ---- connections --------------------------------------------------------------------------------

/**
 * Longest idle time before the first TCP keepalive probe that Linux accepts, s. Longer: set to
 * this.
 */
export const keepAliveSecondsMax = 32_767;
/**
 * File descriptors reserved for the process itself, replication links, files and spools; as many as
 * Redis reserves. A node whose limit leaves none for clients does not start.
 */
export const descriptorsReserved = 32;
/** File descriptors that each data thread in a Worker needs for its event loop and listeners. */
export const descriptorsPerWorker = 8;
/** Descriptors that no client gets, not even below max-clients: it gets an error and is closed. */
export const descriptorsSpare = 8;
/** Gathered replies, bytes, that are written to the socket in the middle of a pipeline. */
export const outputFlushBytes = 256 * KiB;
/**
 * Unsent replies, bytes, at which a client's further commands wait until it reads some. This
 * applies only while all clients together hold more than half of --max-client-memory, because a
 * client may send all its commands before it reads a reply.
 */
export const outputPauseBytes = 1 * MiB;
/**
 * Unexecuted input of one client, bytes, at which its socket is not read for now: while its command
 * waits, and while it does not read its replies. Much may be in flight behind a command that waits,
 * and the client's end is seen only behind that.
 */
export const waitingInputBytesMax = 16 * MiB;
export const blockedInputBytesMax = 64 * KiB;
/**
 * Unsent output of one client, bytes: twice the longest value. More: the client is disconnected.
 * client-output-buffer-limit may set a lower bound for each class of clients; what the socket has
 * not taken counts.
 */
export const outputHardBytesMax = 1 * GiB;
/**
 * The same before login if a password is set: a stranger needs no more than a few error replies.
 */
export const strangerOutputBytesMax = 4 * KiB;
/** How long a client may take to log in if a password is set, ms. Longer: it is disconnected. */
export const strangerMsMax = 60_000;
/**
 * Longest path of a Unix socket, bytes: macOS allows 103, and it is bound with one more. Longer: a
 * configuration error.
 */
export const unixPathBytesMax = 102;
/**
 * TLS handshakes under way in one data thread, and how long one may take, ms. Each takes a
 * descriptor and some kilobytes, and a client needs milliseconds. More: the oldest is ended.
 */
export const handshakesMax = 256;
export const handshakeMsMax = 10_000;
/**
 * Largest file of certificates, and largest sum of a directory of them, bytes: those of all public
 * authorities have a quarter of a megabyte. Larger: a configuration error.
 */
export const tlsFileBytesMax = 4 * MiB;
/** How long a client that is refused may take to close its end, ms. Longer: it is disconnected. */
export const refusedMsMax = 1_000;
/**
 * How long one client's pipeline may run before other clients are served, ms; it resumes in the
 * next round of the event loop. A command is never cut, so a large one may take longer. A round
 * has a turn of each of them: with 1 ms, a hundred clients who ask for megabytes held up a PING
 * for 110 to 320 ms, and with this for 70 to 130; a pipeline of thousands costs the same.
 */
export const turnMsMax = 0.4;
/**
 * A turn that takes longer, ms, is a long one, as a command is never cut. Of the connections whose
 * last turn was long, one has its next turn in each round of the event loop, and all others too.
 */
export const longTurnMs = 5;
/** Smallest and largest default of --max-client-memory, bytes. */
export const clientMemoryDefaultMin = 4 * MiB;
export const clientMemoryDefaultMax = 1 * GiB;
/**
 * Received bytes after which a thread asks for a collection: shared memory counts as heap
 * (src/README.md).
 */
export const receivedBytesPerCollection = 16 * MiB;
/**
 * Growth of resident memory, bytes, beyond what received bytes explain, that has the same effect:
 * not all garbage comes from them.
 */
export const residentBytesPerCollection = 8 * MiB;

// ---- users --------------------------------------------------------------------------------------

/**
 * Users of a node, bytes of a name, and of all users and one user together: their patterns, first
 * arguments, hashes and selectors. Each thread has a copy. More: ACL SETUSER replies an error and
 * changes nothing; ACL LOAD and the start refuse the file.
 */
export const usersMax = 10_000;
export const userNameBytesMax = 1 * KiB;
export const usersBytesMax = 64 * MiB;
export const userBytesMax = 1 * MiB;
/** Passwords of one user: a login compares with each. More: the same error. */
export const userPasswordsMax = 256;
/** Selectors of one user: a command may be judged by each. More: the same error. */
export const userSelectorsMax = 256;
/** Longest file of users, bytes: twice what all users may take. Longer: it is refused. */
export const usersFileBytesMax = 128 * MiB;
/** Wrong passwords in a row on one connection. At this many it is closed, after the error. */
export const failedLoginsMax = 1_000;
/**
 * The log of refused commands of one data thread: bytes of all entries, whatever acllog-max-len,
 * and of the key, channel or name of each. More: the oldest go; a longer name is cut.
 */
export const denialLogBytesMax = 16 * MiB;
export const denialObjectBytesMax = 4 * KiB;
/** Refusals of the same thing within this time are one entry that counts them, ms, as in Redis. */
export const denialGroupMsMax = 60_000;
/** Entries that are looked through for such a one, as in Redis. */
export const denialGroupEntries = 10;

// ---- our own client -----------------------------------------------------------------------------

/**
 * Shards of one client: each is a connection or two, and 3 ns of each request. More:
 * InvalidArgumentError from connect().
 */
export const clientShardsMax = 1024;
