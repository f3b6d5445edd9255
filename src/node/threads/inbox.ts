// The messages that arrive in a data thread, in order, and not too much work in each round of its
// event loop. The runtime hands over every message before it looks at a socket again: while others
// publish without a pause, the clients of this thread would never be served.
// Invariant: no message overtakes another.

/** Runs later, when the sockets have had their turn. */
type Later = (run: () => void) => void;

export class Inbox<Message> {
  private readonly handle: (message: Message) => number;
  private readonly workMax: number;
  private readonly later: Later;
  private waiting: Message[] = [];
  /** Of the present round, while it is below the bound; then the rest waits for the next one. */
  private work = 0;

  /** `handle` returns how much work a message was. */
  constructor(handle: (message: Message) => number, workMax: number, later: Later = setImmediate) {
    this.handle = handle;
    this.workMax = workMax;
    this.later = later;
  }

  receive(message: Message): void {
    if (this.work < this.workMax) this.take(message);
    else this.waiting.push(message);
  }

  private take(message: Message): void {
    this.work += this.handle(message);
    if (this.work >= this.workMax) this.later(() => this.nextRound());
  }

  private nextRound(): void {
    this.work = 0;
    const { waiting } = this;
    let taken = 0;
    while (taken < waiting.length && this.work < this.workMax) this.take(waiting[taken++]);
    this.waiting = waiting.slice(taken);
  }
}
