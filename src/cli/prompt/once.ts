// A command that is run once or again and again: from the words of the command line, or with a
// number before it in the prompt ("5 INCR visits").

import { Failure } from "../failure.ts";
import { untilInterrupted } from "../terminal.ts";
import { kindOf } from "./command-kinds.ts";
import type { PromptSession } from "./prompt-session.ts";
import { WireError } from "./reply-wire.ts";

export interface Repetition {
  readonly times: number;
  readonly intervalMs: number;
  /** Throws a Failure at an error reply instead of showing it. */
  readonly stopsAtError: boolean;
}

/**
 * The words of a command line. Ctrl-C ends a repetition or a command that never ends by itself as
 * it should; any other command that it ends is a Failure.
 */
export async function runOnce(
  session: PromptSession,
  words: readonly string[],
  plan: Repetition,
): Promise<void> {
  const { closed } = session.options;
  await untilInterrupted(async (end) => {
    const signal = AbortSignal.any([end, closed]);
    try {
      await repeat(session, words, plan, signal);
    } catch (error) {
      if (closed.aborted) return;
      if (end.aborted && (plan.times > 1 || kindOf(words) !== "plain")) return;
      if (end.aborted) throw new Failure("interrupted");
      throw error instanceof WireError ? new Failure(error.message, { cause: error }) : error;
    }
  });
}

/** Rejects with a WireError, also when the signal comes. */
export async function repeat(
  session: PromptSession,
  words: readonly string[],
  { times, intervalMs, stopsAtError }: Repetition,
  signal: AbortSignal,
): Promise<void> {
  for (let i = 0; i < times && !signal.aborted; i++) {
    if (i > 0 && intervalMs > 0) await pause(intervalMs, signal);
    const reply = await session.run(words, signal, stopsAtError);
    if (stopsAtError && reply?.type === "error") throw new Failure(reply.text);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const abort = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", abort, { once: true });
  });
}
