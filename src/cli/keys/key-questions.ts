// What is asked about keys: the TTL, the size, how often a key is used. Servers refuse some of it;
// a refusal about one key is counted, and one that holds for all of them ends the walk. How a key
// is written is in key-takers.ts.

import { ServerError } from "../../client/client-errors.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import { Failure } from "../failure.ts";
import type { NodeSession } from "../node-session.ts";
import { shownBytes } from "../shown-text.ts";
import type { Question } from "./scan-walk.ts";

/** PTTL's answer for a key that does not expire. */
export const endless = -1;

/** Counts the refusals about single keys, so that they can be told at the end. */
export class Refusals {
  count = 0;
  private first = "";

  add(error: ServerError): void {
    if (this.count++ === 0) this.first = error.message;
  }

  /** One sentence; null if nothing was refused. */
  get sentence(): string | null {
    if (this.count === 0) return null;
    const keys = this.count === 1 ? "1 key was" : `${this.count} keys were`;
    return `${keys} not measured: ${shownBytes(Buffer.from(this.first))}`;
  }
}

/** Milliseconds to live; `endless`, -1, for ever; null if the key is gone. */
export function ttlQuestion(refusals: Refusals): Question {
  return {
    command: (key) => ["PTTL", key],
    answer: (reply) => (typeof reply === "number" && reply >= endless ? reply : null),
    refused: (error) => refusals.add(error),
  };
}

/** Bytes by MEMORY USAGE, or of the value alone by STRLEN where the server refuses that. */
export async function sizeQuestion(session: NodeSession, refusals: Refusals): Promise<Question> {
  const hasUsage = await session.call("MEMORY", "USAGE", "").then(
    () => true,
    (error: unknown) => {
      if (error instanceof ServerError) return false;
      throw error;
    },
  );
  return {
    command: hasUsage ? (key) => ["MEMORY", "USAGE", key] : (key) => ["STRLEN", key],
    answer: wholeNumber,
    refused: (error) => refusals.add(error),
  };
}

/** How often a key is used, on the scale of its server. */
export function usesQuestion(refusals: Refusals): Question {
  return {
    command: (key) => ["OBJECT", "FREQ", key],
    answer: wholeNumber,
    refused: (error) => {
      if (!/LFU/.test(error.message)) return refusals.add(error);
      throw new Failure(
        "this node does not count how often keys are used, because its eviction policy is another; " +
          "CONFIG SET maxmemory-policy allkeys-lfu makes it count from then on",
      );
    },
  };
}

// --- internal ---

function wholeNumber(reply: Reply): number | null {
  return typeof reply === "number" ? reply : null;
}
