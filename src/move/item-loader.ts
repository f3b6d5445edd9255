// Writes items into a server as they come, in one pipeline, and counts what became of them. It
// reads no file. An item with a lifetime is written with its moment of expiry, so an item that has
// expired by then stays dead; a server too old for that gets the time that is left, which begins
// there when the item arrives.
// Invariants: an item goes into its own database or nowhere; what is unanswered is bounded as long
// as the caller awaits room(); after a refusal that concerns every item nothing more is sent.

import { wallClockMs } from "../base/clock.ts";
import { type Reply, ReplyError } from "../protocol/resp/reply-parser.ts";
import { MoveError } from "./move-error.ts";
import { keptKey, type MovedItem, shownKey } from "./moved-item.ts";
import type { ServerLink } from "./server-link.ts";

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
  private readonly link: ServerLink | null;
  private readonly options: ItemLoaderOptions;
  private selected: number;
  private stopped: MoveError | null = null;

  /** With `link` null nothing is written: everything counts as written that would be sent. */
  constructor(link: ServerLink | null, selected: number, options: ItemLoaderOptions) {
    this.link = link;
    this.selected = selected;
    this.options = options;
  }

  /** `line` is where the item is in a file of lines; 0: it is in none. */
  put({ database, key, value, expiresAt }: MovedItem, line: number): void {
    if (this.stopped !== null) return;
    const leftMs = expiresAt === 0 ? Number.POSITIVE_INFINITY : expiresAt - wallClockMs();
    if (leftMs <= 0) {
      this.expired++;
      return;
    }
    const { link, options } = this;
    if (link === null) {
      this.written++;
      return;
    }
    this.select(link, options.into ?? database);
    const condition = options.existing === "replace" ? [] : ["NX"];
    const lifetime = options.takesMoments ? ["PXAT", expiresAt] : ["PX", leftMs];
    const expiry = expiresAt === 0 ? [] : lifetime;
    const about = { line, key: keptKey(key) };
    link.send(["SET", key, value, ...condition, ...expiry], (reply) => this.answered(reply, about));
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
    if (database === this.selected) return;
    this.selected = database;
    link.send(["SELECT", database], (reply) => {
      if (!(reply instanceof ReplyError)) return;
      this.stopped ??= new MoveError(
        `${link.name} answered SELECT ${database} with: ${reply.text}`,
      );
    });
  }

  private answered(reply: Reply, about: Sent): void {
    if (reply instanceof ReplyError) return this.refused(reply, about);
    if (reply !== null) {
      this.written++;
      return;
    }
    this.existed++;
    if (this.options.existing === "skip") return;
    const choices = "choose --replace or --skip-existing";
    this.stopped ??= new MoveError(`${shown(about)} exists there already; ${choices}`);
  }

  private refused({ code, text }: ReplyError, about: Sent): void {
    const reason = general.get(code);
    if (reason === undefined) return this.fail(`${shown(about)}: ${text}`);
    this.failed++;
    this.stopped ??= new MoveError(`${this.link?.name}: ${reason} (${text})`);
  }
}

/** What is remembered of an item until it is answered. */
interface Sent {
  readonly line: number;
  readonly key: Uint8Array;
}

/** As people find the item: "line 7, key \"a\"". */
function shown({ line, key }: Sent): string {
  return `${line === 0 ? "" : `line ${line}, `}key ${shownKey(key)}`;
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
