// Applies a leader's stream. Each command runs through the command table like any other, in a
// session that may write on a follower; of its reply only an error matters. While a node follows,
// it records no effects (replication/replication.ts), as the leader's bytes go into the journal
// unchanged. rules.ts decides which commands are not run.
// Invariant: after each command the strings of each database equal the leader's, or the link ends
// in a full sync. The exceptions are values that do not fit here (gaps.ts) and the cases that
// replication/README.md lists as undetected.

import { wallClockMs } from "../../base/clock.ts";
import {
  type ErrorReply,
  keyTooLong,
  outOfMemory,
  SyncError,
  valueTooLarge,
} from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Applied, Apply } from "../../protocol/apply-stream.ts";
import { NullReply } from "../../protocol/null-reply.ts";
import type { Request } from "../../protocol/request.ts";
import { firstShard } from "../../store/shard-locks.ts";
import { Command } from "../core/command.ts";
import type { ChannelContext, Context, Idle } from "../core/context.ts";
import { execute } from "../run/execute.ts";
import { Session } from "../terms/session.ts";
import { buildsOnGap, eraseKey, eraseWritten, namesHeldKey } from "./gaps.ts";
import { judge, type Skipped } from "./rules.ts";

export interface ApplierOptions {
  readonly log: Logger;
  /** Whether to refuse to follow a leader that has other types than strings. */
  readonly refusesOtherTypes: () => boolean;
}

/** Distinct names logged at most: damaged bytes can contain any number of them. */
const namesToldMax = 100;

export function applier(parts: Idle<ChannelContext>, options: ApplierOptions): Apply {
  const session = new Session(0, "", "", 0, true);
  session.kind = "leader";
  const context: ChannelContext = { ...parts, session, now: 0 };
  const reply = new StreamReply();
  const tell = teller(options.log);
  const { store, keyspace } = parts;
  const admitted = (request: Request, database: number): Command | Skipped => {
    const { count } = store.databases;
    session.database = Math.min(database, count - 1); // a command in a further one changes no key
    keyspace.select(session.database);
    const verdict = judge(request, database, count);
    if (verdict instanceof Command) return verdict;
    refuseOtherTypes(verdict, options);
    if (verdict.type === "unknown") refuseUnknown(verdict, context, request);
    return verdict;
  };
  /** A full sync would bring the same library again. */
  const runOnLibraries = (command: Command, request: Request): Applied => {
    context.observer.begin(context.session);
    execute(context, command, request, reply);
    const refusal = reply.take();
    if (refusal === null) return "applied";
    options.log.error(`a library of the leader cannot be loaded here: ${refusal.text}`);
    return "skipped";
  };
  const runOrErase = (command: Command, request: Request, lacksValues: boolean): Applied => {
    context.now = wallClockMs();
    const isGap = lacksValues && buildsOnGap(context, command, request);
    if (command.name.startsWith("function|")) return runOnLibraries(command, request);
    if (!isGap && run(context, command, request, reply)) return "applied";
    eraseWritten(context, command, request);
    if (!lacksValues)
      options.log.error("a value of the leader does not fit on this node; INFO counts such values");
    return "refused";
  };
  const apply = (request: Request, database: number, lacksValues: boolean): Applied => {
    const verdict = admitted(request, database);
    if (verdict instanceof Command) return runOrErase(verdict, request, lacksValues);
    if (verdict.replacedKey > 0) eraseKey(context, request, verdict.replacedKey);
    if (verdict.name !== "") tell(verdict.name);
    return "skipped";
  };
  const check = (request: Request, database: number): void => {
    admitted(request, database);
  };
  const atOnce = (work: () => void): void => {
    const taken = store.lockShards(store.allShards);
    try {
      work();
    } finally {
      store.unlockShards(taken); // broken input ends a link, not the process
    }
  };
  const rest = () => keyspace.select(0);
  return Object.assign(apply, { atOnce, check, ...turnstile(parts), rest });
}

/** Keeps scripts out while a command is applied. */
function turnstile({ store, standing }: Idle<ChannelContext>): Required<EntryTo> {
  let taken = 0;
  let depth = 0;
  const enter = (): boolean => {
    if (++depth > 1) return true; // whoever entered first keeps scripts out
    taken = store.lockShards(firstShard);
    if (!standing.isBusy) return true;
    leave();
    return false;
  };
  const leave = (): void => {
    if (--depth > 0) return;
    store.unlockShards(taken);
    taken = 0;
  };
  return { enter, leave };
}

type EntryTo = Pick<Apply, "enter" | "leave">;

/** Keeps the error reply of a handler. */
class StreamReply extends NullReply {
  private refusal: ErrorReply | null = null;

  override error(refusal?: ErrorReply): void {
    this.refusal = refusal ?? null;
  }

  /** The error since the last call, if any. */
  take(): ErrorReply | null {
    const refusal = this.refusal;
    this.refusal = null;
    return refusal;
  }
}

/** Runs a command. Returns false if there was no room for its write. */
function run(context: Context, command: Command, request: Request, reply: StreamReply): boolean {
  context.observer.begin(context.session);
  execute(context, command, request, reply);
  const refusal = reply.take();
  if (refusal === null) return true;
  if (refusal !== outOfMemory && refusal !== valueTooLarge && refusal !== keyTooLong) {
    // It succeeded on the leader, so the data must differ.
    throw new SyncError(`${command.name.toUpperCase()} of the stream failed: ${refusal.text}`);
  }
  return false;
}

function refuseOtherTypes({ name, type }: Skipped, { refusesOtherTypes }: ApplierOptions): void {
  if (type === "" || !refusesOtherTypes()) return;
  const what = type === "unknown" ? "which this node does not know" : `a command of type ${type}`;
  throw new SyncError(`the leader sent ${name}, ${what}, and --other-types is refuse`);
}

/**
 * A command of a later version. If it may have changed one of our strings, a full sync is needed.
 */
function refuseUnknown({ name }: Skipped, context: Context, request: Request): void {
  context.now = wallClockMs();
  if (!namesHeldKey(context, request)) return;
  throw new SyncError(
    `the effect of ${name}, which this node does not know, on a key needs a full sync`,
  );
}

function teller(log: Logger): (name: string) => void {
  const told = new Set<string>();
  return (name) => {
    if (told.has(name) || told.size >= namesToldMax) return;
    told.add(name);
    log.warn(`the leader sent a command that is not applied here: ${JSON.stringify(name)}`);
  };
}
