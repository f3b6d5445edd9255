// Watches a target follow its source, from the first attempt until the user wants to cut over or to
// leave, and reports what changes. A lost link does not end it: it opens its own again, and the
// target resumes by a partial sync. It gives no orders.

import { monotonicMs } from "../../base/clock.ts";
import { MoveError } from "../../move/move-error.ts";
import { ServerLink } from "../../move/server-link.ts";
import { ReplyError } from "../../protocol/resp/reply-parser.ts";
import type { Contact } from "./contact.ts";
import { lagOf, type Standing, standingOf, tell } from "./lag.ts";

const pollMs = 250;
/** How long nothing may begin before the source is asked why, and before it is given up. */
const startMs = { asked: 6_000, max: 60_000 } as const;

export interface WatchParts {
  readonly source: Contact;
  readonly target: Contact;
  /** Whether to end as soon as the target is level. */
  readonly endsWhenLevel: boolean;
  /** Aborted when the user wants to cut over, and when they want to leave. */
  readonly wanted: AbortSignal;
  readonly left: AbortSignal;
  /** Something has changed; a line that stays. */
  event(text: string): void;
  /** How it stands, several times a second; `share` of a full sync, or negative. */
  progress(share: number, text: string): void;
}

type Phase = "beginning" | "syncing" | "live" | "cut" | "unreachable";

/** Resolves to true when it is time to cut over, to false when the user leaves. */
export async function watch(parts: WatchParts): Promise<boolean> {
  const start = new Start(parts);
  let phase: Phase = "beginning";
  while (!parts.left.aborted) {
    const [next, standing] = await look(parts, phase);
    if (next !== phase) parts.event(sentences[next]);
    phase = next;
    if (phase === "beginning") await start.check();
    if (phase === "live" && standing !== null) {
      if (parts.wanted.aborted) return true;
      if (parts.endsWhenLevel && lagOf(standing) === 0) return true;
    }
    await Bun.sleep(pollMs);
  }
  return false;
}

const sentences: Readonly<Record<Phase, string>> = {
  beginning: "the target connects to the source",
  syncing: "full sync: the target loads a snapshot of the source",
  live: "live: the target has the snapshot and follows the stream",
  cut: "the target has lost the source; it tries again and continues where it was",
  unreachable: "source or target do not answer this program; it tries again",
};

async function look(parts: WatchParts, phase: Phase): Promise<[Phase, Standing | null]> {
  try {
    const standing = await standingOf(parts.source, parts.target);
    const { isSyncing, isUp, syncBytes, syncTotal } = standing;
    parts.progress(isSyncing && syncTotal > 0 ? syncBytes / syncTotal : -1, tell(standing));
    if (isSyncing) return ["syncing", standing];
    if (isUp) return ["live", standing];
    return [phase === "beginning" ? "beginning" : "cut", standing];
  } catch (error) {
    if (!(error instanceof MoveError) || phase === "beginning") throw error;
    parts.progress(-1, error.message);
    return ["unreachable", null];
  }
}

/** The time in which nothing has begun. */
class Start {
  private readonly parts: WatchParts;
  private readonly beganMs = monotonicMs();
  private isAsked = false;

  constructor(parts: WatchParts) {
    this.parts = parts;
  }

  /** Rejects with a MoveError when nothing will begin any more. */
  async check(): Promise<void> {
    const waitedMs = monotonicMs() - this.beganMs;
    if (!this.isAsked && waitedMs > startMs.asked) {
      this.isAsked = true;
      await this.ask();
    }
    if (waitedMs <= startMs.max) return;
    const { source, target } = this.parts;
    const reach = `cannot follow ${source.name}, which this program reaches`;
    throw new MoveError(`${target.name} ${reach}; its log says why`);
  }

  /** Asks the source as the target does, which it may refuse for want of rights. */
  private async ask(): Promise<void> {
    const { source } = this.parts;
    await using link = await ServerLink.open(source.target);
    const reply = await link.ask("PSYNC", "?", "-1");
    if (!(reply instanceof ReplyError)) return; // the target may only be slow
    throw new MoveError(`${source.name} refuses to be followed: ${reply.text}`);
  }
}
