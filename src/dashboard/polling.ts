// Asks the node for something again and again while somebody looks: not while the page is hidden,
// not while its view is not shown, and never twice at once. It passes errors on.

export interface Poll {
  readonly everyMs: number;
  /** Whether anybody looks at it. */
  readonly isWanted: () => boolean;
  readonly ask: () => Promise<void>;
  readonly failed: (error: unknown) => void;
}

export class Polling {
  private readonly poll: Poll;
  private isAsking = false;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(poll: Poll) {
    this.poll = poll;
  }

  start(): void {
    this.stop();
    this.timer = setInterval(() => void this.now(), this.poll.everyMs);
    void this.now();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  async now(): Promise<void> {
    if (this.isAsking || document.hidden || !this.poll.isWanted()) return;
    this.isAsking = true;
    try {
      await this.poll.ask();
    } catch (error) {
      this.poll.failed(error);
    } finally {
      this.isAsking = false;
    }
  }
}
