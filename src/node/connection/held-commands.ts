// The commands that a pause holds in one thread, by the sessions that wait for them. A session that
// ends gives up its place, and nothing of it stays until the end of the pause.
// Invariant: each waiting command is called back once: with true when no pause is left, in the
// order in which they came, or with false when it is withdrawn.

type Resume = (mayRun: boolean) => void;

export class HeldCommands {
  private readonly unpaused: () => Promise<void>;
  private waiting = new Map<number, Resume>();

  /** `unpaused` resolves when no command is held any more. */
  constructor(unpaused: () => Promise<void>) {
    this.unpaused = unpaused;
  }

  add(sessionId: number, resume: Resume): void {
    if (this.waiting.size === 0) void this.unpaused().then(() => this.resumeAll());
    this.waiting.set(sessionId, resume);
  }

  /** Resolves to true when no pause is left, or to false when the command is withdrawn. */
  wait(sessionId: number): Promise<boolean> {
    return new Promise((resolve) => this.add(sessionId, resolve));
  }

  get count(): number {
    return this.waiting.size;
  }

  has(sessionId: number): boolean {
    return this.waiting.has(sessionId);
  }

  /** Does nothing if no command of this session waits. */
  withdraw(sessionId: number): void {
    const resume = this.waiting.get(sessionId);
    this.waiting.delete(sessionId);
    resume?.(false);
  }

  private resumeAll(): void {
    const ready = this.waiting;
    this.waiting = new Map(); // a new pause may hold some of them again
    for (const resume of ready.values()) resume(true);
  }
}
