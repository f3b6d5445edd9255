// Walks the keys of one database by SCAN and asks something about each. The next SCAN leaves in the
// same write as the questions about the keys before it, so a batch costs one round trip; no more is
// under way at once, so a slow reader slows the walk and nothing grows.
// Invariant: a key may come twice, as SCAN says, and a key that stays is never missing.

import { ServerError } from "../../client/client-errors.ts";
import type { Command } from "../../client/wire/command-writer.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import { Failure } from "../failure.ts";
import type { NodeSession } from "../node-session.ts";

/** What is asked about every key. */
export interface Question {
  command(key: Uint8Array): Command;
  /** Null: the key has no such answer, or is gone. */
  answer(reply: Reply): number | null;
  /** Called with the error reply about one key; throws if it ends the walk. */
  refused(error: ServerError): void;
}

export interface KeyBatch {
  readonly keys: readonly Uint8Array[];
  /** For each question the answers, in the order of the keys. */
  readonly answers: readonly (readonly (number | null)[])[];
}

export interface Walk {
  /** A glob as SCAN's MATCH; null for every key. */
  readonly pattern: string | null;
  /** SCAN's COUNT: about so many keys are visited in one request. */
  readonly count: number;
  readonly questions: readonly Question[];
}

export async function* scanKeys(session: NodeSession, walk: Walk): AsyncGenerator<KeyBatch> {
  const match = walk.pattern === null ? [] : ["MATCH", walk.pattern];
  const scan = (cursor: Uint8Array | string) => {
    const reply = session.callBytes("SCAN", cursor, ...match, "COUNT", walk.count);
    reply.catch(() => undefined); // it is awaited later, after the answers, which may fail first
    return reply;
  };
  let next: Promise<Reply> | null = scan("0");
  while (next !== null) {
    const { cursor, keys } = readScan(await next);
    next = isEnd(cursor) ? null : scan(cursor);
    const asked = walk.questions.map((question) =>
      Promise.all(keys.map((key) => ask(session, question, key))),
    );
    yield { keys, answers: await Promise.all(asked) };
  }
}

async function ask(session: NodeSession, question: Question, key: Uint8Array) {
  try {
    return question.answer(await session.call(...question.command(key)));
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    question.refused(error);
    return null;
  }
}

function readScan(reply: Reply): { cursor: Uint8Array; keys: Uint8Array[] } {
  if (Array.isArray(reply)) {
    const [cursor, keys] = reply;
    const isWhole = cursor instanceof Uint8Array && Array.isArray(keys);
    if (isWhole && keys.every((key) => key instanceof Uint8Array)) return { cursor, keys };
  }
  throw new Failure("the node's reply to SCAN is not a cursor and a list of keys");
}

function isEnd(cursor: Uint8Array): boolean {
  return cursor.length === 1 && cursor[0] === 0x30;
}
