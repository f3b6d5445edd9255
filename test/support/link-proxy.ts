/**
 * A TCP proxy between a follower and its leader, so that a link can be cut as a cable is: both ends
 * see their connection go, and for a while nobody gets through; or be made to stand still after so
 * many bytes. Does not look at the bytes, and delays them only when it is told to.
 * Invariant: after cut() returns, no byte passes before heal(); after hold(n) no more than n of the
 * leader's before release().
 */
import { connect, createServer, type Server, type Socket } from "node:net";

const host = "127.0.0.1";

export class LinkProxy implements AsyncDisposable {
  readonly port: number;
  readonly address: string;
  private readonly server: Server;
  private readonly targetPort: number;
  private readonly sockets = new Set<Socket>();
  private isCut = false;
  /** Bytes of the leader that may still pass. */
  private allowance = Number.POSITIVE_INFINITY;
  /** What is held back, for each connection that has some. */
  private readonly held = new Map<Socket, () => void>();
  /** How late the leader's bytes arrive. Never make it shorter while a connection has some. */
  delayMs = 0;
  /** Connections that got through, over the proxy's life. */
  passed = 0;

  private constructor(server: Server, port: number, targetPort: number) {
    this.server = server;
    this.port = port;
    this.address = `${host}:${port}`;
    this.targetPort = targetPort;
    server.on("connection", (socket) => this.accept(socket));
  }

  static start(targetPort: number): Promise<LinkProxy> {
    return new Promise((resolve, reject) => {
      const server = createServer();
      server.once("error", reject);
      server.listen(0, host, () => {
        const address = server.address();
        const port = typeof address === "object" && address !== null ? address.port : 0;
        resolve(new LinkProxy(server, port, targetPort));
      });
    });
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  heal(): void {
    this.isCut = false;
  }

  /** Lets that many more bytes of the leader through, and keeps the rest back until release(). */
  hold(bytes: number): void {
    this.allowance = bytes;
  }

  /** Whether the follower waits for bytes that are kept back. */
  get isHolding(): boolean {
    return this.held.size > 0;
  }

  release(): void {
    this.allowance = Number.POSITIVE_INFINITY;
    const flows = [...this.held.values()];
    this.held.clear();
    for (const flow of flows) flow();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private accept(near: Socket): void {
    if (this.isCut) {
      near.destroy();
      return;
    }
    this.passed++;
    const far = connect({ port: this.targetPort, host: host });
    this.join(near, far, (chunk) => {
      if (!far.write(chunk)) near.pause();
    });
    this.join(far, near, (chunk) => {
      if (this.delayMs === 0) this.pass(far, near, chunk);
      else setTimeout(() => this.pass(far, near, chunk), this.delayMs);
    });
  }

  /** Passes on what may pass, and stops reading where the rest is kept back. */
  private pass(from: Socket, to: Socket, chunk: Buffer): void {
    const count = Math.min(chunk.length, this.allowance);
    this.allowance -= count;
    if (count > 0 && !to.write(chunk.subarray(0, count))) from.pause();
    if (count === chunk.length) return;
    from.pause();
    this.held.set(from, () => {
      this.pass(from, to, chunk.subarray(count));
      from.resume();
    });
  }

  private join(from: Socket, to: Socket, pass: (chunk: Buffer) => void): void {
    this.sockets.add(from);
    from.setNoDelay(true);
    from.on("data", pass);
    to.on("drain", () => {
      if (!this.held.has(from)) from.resume();
    });
    // "close" follows, and it takes the other end with it.
    from.on("error", () => undefined);
    from.on("close", () => {
      this.sockets.delete(from);
      this.held.delete(from);
      to.destroy();
    });
  }
}
