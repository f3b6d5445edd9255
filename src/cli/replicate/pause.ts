// Holds the writes of a source's clients (CLIENT PAUSE ... WRITE) from the cut-over on. The source
// ends a pause by itself, so that it serves again whatever becomes of this process; meanwhile the
// pause is renewed.
// Invariant: after end() or hold() nothing renews it.

import { wallClockMs } from "../../base/clock.ts";
import { MoveError } from "../../move/move-error.ts";
import { ReplyError } from "../../protocol/resp/reply-parser.ts";
import type { Contact } from "./contact.ts";

const pauseMs = 15_000;
const renewMs = 5_000;

export class Pause {
  private readonly source: Contact;
  private timer: Timer | null = null;
  private failure: MoveError | null = null;

  private constructor(source: Contact) {
    this.source = source;
  }

  /** Rejects with a MoveError if the source cannot or may not pause its clients. */
  static async begin(source: Contact): Promise<Pause> {
    const pause = new Pause(source);
    await pause.order(pauseMs);
    pause.timer = setInterval(() => void pause.renew(), renewMs);
    return pause;
  }

  /** Throws if the writes may have gone on meanwhile. */
  check(): void {
    if (this.failure !== null) throw this.failure;
  }

  /** The writes stay held for so long, and then go on. Returns when that is, since 1970. */
  async hold(ms: number): Promise<number> {
    this.stop();
    this.check();
    await this.order(Math.max(ms, 1));
    return wallClockMs() + Math.max(ms, pauseMs);
  }

  /** The writes go on now. */
  async end(): Promise<void> {
    this.stop();
    await this.source.text("CLIENT", "UNPAUSE");
  }

  private stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private async renew(): Promise<void> {
    try {
      await this.order(pauseMs);
    } catch (error) {
      this.failure ??= error instanceof MoveError ? error : new MoveError(String(error));
    }
  }

  private async order(ms: number): Promise<void> {
    const link = await this.source.link();
    const reply = await link.ask("CLIENT", "PAUSE", ms, "WRITE");
    if (!(reply instanceof ReplyError)) return;
    const other = "--keep-writing does without";
    throw new MoveError(`${link.name} does not pause its clients (${reply.text}); ${other}`);
  }
}
