// Writes items into a server as they come, in one pipeline, and counts what became of them. It
// reads no file. An item with a lifetime is written with its moment of expiry, so an item that has
// expired by then stays dead; a server too old for that gets the time that is left, which begins
// there when the item arrives.
// Invariants: an item goes into its own database or nowhere; what is unanswered is bounded as long
// as the caller awaits room(); after a refusal that concerns every item nothing more is sent.

import { wallClockMs } from "../base/clock.ts";
import { type Reply, ReplyError } from "../protocol/resp/reply-parser.ts";
import { MoveError } from "./move-error.ts";
import { type ItemBytes, shownKey } from "./moved-item.ts";
import { SentItems } from "./sent-items.ts";
import type { ServerLink } from "./server-link.ts";
import { SetEncoder } from "./set-encoder.ts";

/** What to do about a key that exists. */
export type Existing = "refuse" | "skip" | "replace";

export interface ItemLoaderOptions {
  readonly existing: Existing;
  /** Write everything into this database; undefined: each item into its own. */
  readonly into?: number | undefined;
  /** Whether SET takes PXAT there. */
  readonly takesMoments: boolean;
  /** How many items may fail before the load ends. */
  readonly errorsMax: number;
}

/** Replies that would come to every further item as well. */
const general: ReadonlyMap<string, string> = new Map([
  ["OOM", "it has no memory left"],
  ["READONLY", "it is a follower and takes no writes"],
  ["MOVED", "it is one of several nodes of a Redis Cluster, which is not supported"],
  ["CLUSTERDOWN", "its cluster is down"],
  ["NOAUTH", "it requires a password"],
  ["NOPERM", "the user may not write there"],
  ["NOREPLICAS", "it has too few followers to take writes"],
  ["MISCONF", "it takes no writes as it cannot save"],
  ["LOADING", "it is still loading its data"],
  ["MASTERDOWN", "it has lost its leader"],
]);
const notedMax = 10;
const databasesProbedMax = 1 << 20;

export class ItemLoader {
  written = 0;
  /** Keys that were there and stayed as they are. */
  existed = 0;
  /** Items whose time was over. */
  expired = 0;
  failed = 0;
  /** What was wrong with the first items that failed. */
  readonly notes: string[] = [];
  /** When the chunk came that is being read: its items are judged by this moment. */
  nowMs = wallClockMs();
  private readonly link: ServerLink | null;
  private readonly options: ItemLoaderOptions;
  private readonly encoder: SetEncoder;
  private readonly sent = new SentItems();
  /** One function for all items: the replies come in the order of `sent`. */
  private readonly answered = (reply: Reply) => this.take(reply);
  private selected: number;
  private stopped: MoveError | null = null;

  /** With `link` null nothing is written: everything counts as written that would be sent. */
  constructor(link: ServerLink | null, selected: number, options: ItemLoaderOptions) {
    this.link = link;
    this.selected = selected;
    this.options = options;
    const lifetime = options.takesMoments ? "PXAT" : "PX";
    this.encoder = new SetEncoder(options.existing !== "replace", lifetime);
  }

  /** `line` is where the item is in a file of lines; 0: it is in none. */
  put(item: ItemBytes, line: number): void {
    if (this.stopped !== null) return;
    const { link, options, nowMs } = this;
    const { database, expiresAt } = item;
    if (expiresAt > 0 && expiresAt <= nowMs) {
      this.expired++;
      return;
    }
    if (link === null) {
      this.written++;
      return;
    }
    const into = options.into ?? database;
    if (into !== this.selected) this.select(link, into);
    const isMoment = expiresAt === 0 || options.takesMoments;
    this.encoder.write(link.compose(this.answered), item, isMoment ? expiresAt : expiresAt - nowMs);
    this.sent.push(line, item.key, item.keyStart, item.keyEnd);
  }

  /** An item that cannot be written, and why. */
  fail(note: string): void {
    this.failed++;
    if (this.notes.length < notedMax) this.notes.push(note);
    if (this.failed > this.options.errorsMax) {
      this.stopped ??= new MoveError(`it ended after ${this.failed} errors; the last: ${note}`);
    }
  }

  /** No further item is sent. */
  stop(error: MoveError): void {
    this.stopped ??= error;
  }

  /** Call between chunks of items: waits while much is unanswered. Rejects when the load ends. */
  async room(): Promise<void> {
    if (this.stopped !== null) throw this.stopped;
    await this.link?.room();
    if (this.stopped !== null) throw this.stopped;
  }

  /** Resolves when everything was answered. */
  async finish(): Promise<void> {
    await this.link?.settled();
    if (this.stopped !== null) throw this.stopped;
  }

  private select(link: ServerLink, database: number): void {
    this.selected = database;
    link.send(["SELECT", database], (reply) => {
      if (!(reply instanceof ReplyError)) return;
      this.stopped ??= new MoveError(
        `${link.name} answered SELECT ${database} with: ${reply.text}`,
      );
    });
  }

  private take(reply: Reply): void {
    const slot = this.sent.shift();
    if (reply instanceof ReplyError) return this.refused(reply, slot);
    if (reply !== null) {
      this.written++;
      return;
    }
    this.existed++;
    if (this.options.existing === "skip") return;
    const choices = "choose --replace or --skip-existing";
    this.stopped ??= new MoveError(`${this.shown(slot)} exists there already; ${choices}`);
  }

  private refused({ code, text }: ReplyError, slot: number): void {
    const reason = general.get(code);
    if (reason === undefined) return this.fail(`${this.shown(slot)}: ${text}`);
    this.failed++;
    this.stopped ??= new MoveError(`${this.link?.name}: ${reason} (${text})`);
  }

  /** As people find the item: "line 7, key \"a\"". */
  private shown(slot: number): string {
    const line = this.sent.lineOf(slot);
    return `${line === 0 ? "" : `line ${line}, `}key ${shownKey(this.sent.keyOf(slot))}`;
  }
}

/**
 * Whether SET takes PXAT there: Redis does from 6.2 on. A server that does not say its version, or
 * not to this user, is taken for one that does.
 */
export async function takesMoments(link: ServerLink): Promise<boolean> {
  const reply = await link.ask("INFO", "server");
  const text = reply instanceof Uint8Array ? Buffer.from(reply).toString() : "";
  const [, major, minor] = /^redis_version:(\d+)\.(\d+)/m.exec(text) ?? [];
  if (major === undefined) return true;
  return Number(major) > 6 || (Number(major) === 6 && Number(minor) >= 2);
}

/** How many databases the user can select there. Database 0 is selected afterwards. */
export async function databasesOf(link: ServerLink): Promise<number> {
  const has = async (database: number) =>
    !((await link.ask("SELECT", database)) instanceof ReplyError);
  let [last, beyond] = [0, 1];
  while (beyond < databasesProbedMax && (await has(beyond))) [last, beyond] = [beyond, beyond * 2];
  if (beyond === 1) return 1; // nothing else was selected
  while (beyond - last > 1) {
    const middle = (last + beyond) >>> 1;
    if (await has(middle)) last = middle;
    else beyond = middle;
  }
  await link.demand("SELECT", 0);
  return beyond;
}
