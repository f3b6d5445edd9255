// One client as a line of CLIENT LIST: the fields of redis 7.0 in its order (those of the library
// are 7.2's). ACL LOG shows the same line. Collects nothing: a ClientReport has all that it tells.
// Invariant: no value has a space or the end of a line in it, so a line splits at spaces and `=`.

import { monotonicMs } from "../../base/clock.ts";
import type { ClientReport, ClientSizes } from "../core/node.ts";
import { type Session, tracks } from "../terms/session.ts";
import type { Tracking } from "../tracking/tracking.ts";
import { redirectOf } from "./tracking-command.ts";

const kindLetters = { normal: "", follower: "S", join: "S", leader: "M" } as const;

/**
 * The flags of a client in Redis's order, without those that no client has here. Changed watched
 * keys (d) are not detected, because a client may watch a million keys.
 */
function lettersOf(
  { session, isHeld }: ClientReport,
  waiting: ReadonlySet<number>,
  tracking: Pick<Tracking, "isBroken">,
): string {
  const { kind, id, subscriptions, transaction, closing, noEvict, noTouch, isUnix } = session;
  let letters: string = session.isMonitor ? "O" : kindLetters[kind];
  if (subscriptions > 0) letters += "P";
  if (transaction !== null) letters += "x";
  if (isHeld || waiting.has(id)) letters += "b";
  if (session.tracking !== 0) letters += "t";
  if (tracking.isBroken(id)) letters += "R";
  if ((session.tracking & tracks.BCAST) !== 0) letters += "B";
  if (closing) letters += "c";
  if (isUnix) letters += "U";
  if (noEvict) letters += "e";
  if (noTouch) letters += "T";
  return letters || "N";
}

/**
 * The client of a session as it is while one of its commands runs, without the line's end. Without
 * sizes: those are zero that only its connection knows.
 */
export function describeRunning(session: Session, known: ClientSizes | null): string {
  const queued = session.transaction?.requests.length ?? -1;
  const sizes = known ?? { ...unknownSizes, queuedBytes: session.transaction?.bytes ?? 0 };
  const report = { session, queued, isHeld: false, sizes };
  return describe(report, nobody, { isBroken: () => false }, monotonicMs()).trimEnd();
}

/** The control thread does not know the connections of the others. */
const unknownSizes: ClientSizes = {
  descriptor: -1,
  queryBytes: 0,
  queryFreeBytes: 0,
  argumentBytes: 0,
  queuedBytes: 0,
  replyBufferBytes: 0,
  replyPeakBytes: 0,
  bufferedBytes: 0,
  listed: 0,
  listedBytes: 0,
  totalBytes: 0,
  events: "r",
};

const nobody: ReadonlySet<number> = new Set();

/** Names are UTF-8 as a rule. */
function shownName(user: string): string {
  return Buffer.from(user, "latin1").toString("utf8");
}

/** One line of CLIENT LIST, in Redis's format. */
export function describe(
  report: ClientReport,
  waiting: ReadonlySet<number>,
  tracking: Pick<Tracking, "isBroken">,
  now: number,
): string {
  const { session, queued, sizes } = report;
  const seconds = (since: number) => Math.max(0, Math.floor((now - since) / 1000));
  const fields: [string, string | number][] = [
    ["id", session.id],
    ["addr", session.address],
    ["laddr", session.localAddress],
    ["fd", sizes.descriptor],
    ["name", session.name],
    ["age", seconds(session.createdAtMs)],
    ["idle", seconds(session.lastActiveMs)],
    ["flags", lettersOf(report, waiting, tracking)],
    ["db", session.database],
    ["sub", session.channels],
    ["psub", session.patterns],
    ["ssub", session.shardChannels],
    ["multi", queued],
    ["qbuf", sizes.queryBytes],
    ["qbuf-free", sizes.queryFreeBytes],
    ["argv-mem", sizes.argumentBytes],
    ["multi-mem", sizes.queuedBytes],
    ["rbs", sizes.replyBufferBytes],
    ["rbp", sizes.replyPeakBytes],
    ["obl", sizes.bufferedBytes],
    ["oll", sizes.listed],
    ["omem", sizes.listedBytes],
    ["tot-mem", sizes.totalBytes],
    ["events", sizes.events],
    ["cmd", session.lastCommand],
    ["user", shownName(session.user)],
    ["redir", redirectOf(session)],
    ["resp", session.protocol],
    ["lib-name", session.libraryName],
    ["lib-ver", session.libraryVersion],
  ];
  return `${fields.map(([name, value]) => `${name}=${value}`).join(" ")}\n`;
}
