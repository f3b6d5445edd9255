// The leader's end of one follower's connection: the answer to its PSYNC, the snapshot if it needs
// one, then the journal's bytes, from its position on. It knows no Bun socket and executes nothing.
//
//   start --partial sync--> online
//   start --full sync--> wait_snapshot --first bytes of the payload--> sending_snapshot
//   sending_snapshot --all sent; with EOF framing also the first ACK--> online
//   any --socket gone, silence, over a bound, role changed--> closed
//
// Invariant: the follower gets every byte of the journal from `position` on, once and in order, or
// its link ends. Bytes that the socket does not take stay in the journal. Those that it is about to
// overwrite are kept once for all links (stream-tail.ts), within a bound for each link: so a slow
// load does not end in another full sync. Nothing follows an EOF mark until the follower has sent
// an ACK, because the mark must be the last bytes that it reads.

import { formatAddress } from "../../base/address.ts";
import type { Clock } from "../../base/clock.ts";
import { assert } from "../../base/errors.ts";
import { linkSilenceMsMax } from "../../base/limits.ts";
import type { LinkPeer, LinkSocket } from "../../base/link.ts";
import type { Logger } from "../../base/log.ts";
import { OutputAccount, type OutputBound } from "../../base/output-bound.ts";
import type { RecurringTrouble } from "../../base/recurring.ts";
import type { Journal } from "../../journal/journal.ts";
import { ByteQueue } from "../byte-queue.ts";
import { type HeldReports, ToldTree } from "../tree/told-tree.ts";
import type { SnapshotFeed } from "./snapshot-feed.ts";
import type { Spool } from "./spool.ts";
import type { StreamTail } from "./stream-tail.ts";

export type LinkState = "start" | "wait_snapshot" | "sending_snapshot" | "online" | "closed";

const transitions: Readonly<Record<LinkState, readonly LinkState[]>> = {
  start: ["online", "wait_snapshot", "closed"],
  wait_snapshot: ["sending_snapshot", "closed"],
  sending_snapshot: ["online", "closed"],
  online: ["closed"],
  closed: [],
};

const encoder = new TextEncoder();
const newlineBytes = encoder.encode("\n");
const chunkBytes = 64 * 1024;
/** One buffer for all links: a socket keeps no reference to it after write(). */
const scratch = new Uint8Array(chunkBytes);

/** What a link needs from the leader that owns it. */
export interface LinkOwner {
  readonly journal: Journal;
  readonly tail: StreamTail;
  readonly log: Logger;
  readonly clock: Clock;
  /** Of the bytes that one follower needs beyond the journal. */
  readonly followerBound: OutputBound;
  readonly trouble: RecurringTrouble;
  /** What its followers tell of theirs. */
  readonly heldReports: HeldReports;
  /** Counts followers that were over that bound. */
  disconnected: number;
  /** The process stood still before this time: a follower's silence counts from here. */
  readonly awakeSinceMs: number;
  /** Called when a link ends, or acknowledges. */
  removed(link: FollowerLink): void;
  acknowledged(link: FollowerLink, hasMore: boolean): void;
}

export class FollowerLink {
  readonly peer: LinkPeer;
  state: LinkState = "start";
  /** Offset of the next byte of the stream that goes to this follower. */
  position = 0;
  /** The file of its snapshot, if there is one. */
  spool: Spool | null = null;
  /** The last offset that the follower acknowledged. */
  acknowledgedOffset = 0;
  /** What it tells of its own followers. */
  readonly told: ToldTree;
  /** What it was told last of the way up to the root. */
  wayTold = "";
  private acknowledgedAtMs: number;
  private readonly owner: LinkOwner;
  private readonly socket: LinkSocket;
  /** Answers and snapshot; sent before everything else. */
  private readonly out = new ByteQueue();
  private readonly account = new OutputAccount();
  private payloadSent = false;
  private hasAcknowledged = false;
  /** The socket took less than it was given. */
  private blocked = false;
  /** The log says once, elsewhere, why it is refused. */
  private isKnown = false;
  private onWritable: (() => void) | null = null;
  /** It sent SYNC: it gets no line before the payload, and need not acknowledge. */
  private readonly isMute: boolean;

  constructor(owner: LinkOwner, socket: LinkSocket, peer: LinkPeer, isMute = false) {
    this.owner = owner;
    this.isMute = isMute;
    this.socket = socket;
    this.peer = peer;
    this.told = new ToldTree(owner.heldReports);
    this.acknowledgedAtMs = owner.clock.monotonicMs();
  }

  get ip(): string {
    return this.peer.replconf.ipAddress || this.socket.remoteAddress;
  }

  get port(): number {
    return this.peer.replconf.listeningPort;
  }

  /** It cannot take the leader's place, so nothing that is about durability counts it. */
  get isCopy(): boolean {
    return this.peer.replconf.isCopy === true;
  }

  /** A node of ours, as opposed to a Redis or a copy. */
  get tellsTree(): boolean {
    return this.peer.replconf.tellsTree === true;
  }

  get name(): string {
    return `follower ${this.address}`;
  }

  private get address(): string {
    return formatAddress({ host: this.ip, port: this.port });
  }

  /** Seconds since its last acknowledgement. */
  get lagSeconds(): number {
    return Math.floor((this.owner.clock.monotonicMs() - this.acknowledgedAtMs) / 1000);
  }

  /** Bytes that wait in this link's own memory. */
  get queuedBytes(): number {
    return this.out.bytes;
  }

  /** Bytes of the stream that are kept for this link after the journal overwrote them. */
  get heldBytes(): number {
    const { journal, tail } = this.owner;
    return this.position < journal.first ? Math.max(0, tail.end - this.position) : 0;
  }

  get waitingBytes(): number {
    return this.queuedBytes + this.heldBytes;
  }

  // ---- the beginnings ---------------------------------------------------------------------------

  /** Partial sync: the stream goes on at `position`. */
  resume(position: number, replid: string): void {
    this.position = position;
    this.acknowledgedOffset = position;
    const name = this.peer.replconf.psync2 ? ` ${replid}` : "";
    this.out.push(encoder.encode(`+CONTINUE${name}\r\n`));
    this.transition("online", `partial sync from offset ${position}`);
    this.pump();
  }

  /** Full sync: the snapshot belongs to `position`; the payload follows by send(). */
  announce(position: number, replid: string): void {
    this.position = position;
    this.transition("wait_snapshot", `full sync at offset ${position}`);
    if (!this.isMute) this.out.push(encoder.encode(`+FULLRESYNC ${replid} ${position}\r\n`));
    this.flushOut();
  }

  /** Answers with an error line and ends the connection; the follower will reconnect. */
  refuse(text: string, isKnown = false): void {
    this.isKnown = isKnown;
    this.out.push(encoder.encode(`-${text}\r\n`));
    this.flushOut();
    this.drop(`refused: ${text}`);
  }

  /** Sends the payload piece by piece, each when the last is sent and other work had its turn. */
  async send(feed: SnapshotFeed): Promise<void> {
    if (this.state !== "wait_snapshot") return;
    const waiting = this.owner.journal.offset - this.position;
    this.transition("sending_snapshot", `${waiting} bytes of effects waiting`);
    for (let piece = await feed.next(); piece !== null; piece = await feed.next()) {
      if (this.closed) return;
      this.out.push(piece);
      await this.drained();
      await nextTurn();
    }
    this.payloadSent = true;
    // A fast follower may have acknowledged the mark already.
    const isReady = !feed.endsWithMark || this.hasAcknowledged;
    if (!this.closed && isReady) this.goOnline("snapshot sent");
  }

  /** Resolves when all of `out` is sent, or when nothing can be sent any more. */
  private async drained(): Promise<void> {
    while (!this.closed && !this.flushOut()) {
      await new Promise<void>((resolve) => {
        this.onWritable = resolve;
      });
    }
  }

  private goOnline(reason: string): void {
    this.acknowledgedAtMs = this.owner.clock.monotonicMs();
    this.transition("online", reason);
    this.pump();
  }

  // ---- the stream -------------------------------------------------------------------------------

  /** Writes as much as the socket takes; after that, nothing until it has drained. */
  pump(): void {
    if (this.blocked || this.closed) return;
    this.blocked = !this.flushOut() || (this.state === "online" && !this.flushStream());
  }

  /** True when the follower has everything. */
  private flushStream(): boolean {
    const { journal } = this.owner;
    while (this.position < journal.offset) {
      const bytes = this.next();
      if (bytes === null) {
        this.fellOut();
        return true;
      }
      const taken = Math.max(0, this.socket.write(bytes));
      this.position += taken;
      if (taken < bytes.length) return false;
    }
    return true;
  }

  /** Some bytes from `position` on, valid until the next call; null if they are lost. */
  private next(): Uint8Array | null {
    const { journal, tail } = this.owner;
    if (tail.has(this.position)) return tail.at(this.position);
    const count = journal.read(this.position, scratch, 0, chunkBytes);
    return count < 0 ? null : scratch.subarray(0, count);
  }

  private fellOut(): void {
    const { journal } = this.owner;
    this.drop(`fell out of the journal: needs ${this.position}, held from ${journal.first}`, true);
  }

  checkBounds(): void {
    const bytes = this.heldBytes;
    const { followerBound, clock } = this.owner;
    const { hardBytes, softSeconds } = followerBound;
    if (!this.account.isOverdue(bytes, followerBound, clock.monotonicMs())) return;
    const isTooMuch = hardBytes > 0 && bytes > hardBytes;
    const how = isTooMuch
      ? `wait for it, over the bound of ${hardBytes}`
      : `have waited for it longer than ${softSeconds * 1000} ms`;
    this.owner.disconnected++;
    this.drop(`${bytes} bytes ${how}`, true);
  }

  acknowledge(offset: number): void {
    const wasOnline = this.state === "online";
    const hasMore = offset > this.acknowledgedOffset || !wasOnline;
    this.acknowledgedOffset = offset;
    this.acknowledgedAtMs = this.owner.clock.monotonicMs();
    this.hasAcknowledged = true;
    if (this.state === "sending_snapshot" && this.payloadSent) this.goOnline("snapshot loaded");
    this.owner.acknowledged(this, hasMore);
  }

  // ---- beside the stream ------------------------------------------------------------------------

  tellTree(text: string): void {
    if (this.tellsTree && !this.closed) this.told.take(text);
  }

  /**
   * Sends a command that is no part of the stream and counts for no offset: between two effects or
   * groups, when the follower has everything before: within a group it would count. False: not
   * now.
   */
  interject(command: Uint8Array): boolean {
    const { journal } = this.owner;
    if (this.state !== "online" || this.blocked || journal.isOpen) return false;
    if (this.position !== journal.offset || this.position !== journal.mark()) return false;
    if (journal.isInterrupted) return false;
    this.out.push(command);
    this.pump();
    return true;
  }

  // ---- events -----------------------------------------------------------------------------------

  onDrain(): void {
    this.blocked = false;
    this.pump();
    this.wake();
  }

  onClose(): void {
    this.close("connection closed");
  }

  /** Once a second: signs of life in both directions, and the bound in time. */
  tick(): void {
    if (this.closed) return;
    if (this.state === "wait_snapshot") {
      this.out.push(newlineBytes);
      this.flushOut();
    }
    this.checkBounds();
    const { clock, awakeSinceMs } = this.owner;
    const silentMs = clock.monotonicMs() - Math.max(this.peer.lastActiveMs, awakeSinceMs);
    // While the payload is in flight, the follower need not send anything: see the socket.
    const isListening = !this.isMute && (this.state === "online" || this.payloadSent);
    if (isListening && silentMs > linkSilenceMsMax)
      this.drop(`silent for ${Math.round(silentMs)} ms`, true);
  }

  /**
   * Ends the link from this side: for trouble, which is a warning in the log, or in the ordinary
   * way.
   */
  drop(reason: string, isTrouble = false): void {
    if (this.closed) return;
    this.close(reason, isTrouble);
    this.socket.end();
  }

  private get closed(): boolean {
    return this.state === "closed";
  }

  private close(reason: string, isTrouble = false): void {
    if (this.closed) return;
    this.transition("closed", reason, isTrouble);
    this.out.clear();
    this.told.clear();
    this.wake();
    this.owner.removed(this);
  }

  private flushOut(): boolean {
    return this.out.writeTo(this.socket);
  }

  private wake(): void {
    const wake = this.onWritable;
    this.onWritable = null;
    wake?.();
  }

  private transition(to: LinkState, reason: string, isTrouble = false): void {
    const from = this.state;
    assert(transitions[from].includes(to), `link ${from} -> ${to}`);
    this.state = to;
    const line = `${this.name}: ${from} -> ${to} (${reason})`;
    const { address: follower, position: offset } = this;
    const fields = { event: "follower-link", follower, from, to, reason, offset } as const;
    if (isTrouble) this.owner.trouble.happened(reason.replace(/\d+/g, "#"), line, fields);
    else this.owner.log[this.isKnown ? "debug" : "info"](line, fields);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
