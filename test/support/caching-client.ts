/**
 * A client that keeps what it reads and drops what it is told to drop, as client libraries do: on
 * one connection in RESP3, or on two in RESP2, where a placeholder set before the read lets an
 * invalidation win that overtakes the reply.
 * Decides nothing about what is right: a test compares what it has kept.
 * Invariant: it is told of its cached keys or it has none: a cut connection empties the cache.
 */
import { Peer } from "./peer.ts";
import { type Argument, partsOf, type Reply, textOf } from "./wire.ts";

export interface CachingMode {
  readonly name: string;
  /** Options of CLIENT TRACKING. */
  readonly options: readonly string[];
  /** Sent before a read that is to be tracked. */
  readonly before?: readonly string[];
  /** Whether the invalidations come by a second connection, in RESP2. */
  readonly redirects?: true;
  /** Whether its invalidations have numbers, from which the next connection goes on (ours). */
  readonly isNumbered?: true;
  /** Whether it drops what it writes itself. */
  readonly dropsOwn?: boolean;
}

export const cachingModes: readonly CachingMode[] = [
  { name: "key by key", options: [] },
  { name: "OPTIN", options: ["OPTIN"], before: ["CLIENT", "CACHING", "YES"] },
  { name: "OPTOUT", options: ["OPTOUT"] },
  { name: "NOLOOP", options: ["NOLOOP"], dropsOwn: true },
  { name: "BCAST", options: ["BCAST"] },
  { name: "BCAST with prefixes", options: ["BCAST", "PREFIX", "k", "PREFIX", "end"] },
  { name: "BCAST NOLOOP", options: ["BCAST", "NOLOOP"], dropsOwn: true },
  { name: "REDIRECT", options: [], redirects: true },
];

export const numberedMode: CachingMode = {
  name: "NUMBERED",
  options: ["BCAST", "NUMBERED"],
  isNumbered: true,
};

type Waiting = (reply: Reply) => void;

export class CachingClient {
  /** What it would answer without asking. */
  readonly cache = new Map<string, string | null>();
  /** Keys it was told to drop, since the last look. */
  private readonly dropped = new Set<string>();
  private readonly mode: CachingMode;
  private readonly peer: Peer;
  private readonly target: Peer | null;
  private readonly waiting: Waiting[] = [];
  /** The token of the newest read of a key; none once the key was dropped. */
  private readonly placeholders = new Map<string, number>();
  private tokens = 0;
  private isCut = false;
  private wake: () => void = () => undefined;
  /** What it was told last. */
  private runId = "";
  private sequence = 0;
  /** Whether it has kept what the connection before it had. */
  hasResumed = false;

  private constructor(mode: CachingMode, peer: Peer, target: Peer | null) {
    this.mode = mode;
    this.peer = peer;
    this.target = target;
  }

  /** `before` is a client whose connection was cut, of which it keeps what it may. */
  static async open(
    port: number,
    mode: CachingMode,
    before?: CachingClient,
  ): Promise<CachingClient> {
    const peer = await Peer.connect(port);
    let target: Peer | null = null;
    const options = [...mode.options];
    if (mode.redirects) {
      target = await Peer.connect(port);
      const id = (await target.ask("CLIENT", "ID")).slice(1);
      await target.ask("SUBSCRIBE", "__redis__:invalidate");
      options.push("REDIRECT", id);
    } else await peer.ask("HELLO", "3");
    if (mode.isNumbered && before !== undefined) {
      options.push("FROM", before.runId, `${before.sequence}`);
    }
    const reply = await peer.typed("CLIENT", "TRACKING", "ON", ...options);
    const client = new CachingClient(mode, peer, target);
    if (mode.isNumbered) client.resume(partsOf(reply), before);
    else if (textOf(reply) !== "OK") throw new Error(textOf(reply));
    client.listen(peer);
    if (target !== null) client.listen(target);
    return client;
  }

  private resume([runId, sequence, isResumed]: readonly Reply[], before?: CachingClient): void {
    this.runId = textOf(runId as Reply);
    this.sequence = Number(textOf(sequence as Reply));
    this.hasResumed = textOf(isResumed as Reply) === "1";
    if (!this.hasResumed) return;
    for (const [key, value] of before?.cache ?? []) this.cache.set(key, value);
  }

  private listen(peer: Peer): void {
    const loop = async () => {
      for (;;) this.take(await peer.reply());
    };
    loop().catch(() => {
      this.isCut = true; // the test has cut it, or closes it
      this.wake();
    });
  }

  private take(reply: Reply): void {
    const isMessage = reply.type === ">" || (this.target !== null && reply.type === "*");
    if (!isMessage) this.waiting.shift()?.(reply);
    else this.drop(partsOf(reply));
    this.wake();
  }

  private drop(parts: readonly Reply[]): void {
    const [kind, list, number] = parts;
    const isPush = textOf(kind as Reply) === "invalidate";
    const keys = (isPush ? list : number) as Reply;
    if (isPush && number !== undefined) this.sequence = Number(textOf(number));
    if (keys.value === null) {
      this.cache.clear();
      this.placeholders.clear();
      return;
    }
    for (const key of partsOf(keys).map(textOf)) {
      this.cache.delete(key);
      this.placeholders.delete(key);
      this.dropped.add(key);
    }
  }

  /** Reads a key without waiting for the reply. */
  read(key: string): void {
    const token = ++this.tokens;
    this.placeholders.set(key, token);
    if (this.mode.before !== undefined) this.send(this.mode.before, () => undefined);
    this.send(["GET", key], ({ value }) => {
      if (this.placeholders.get(key) !== token) return;
      this.cache.set(key, value as string | null);
    });
  }

  /** A write of its own to these keys, without waiting. */
  write(args: readonly string[], keys: readonly string[]): void {
    this.send(args, () => {
      if (!this.mode.dropsOwn) return;
      for (const key of keys) {
        this.cache.delete(key);
        this.placeholders.delete(key);
      }
    });
  }

  private send(args: readonly Argument[], then: Waiting): void {
    this.waiting.push(then);
    this.peer.send(...args);
  }

  /** Resolves when all replies have come. */
  async settled(): Promise<void> {
    await this.until(() => this.waiting.length === 0);
  }

  /** Resolves when it was told to drop this key; then everything that changed before is told. */
  async toldOf(key: string): Promise<void> {
    await this.until(() => this.dropped.has(key));
    this.dropped.clear();
  }

  private async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.isCut) throw new Error("the connection was cut");
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Leaves at once. */
  breakOff(): void {
    this.peer.breakOff();
    this.target?.breakOff();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer[Symbol.asyncDispose]();
    await this.target?.[Symbol.asyncDispose]();
  }
}
