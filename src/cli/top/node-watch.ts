// Watches one node: looks at it when told to, over one connection that is opened again after a
// loss. A node that cannot be reached, or refuses INFO, is down, with a reason and the moment since
// when. It has no timer and no opinion on what to show.
// Invariant: at most one look is under way, and a look never rejects.
//
//   connecting -> up     the first answer to INFO
//   any        -> down   no connection, no answer, or a refusal; `sinceMs` is when it began
//   down       -> up     it answers again; rates begin anew, as its counters may

import { monotonicMs, wallClockMs } from "../../base/clock.ts";
import { formatPlace, type Place } from "../../base/place.ts";
import { reasonOf } from "../../base/reason.ts";
import { ServerError } from "../../client/client-errors.ts";
import type { Settings } from "../../client/client-options.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import { NodeSession } from "../node-session.ts";
import { readClients, readInfo, readLatency, readSlow, type Sample } from "./sample.ts";

/** With more clients, CLIENT LIST is long enough to disturb the node. */
export const listedClientsMax = 1_000;
const slowCommandsMax = 32;
/** A look that follows sooner, as another node was chosen, would make rates of a few counts. */
const betweenMsMin = 90;

export type NodeState = "connecting" | "up" | "down";

export class NodeWatch {
  readonly place: Place;
  /** As the user would type it. */
  readonly name: string;
  readonly settings: Settings;
  private session: NodeSession | null = null;
  private ownId = "";
  private isLooking = false;
  private isClosed = false;
  state: NodeState = "connecting";
  /** When the state began, by the wall clock. */
  sinceMs = wallClockMs();
  /** Why it is down. */
  reason = "";
  before: Sample | null = null;
  now: Sample | null = null;

  constructor(settings: Settings, place: Place) {
    this.settings = settings;
    this.place = place;
    this.name = formatPlace(place);
  }

  /** With `isChosen`, slow commands and clients are asked as well. */
  async look(isChosen: boolean): Promise<void> {
    if (this.isLooking || this.isClosed) return;
    this.isLooking = true;
    try {
      this.take(await this.ask(await this.opened(), isChosen));
      this.turn("up", "");
    } catch (error) {
      await this.lose(reasonOf(error));
    } finally {
      this.isLooking = false;
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.session?.[Symbol.asyncDispose]();
  }

  private async opened(): Promise<NodeSession> {
    if (this.session?.isOpen === true) return this.session;
    await this.session?.[Symbol.asyncDispose]();
    this.session = await NodeSession.open(this.settings, this.place);
    this.ownId = `${await optional(this.session.call("CLIENT", "ID"))}`;
    return this.session;
  }

  /** All questions leave in one write. INFO must be answered, and the others may be refused. */
  private async ask(session: NodeSession, isChosen: boolean): Promise<Sample> {
    const asksClients =
      isChosen && (this.now?.info.number("connected_clients") ?? 0) <= listedClientsMax;
    const [info, latency, slow, clients] = await Promise.all([
      session.call("INFO", "everything"),
      optional(session.call("LATENCY", "HISTOGRAM")),
      isChosen ? optional(session.call("SLOWLOG", "GET", slowCommandsMax)) : null,
      asksClients ? optional(session.call("CLIENT", "LIST")) : null,
    ]);
    return {
      atMs: monotonicMs(),
      info: readInfo(info),
      latency: readLatency(latency),
      slow: readSlow(slow),
      clients: readClients(clients, this.ownId),
    };
  }

  private take(sample: Sample): void {
    const { now } = this;
    if (this.state === "up" && now !== null && sample.atMs - now.atMs < betweenMsMin) {
      this.now = { ...now, slow: sample.slow, clients: sample.clients };
      return;
    }
    this.before = this.state === "up" ? now : null;
    this.now = sample;
  }

  private async lose(reason: string): Promise<void> {
    const { session } = this;
    this.session = null;
    this.before = null;
    // "cannot connect to HOST:PORT: ..." would tell the name twice.
    this.turn("down", reason.replace(/^cannot connect to \S+: /, ""));
    await session?.[Symbol.asyncDispose]();
  }

  private turn(state: NodeState, reason: string): void {
    if (this.state !== state) this.sinceMs = wallClockMs();
    this.state = state;
    this.reason = reason;
  }
}

// --- internal ---

/** Null where the server does not know the command or refuses it to this user. */
async function optional(reply: Promise<Reply>): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof ServerError) return null;
    throw error;
  }
}
