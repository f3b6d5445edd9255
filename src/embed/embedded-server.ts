// A server inside somebody's process, as its owner sees it: types only. serve() makes one
// (embedded-serve.ts), and start-embedded.ts is how.
// Invariant: a server touches nothing that is the process's: no signals, no exit, no standard
// output or error, neither environment nor working directory.

/** A server in this process. It keeps the process alive until it is closed. */
export interface EmbeddedServer extends AsyncDisposable {
  /**
   * Where it listens first, as connect() takes it: "host:port", "rediss://host:port" if it listens
   * by TLS alone, "unix:///path" if on a Unix socket alone.
   */
  readonly address: string;
  /** All places where it listens, in the same form. */
  readonly addresses: readonly string[];
  /** The port of its first address; 0 without any. */
  readonly port: number;
  /** Its first port for TLS; 0 without any. */
  readonly tlsPort: number;
  /**
   * Resolves when the server has ended: by close(), or by a client's SHUTDOWN. Rejects with
   * ServerFaultError if a mistake in its own code has ended it. It need not be awaited.
   */
  readonly closed: Promise<void>;
  /**
   * Reads the certificates from their files again, for new connections.
   *
   * @example server.reloadCertificates();
   */
  reloadCertificates(): void;
  /**
   * Waits for followers (`shutdownTimeout`), saves the snapshot if there is a `snapshotFile`, and
   * closes its sockets and threads. It frees all memory, for which it collects the garbage of the
   * process once. Further calls return the same promise; `await using` calls it.
   *
   * Rejects with ServeError if the snapshot could not be saved (the server is closed all the same),
   * and with ServerFaultError if a fault had ended the server and there is no `onError`.
   *
   * @example await server.close();
   */
  close(): Promise<void>;
}
