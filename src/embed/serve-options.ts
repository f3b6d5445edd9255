// The options of serve(), as types with their meaning: those of the command line (README.md), by
// the name of the flag in camel case. Sizes are bytes, durations milliseconds. What becomes of them
// is in serve-config.ts; `config` is missing, as an embedded server reads neither file nor
// environment.
// Invariant: every other flag is here (test/unit/embed/serve-config.test.ts).

export interface ServeOptions
  extends NetworkOptions,
    MemoryOptions,
    ReplicationOptions,
    SnapshotOptions,
    AccessOptions,
    AdminOptions,
    ServerTlsOptions,
    OperationOptions {
  /**
   * Receives each line of the server's log: time, level, text. Default: nobody, and nothing is
   * written anywhere. What it throws is ignored.
   */
  log?: ((line: string) => void) | undefined;
  /**
   * Called once if a mistake in the server's own code has ended it. Without it, `closed` and
   * close() reject with the same error. What it throws is told to `log`. Default: nobody is.
   */
  onError?: ((error: Error) => void) | undefined;
}

interface NetworkOptions {
  /**
   * Addresses to listen on, one or a list: "host:port", ":port" for all interfaces, port 0 for any
   * free port; "none" for a Unix socket alone. Default "127.0.0.1:0".
   */
  listenaddr?: string | readonly string[] | undefined;
  /** Path of a Unix socket to listen on as well. Default: none. */
  unixSocket?: string | undefined;
  /** Permissions of the Unix socket, a number as in 0o700. Default 0: as the umask says. */
  unixSocketPerm?: number | undefined;
  /**
   * Host that a follower announces to its leader; needed behind address translation. Default: what
   * the leader sees.
   */
  announceIp?: string | undefined;
  /** Port that a follower announces. Default 0: the one that it listens on. */
  announcePort?: number | undefined;
  /** Most client connections; further ones get an error and are closed. Default 10,000. */
  maxClients?: number | undefined;
  /** Probe a silent client after this time, whole seconds in ms. Default 300,000; 0: never. */
  tcpKeepalive?: number | undefined;
  /** Close a client idle for this time, whole seconds in ms. Default 0: never. */
  idleTimeout?: number | undefined;
}

interface MemoryOptions {
  /**
   * Memory limit for items and their index, bytes, from 1 MiB to 32 GiB. Default 64 MiB. It is
   * taken from the system as it is needed.
   */
  maxMemory?: number | undefined;
  /** Up to here CONFIG SET may raise `maxMemory`, bytes. Default `maxMemory`. */
  reserve?: number | undefined;
  /** Largest value, bytes, never more than a quarter of `maxMemory`. Default 64 MiB. */
  maxValueSize?: number | undefined;
  /** What makes room when memory is full; "none" refuses writes. Default "s3fifo". */
  eviction?: "s3fifo" | "none" | undefined;
  /**
   * Limit for unread replies and unfinished requests of all clients together: bytes, or a share of
   * `maxMemory` as in "25%"; 0 for none. Default a quarter of `maxMemory`, at least 4 MiB.
   */
  maxClientMemory?: number | string | undefined;
  /** Largest request, bytes. Default 1 GiB. */
  clientQueryBufferLimit?: number | undefined;
  /**
   * Unsent output at which a client is disconnected, in the words of the flag: bytes and seconds.
   * Default "normal 1gb 0 0 pubsub 32mb 8mb 60".
   */
  clientOutputBufferLimit?: string | undefined;
  /** Number of databases that SELECT can choose. Default 16. */
  databases?: number | undefined;
  /** Bytes above which a sparse HyperLogLog becomes a dense one. Default 3,000. */
  hllSparseMaxBytes?: number | undefined;
}

interface ReplicationOptions {
  /** Follow the leader at this address, "host:port". Default: be a leader. */
  leaderaddr?: string | undefined;
  /** User as which a follower logs in to its leader. Default: the user "default". */
  leaderUser?: string | undefined;
  /** Password that a follower sends to its leader. Default: none. */
  leaderPassword?: string | undefined;
  /** A number: Sentinel promotes the lowest first, and never 0. Default 100. */
  followerPriority?: number | undefined;
  /**
   * Bytes of changes from which followers resume. Default a quarter of `maxMemory`, up to 128 MiB,
   * and a little more for a small one.
   */
  journalSize?: number | undefined;
  /** Bytes that a follower may fall behind the journal. Default as that, up to 256 MiB. */
  followerBuffer?: number | undefined;
  /** The number of followers without which, in sync, writes are refused. Default 0: none. */
  minFollowersToWrite?: number | undefined;
  /** In sync is who acknowledged within this time, whole seconds in ms. Default 10,000. */
  minFollowersMaxLag?: number | undefined;
  /** How often followers get a PING, whole seconds in ms. Default 10,000. */
  pingInterval?: number | undefined;
  /** Whether a follower serves reads while it has no leader. Default true. */
  staleReads?: boolean | undefined;
  /** Skip the types of a Redis that are not strings, or refuse the sync. Default "skip". */
  otherTypes?: "skip" | "refuse" | undefined;
}

interface SnapshotOptions {
  /** File to load at start, and to write on SAVE, BGSAVE and close(). Default: none. */
  snapshotFile?: string | undefined;
  /** Save this often if data have changed, whole seconds in ms. Default 0: never. */
  snapshotInterval?: number | undefined;
  /** Refuse to start with a corrupt file, or start empty. Default "refuse". */
  snapshotCorrupt?: "refuse" | "ignore" | undefined;
}

interface AccessOptions {
  /** Password that clients and followers must send. Default: none. */
  password?: string | undefined;
  /** File of users and their rules, read at the start. Default: none. */
  aclFile?: string | undefined;
  /** What channels a new user may use. Default "resetchannels": none. */
  aclPubsubDefault?: "resetchannels" | "allchannels" | undefined;
  /** How many refused commands ACL LOG remembers. Default 128. */
  acllogMaxLen?: number | undefined;
  /** Refuse other machines while there is no password. Default true. */
  protectedMode?: boolean | undefined;
  /** Who may use DEBUG; "local": clients of this machine. Default "no". */
  enableDebugCommand?: "no" | "yes" | "local" | undefined;
}

interface AdminOptions {
  /**
   * Addresses of the admin HTTP server, one or a list, as in `listenaddr`: health, metrics, keys.
   * Default: none.
   */
  http?: string | readonly string[] | undefined;
  /** The same by TLS, with the certificates below. Default: none. */
  https?: string | readonly string[] | undefined;
  /** Further names, without ports, by which HTTP clients may call the node. Default: none. */
  httpHosts?: string | readonly string[] | undefined;
}

interface ServerTlsOptions {
  /** Port for TLS on the hosts of `listenaddr`; "any" for a free one. Default 0: none. */
  tlsPort?: number | "any" | undefined;
  /** Listen by TLS alone. Default false. */
  tlsOnly?: boolean | undefined;
  /** Path of the certificate in PEM, with its intermediates. Default: none. */
  tlsCertFile?: string | undefined;
  /** Path of its private key in PEM. Default: none. */
  tlsKeyFile?: string | undefined;
  /** Password of the key file, if it is encrypted. Default: none. */
  tlsKeyFilePass?: string | undefined;
  /** Path of the certificate that a follower shows. Default: that of the server. */
  tlsClientCertFile?: string | undefined;
  /** Path of its private key. Default: that of the server. */
  tlsClientKeyFile?: string | undefined;
  /** Password of that key file. Default: none. */
  tlsClientKeyFilePass?: string | undefined;
  /** Path of the certificates of those who may sign for clients and leaders. Default: none. */
  tlsCaCertFile?: string | undefined;
  /** Directory with further such files. Default: none. */
  tlsCaCertDir?: string | undefined;
  /** Whether clients must show a certificate. Default "yes". */
  tlsAuthClients?: "no" | "optional" | "yes" | undefined;
  /** Versions of TLS to use, of "TLSv1.2" and "TLSv1.3". Default both. */
  tlsProtocols?: readonly string[] | undefined;
  /** Ciphers of TLS 1.2 in OpenSSL's notation. Default: those of Bun. */
  tlsCiphers?: string | undefined;
  /** Follow the leader by TLS. Default false. */
  tlsReplication?: boolean | undefined;
}

interface OperationOptions {
  /**
   * Number of data threads; more than one are Workers, on Linux only, and not in a program that was
   * bundled or compiled. Default 1: everything runs in the thread that calls serve().
   */
  threads?: number | undefined;
  /** Which lines `log` gets. Default "info". */
  logLevel?: "debug" | "info" | "warn" | "error" | undefined;
  /** Lines to read, or JSON objects with the numbers of each event. Default "text". */
  logFormat?: "text" | "json" | undefined;
  /** How long close() waits for followers, whole seconds in ms. Default 5,000. */
  shutdownTimeout?: number | undefined;
  /** After this time, ms, others get -BUSY and may kill a script. Default 5,000; 0: never. */
  busyReplyThreshold?: number | undefined;
  /** Commands that take this long, ms, enter the slow log; 0 all, -1 none. Default 10. */
  slowlogLogSlowerThan?: number | undefined;
  /** How many entries the slow log keeps. Default 128. */
  slowlogMaxLen?: number | undefined;
  /** What takes this long, ms, is remembered for LATENCY. Default 0: nothing. */
  latencyMonitorThreshold?: number | undefined;
  /** Count the times of all commands. Default true. */
  latencyTracking?: boolean | undefined;
  /** Percentiles that INFO latencystats shows, numbers up to 100. Default [50, 99, 99.9]. */
  latencyTrackingInfoPercentiles?: readonly number[] | undefined;
  /** Estimate the hit ratio with half, twice and four times the memory. Default false. */
  missCurve?: boolean | undefined;
  /** Changes of keys that are published, in Redis's letters, as in "KEA". Default none. */
  notifyKeyspaceEvents?: string | undefined;
  /** How many keys are remembered for clients that track them; 0: no limit. Default 1,000,000. */
  trackingTableMaxKeys?: number | undefined;
}
