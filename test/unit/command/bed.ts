// A test bed for data commands: a real store, a real journal, a real standing, and a clock that
// stands still until it is set. Commands run through execute(), so that arity, role and room are
// checked as in the server. Replies are the bytes of RESP2, effects the words in the journal.
// Invariant: run() drains the reply, so every reply belongs to the command that it is returned for.

import { sparseSketchBytesDefault } from "../../../src/base/limits.ts";
import { Output } from "../../../src/base/output.ts";
import { CommandStatistics } from "../../../src/command/core/command-statistics.ts";
import type { ControlContext } from "../../../src/command/core/context.ts";
import type { Control } from "../../../src/command/core/node.ts";
import { Observer } from "../../../src/command/core/observer.ts";
import { Libraries } from "../../../src/command/function/node-libraries.ts";
import { Channels } from "../../../src/command/messages/channels.ts";
import { Monitors } from "../../../src/command/messages/monitors.ts";
import { execute } from "../../../src/command/run/execute.ts";
import { Scripts } from "../../../src/command/script/scripts.ts";
import { find } from "../../../src/command/table.ts";
import { Session } from "../../../src/command/terms/session.ts";
import { Tracking } from "../../../src/command/tracking/tracking.ts";
import { Effects } from "../../../src/journal/effects.ts";
import { EventLog, reserveEventLog } from "../../../src/journal/event-log.ts";
import { Journal, reserveJournal } from "../../../src/journal/journal.ts";
import { Keyspace } from "../../../src/keyspace/keyspace.ts";
import { SharedStanding } from "../../../src/node/shared/standing.ts";
import { Request } from "../../../src/protocol/request.ts";
import { RespReply } from "../../../src/protocol/resp/resp-reply.ts";
import { hashKeyOf } from "../../../src/store/hash.ts";
import { reserveStore } from "../../../src/store/memory.ts";
import { Store } from "../../../src/store/store.ts";

const MiB = 1024 * 1024;
export const now = 1_700_000_000_000;

export type Argument = string | number | Uint8Array;

/**
 * The least that holds what most tests store, in two shards: memory that another store had before
 * is cleared byte by byte, so that a large bed costs ten times what a test does with it.
 */
export interface BedOptions {
  readonly memoryLimitBytes?: number;
  /** The limit unless given. */
  readonly reserveBytes?: number;
  /** At least what a test records before it looks. */
  readonly journalBytes?: number;
  readonly valueBytesMax?: number;
  readonly eviction?: "s3fifo" | "none";
}

export class Bed {
  readonly store: Store;
  readonly journal: Journal;
  readonly events: EventLog;
  readonly effects: Effects;
  readonly session = new Session(1, "127.0.0.1:50000", "127.0.0.1:5000", now, true);
  /** The connections that a link took over. */
  readonly joined: Session[] = [];
  readonly standing = new SharedStanding();
  readonly x: ControlContext;
  private readonly out = new Output();
  private readonly reply = new RespReply(this.out);
  private effectsRead = 0;

  constructor(options: BedOptions = {}) {
    const { memoryLimitBytes = 4 * MiB, valueBytesMax = MiB, eviction = "s3fifo" } = options;
    const memory = reserveStore({
      memoryLimitBytes,
      reserveBytes: options.reserveBytes ?? memoryLimitBytes,
      valueBytesMax,
      eviction,
      hashKey: hashKeyOf(7, 0),
      concurrent: false,
    });
    this.store = new Store(memory, 0);
    this.store.expires = true;
    this.standing.sparseSketchBytesMax = sparseSketchBytesDefault;
    this.journal = new Journal(reserveJournal(options.journalBytes ?? MiB));
    this.journal.start(0);
    this.events = new EventLog(reserveEventLog(MiB / 4), this.journal);
    this.effects = new Effects(this.journal);
    const clients = { takeOver: (session: Session) => this.joined.push(session) };
    const statistics = new CommandStatistics();
    this.x = {
      store: this.store,
      keyspace: new Keyspace(this.store, this.effects, this.events),
      effects: this.effects,
      standing: this.standing,
      statistics,
      observer: new Observer(this.events),
      channels: new Channels(),
      tracking: new Tracking(() => undefined),
      monitors: new Monitors(() => undefined),
      scripts: new Scripts(statistics.errors),
      libraries: new Libraries(statistics.errors),
      control: { clients } as unknown as Control,
      now: now,
      session: this.session,
    };
  }

  /** Runs a command and returns the bytes of its reply, one character a byte. */
  run(...args: Argument[]): string {
    const sent = request(...args);
    const command = find(sent);
    if (command === undefined) throw new Error(`no command ${args[0]}`);
    this.out.clear();
    execute(this.x, command, sent, this.reply);
    return latin1(this.out.view());
  }

  /** The effects since the last call, each as its words. */
  recorded(): string[] {
    const bytes = new Uint8Array(this.journal.offset - this.effectsRead);
    const count = this.journal.read(this.effectsRead, bytes, 0, bytes.length);
    if (count !== bytes.length) throw new Error(`${bytes.length} bytes are more than journalBytes`);
    this.effectsRead += bytes.length;
    const found: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const words: string[] = [];
      const wordCount = lengthAt(bytes, at);
      at = lineEnd(bytes, at);
      for (let i = 0; i < wordCount; i++) {
        const length = lengthAt(bytes, at);
        at = lineEnd(bytes, at);
        words.push(latin1(bytes.subarray(at, at + length)));
        at += length + 2;
      }
      found.push(words.join(" "));
    }
    return found;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return Number(latin1(bytes.subarray(at + 1, lineEnd(bytes, at) - 2)));
}

function lineEnd(bytes: Uint8Array, at: number): number {
  return bytes.indexOf(0x0a, at) + 1;
}

export function request(...args: Argument[]): Request {
  return Request.of(
    args.map((arg) => (arg instanceof Uint8Array ? arg : Buffer.from(String(arg), "latin1"))),
  );
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** A value as RESP sends it. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

export const ok = "+OK\r\n";
export const nil = "$-1\r\n";
export const notAnInteger = "-ERR value is not an integer or out of range\r\n";
export const syntaxError = "-ERR syntax error\r\n";
