// The cut-over: the source's writes are held, the target catches up, both are compared, and the
// target leads.
// Invariant: until the target is promoted, a failure leaves the source as it was, its clients
// writing, and the target following; from then on the source's writes stay held.

import { monotonicMs } from "../../base/clock.ts";
import { MoveError } from "../../move/move-error.ts";
import { usedDatabases } from "../../move/scan.ts";
import { count } from "../moving.ts";
import { type Compared, compare } from "./comparison.ts";
import type { Contact } from "./contact.ts";
import { lagOf, type Standing, standingOf } from "./lag.ts";
import type { Orders } from "./orders.ts";
import { Pause } from "./pause.ts";

const catchUpMsMax = 30_000;
const pollMs = 20;

export interface CutOverParts {
  readonly source: Contact;
  readonly target: Contact;
  readonly orders: Orders;
  readonly targetDatabases: number;
  /** Keys of each database to compare; 0: none. */
  readonly verifiedKeysMax: number;
  /** Whether the source's clients may write on meanwhile. */
  readonly keepsWriting: boolean;
  /** How long writes stay held at the source, at least, once the target leads. */
  readonly holdMs: number;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

export interface CutOver {
  /** The last standing of the target as a follower. */
  readonly standing: Standing;
  readonly compared: Compared | null;
  /** When writes go on at the source, in ms since 1970; 0: they were not held. */
  readonly heldUntilMs: number;
}

/** The order to lead was given, and no answer came: it may lead. */
export class UnknownOutcome extends MoveError {}

export async function cutOver(parts: CutOverParts): Promise<CutOver> {
  const pause = parts.keepsWriting ? null : await Pause.begin(parts.source);
  let isPromoted = false;
  try {
    const standing = await catchUp(parts);
    const compared = parts.verifiedKeysMax === 0 ? null : await verify(parts);
    if (parts.signal.aborted) throw new MoveError("it was called off");
    const heldUntilMs = (await pause?.hold(parts.holdMs)) ?? 0;
    isPromoted = true;
    await promote(parts);
    return { standing, compared, heldUntilMs };
  } catch (error) {
    if (!isPromoted) await pause?.end().catch(() => undefined); // it ends by itself
    throw error;
  }
}

async function promote({ orders, target }: CutOverParts): Promise<void> {
  try {
    await orders.promote();
  } catch (error) {
    if (!(error instanceof MoveError)) throw error;
    const question = `ask ${target.name} by INFO replication whether it leads`;
    throw new UnknownOutcome(`${error.message}; ${question}`, { cause: error });
  }
}

/** Waits until the target has all that the source had when this began. */
async function catchUp(parts: CutOverParts): Promise<Standing> {
  const { source, target, signal } = parts;
  const { sourceOffset } = await standingOf(source, target);
  const beganMs = monotonicMs();
  for (;;) {
    const standing = await standingOf(source, target);
    const missing = lagOf({ ...standing, sourceOffset });
    if (missing === 0) return standing;
    parts.progress(`waiting for ${missing} bytes of the stream`);
    if (signal.aborted) throw new MoveError("it was called off");
    if (monotonicMs() - beganMs > catchUpMsMax) {
      const seconds = catchUpMsMax / 1000;
      throw new MoveError(`the target did not catch up within ${seconds} seconds`);
    }
    await Bun.sleep(pollMs);
  }
}

async function verify(parts: CutOverParts): Promise<Compared> {
  const used = [...usedDatabases(await parts.source.text("INFO", "keyspace")).keys()];
  const compared = await compare({
    source: await parts.source.link(),
    target: await parts.target.link(),
    databases: used.filter((database) => database < parts.targetDatabases),
    keysMax: parts.verifiedKeysMax,
    progress: ({ equal }) => parts.progress(`comparing: ${count(equal, "key")} equal`),
    signal: parts.signal,
  });
  if (compared.different === 0) return compared;
  const keys = count(compared.different, "key");
  const among = compared.examples.join("; ");
  throw new MoveError(`source and target differ in ${keys}: ${among}`);
}
