/**
 * A TCP proxy between a follower and its leader, so that a link can be cut as a cable is: both ends see
 * their connection go, and for a while nobody gets through.
 * Does not look at the bytes and does not delay them.
 * Invariant: after cut() returns, no byte passes before heal().
 */
import { connect, createServer, type Server, type Socket } from "node:net";

const HOST = "127.0.0.1";

export class LinkProxy implements AsyncDisposable {
  readonly port: number;
  readonly address: string;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  /** Connections that got through, over the proxy's life. */
  passed = 0;

  private constructor(server: Server, port: number, targetPort: number) {
    this.#server = server;
    this.port = port;
    this.address = `${HOST}:${port}`;
    this.#targetPort = targetPort;
    server.on("connection", (socket) => this.#accept(socket));
  }

  static start(targetPort: number): Promise<LinkProxy> {
    return new Promise((resolve, reject) => {
      const server = createServer();
      server.once("error", reject);
      server.listen(0, HOST, () => {
        const address = server.address();
        const port = typeof address === "object" && address !== null ? address.port : 0;
        resolve(new LinkProxy(server, port, targetPort));
      });
    });
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#isCut = false;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    if (this.#isCut) {
      near.destroy();
      return;
    }
    this.passed++;
    const far = connect({ port: this.#targetPort, host: HOST });
    this.#join(near, far);
    this.#join(far, near);
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (chunk) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => from.resume());
    // "close" follows, and it takes the other end with it.
    from.on("error", () => undefined);
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
