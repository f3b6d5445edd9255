// What one thread tells the event log beside changes of keys: on whose behalf it works, which keys
// clients read that track them, and for MONITOR each command. run-handler.ts calls it around one.
// Invariant: a read is recorded while the shards of its keys are locked, or before; so the record
// of the next change comes behind it.
// Hot path: begin() runs once for each event of a connection; the rest only while somebody tracks.

import { latin1Bytes } from "../../base/bytes.ts";
import { wallClockMs } from "../../base/clock.ts";
import { record } from "../../journal/event-kinds.ts";
import type { EventLog } from "../../journal/event-log.ts";
import type { Request } from "../../protocol/request.ts";
import { flag } from "../terms/flags.ts";
import { monitorLine } from "../terms/monitor-line.ts";
import { type Session, tracks } from "../terms/session.ts";
import type { Hides } from "../terms/shown-argument.ts";

/** Every command has one of these flags. */
const anyFlag = -1;
/** They lock their keys themselves, for a part of their time. */
const unlocked = flag.CONTROL | flag.LONG;

/** A command, as far as it matters here. */
interface Observed {
  readonly name: string;
  readonly flags: number;
  readonly row: { readonly hides?: Hides };
  keyArguments(request: Request): number;
  nextKey(position: number, argc: number): number;
}

export class Observer {
  /** A command with one of these flags is not just run: it is timed, or observed. */
  attention: number;
  /** Whether commands of the present session are observed. */
  isOn: boolean;
  /** The commands are those of a script, not of the client that sent it. */
  isInScript: boolean;
  private readonly events: EventLog;

  constructor(events: EventLog) {
    this.attention = flag.TIMED;
    this.isOn = false;
    this.isInScript = false;
    this.events = events;
  }

  /** Call it before commands of this session run. */
  begin(session: Session): void {
    this.events.author = session;
    this.isOn = session.tracking !== 0 || this.events.recordsCommands;
    this.attention = this.isOn ? anyFlag : flag.TIMED;
  }

  /** Whether the end of any connection may matter to another client. */
  get hasRedirects(): boolean {
    return this.events.hasRedirects;
  }

  before(session: Session, command: Observed, request: Request): void {
    if ((command.flags & unlocked) !== 0) this.noteReads(session, command, request);
    if ((command.flags & flag.SCRIPT) !== 0) this.noteCommand(session, command, request);
  }

  after(session: Session, command: Observed, request: Request): void {
    if ((command.flags & unlocked) === 0) this.noteReads(session, command, request);
    if ((command.flags & flag.SCRIPT) === 0) this.noteCommand(session, command, request);
  }

  /**
   * Where it runs, so that inside a transaction the order is that of the commands; but a script is
   * shown before what it runs.
   */
  private noteCommand(session: Session, command: Observed, request: Request): void {
    if (!this.events.recordsCommands || (command.flags & flag.ADMIN) !== 0) return;
    const { database } = session;
    const address = this.isInScript ? "lua" : session.address;
    const line = latin1Bytes(monitorLine({ database, address }, command, request, wallClockMs()));
    this.events.append(record.COMMAND, database, line, 0, line.length);
  }

  private noteReads(session: Session, command: Observed, request: Request): void {
    if ((command.flags & flag.READONLY) === 0 || !isTracking(session.tracking)) return;
    if ((command.flags & flag.SCRIPT) !== 0) return; // it may read none of its keys
    const { buf, start, end } = request;
    const argc = command.keyArguments(request);
    for (let at = command.nextKey(0, argc); at !== 0; at = command.nextKey(at, argc)) {
      this.events.append(record.READ, session.database, buf, start[at], end[at]);
    }
  }
}

/** Whether keys that are read now are tracked. */
function isTracking(bits: number): boolean {
  if ((bits & tracks.ON) === 0 || (bits & tracks.BCAST) !== 0) return false;
  const isCaching = (bits & tracks.CACHING) !== 0;
  return isCaching ? (bits & tracks.OPTOUT) === 0 : (bits & tracks.OPTIN) === 0;
}
