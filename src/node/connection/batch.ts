// Hot path: a few commands of one connection, decoded before the first of them runs, so that the
// store can fetch what they will look up in parallel (store/look-ahead.ts). One batch serves all
// connections of a thread. Commands that could not run go back to the connection's decoder.

import type { Command } from "../../command/core/command.ts";
import type { Context } from "../../command/core/context.ts";
import type { Finder } from "../../command/table.ts";
import { flag } from "../../command/terms/flags.ts";
import { timesItself } from "../../command/timing/command-times.ts";
import type { Decoder } from "../../protocol/decoder.ts";
import { keptArgumentsMax, Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";

/**
 * Commands decoded ahead. Eight gain half as much as sixteen, more than sixteen no more (measured).
 */
const batchMax = 16;

/** PUBLISH and SPUBLISH. */
const publishing = flag.PUBSUB | flag.GLOBAL | flag.MAY_REPLICATE;
/** Longer commands do not share a way to the control thread, whose memory nobody counts. */
const groupedBytesMax = 1024;

/** Longer names are looked up each time. */
const nameBytesMax = 16;

export class Batch {
  readonly requests: Request[];
  /** Undefined if a request names no command, or if its time must not be counted. */
  readonly commands: (Command | undefined)[];
  private readonly store: Store;
  /** The argument of each command that lookAhead() announced, 0 for none, and its hash. */
  private readonly announced: Int32Array;
  private readonly hashes: Int32Array;
  /** The command that was found last, with its name as the client wrote it. */
  private lastCommand: Command | undefined;
  private lastFind: Finder | null;
  private readonly lastName: Uint8Array;
  private lastLength: number;
  /** A request of the present batch has room for more arguments than are kept. */
  private hasLong: boolean;
  private count: number;
  /** How many commands went to the control thread with the one before them. */
  private grouped: number;

  constructor(store: Store) {
    this.requests = Array.from({ length: batchMax }, () => new Request());
    this.commands = new Array(batchMax).fill(undefined);
    this.store = store;
    this.announced = new Int32Array(batchMax);
    this.hashes = new Int32Array(batchMax);
    this.lastCommand = undefined;
    this.lastFind = null;
    this.lastName = new Uint8Array(nameBytesMax);
    this.lastLength = 0;
    this.hasLong = false;
    this.count = 0;
    this.grouped = 0;
    // In another database, a key has another hash than the one that was announced.
    store.databases.onSelect = () => this.announced.fill(0);
  }

  /** Decodes up to batchMax commands, or only one, and returns how many. */
  decode(decoder: Decoder, find: Finder, isAhead: boolean): number {
    const max = isAhead ? batchMax : 1;
    let count = 0;
    while (count < max && decoder.next(this.requests[count])) {
      const request = this.requests[count];
      const command = this.commandOf(request, find);
      this.commands[count++] = command;
      if (request.argc > keptArgumentsMax) this.hasLong = true;
      if (command !== undefined && (command.flags & flag.LONG) !== 0) break;
    }
    this.count = count;
    return count;
  }

  /** As find(), which is spared if the name is the last one's again, as mostly in a pipeline. */
  private commandOf(request: Request, find: Finder): Command | undefined {
    const { buf, start, end } = request;
    const at = start[0];
    const length = end[0] - at;
    const { lastName } = this;
    if (length === this.lastLength && find === this.lastFind) {
      let i = 0;
      while (i < length && buf[at + i] === lastName[i]) i++;
      if (i === length) return this.lastCommand;
    }
    const command = find(request);
    // The subcommand of a container is named by its second argument.
    if (command === undefined || length > lastName.length || !isWhole(command)) return command;
    for (let i = 0; i < length; i++) lastName[i] = buf[at + i];
    this.lastLength = length;
    this.lastFind = find;
    this.lastCommand = command;
    return command;
  }

  /** Called before the first of `count` decoded commands runs. */
  begin(count: number, x: Context): void {
    x.statistics.times.isAlone = count === 1;
    this.lookAhead(count);
  }

  /** Announces the first key of each command. One command alone has nothing to overlap with. */
  private lookAhead(count: number): void {
    const { store, announced, hashes } = this;
    announced[0] = 0;
    if (count < 2) return;
    for (let i = 0; i < count; i++) {
      announced[i] = 0;
      const command = this.commands[i];
      if (command === undefined || command.firstKey === 0) continue;
      const { buf, start, end, argc } = this.requests[i];
      const key = command.firstKey;
      if (key >= argc) continue;
      hashes[i] = store.willNeed(buf, start[key], end[key]);
      announced[i] = key;
    }
    store.lookAhead();
  }

  /** Called before the command runs: reuses the hash of its first key. */
  recall(i: number): void {
    const key = this.announced[i];
    if (key === 0) return;
    const { buf, start, end } = this.requests[i];
    this.store.recall(buf, start[key], end[key], this.hashes[i]);
  }

  /** Called after it has run: from now on its bytes may change. */
  forget(): void {
    this.store.forget();
  }

  /**
   * Copies of the commands behind this one that publish as it does: they go to the control thread
   * with it, as a way there and back costs twenty times what publishing does.
   */
  groupBehind(index: number, command: Command): Request[] {
    const { commands, requests } = this;
    const group: Request[] = [];
    if ((command.flags & publishing) !== publishing) return group;
    for (let i = index + 1; i < this.count && commands[i] === command; i++) {
      const { argc, start, end } = requests[i];
      if (end[argc - 1] - start[0] > groupedBytesMax) break;
      group.push(requests[i].copy());
      commands[i] = undefined; // its time counts where it runs
    }
    this.grouped = group.length;
    return group;
  }

  /** The commands of the last group that have not been passed over yet. */
  takeGrouped(): number {
    const { grouped } = this;
    this.grouped = 0;
    return grouped;
  }

  /**
   * Called when the batch is done: divides its time among the `count` commands that ran, but for
   * those that measured themselves. A pipeline mostly repeats one command, so a run of calls is
   * counted at once. Frees room for very many arguments, which other connections would inherit.
   */
  charge(count: number, ms: number, x: Context): void {
    const { times } = x.statistics;
    if (count === 1 && times.measuredCount === 0) return this.chargeOne(ms, x);
    const others = count - times.measuredCount;
    const share = times.shareOf(count, ms);
    const bucket = times.bucketOf(share);
    const { requests, commands } = this;
    let last: Command | undefined;
    let calls = 0;
    for (let i = 0; i < count; i++) {
      const command = commands[i];
      if (command !== last) {
        if (last !== undefined) times.count(last.id, calls, share, bucket);
        last = command;
        calls = 0;
      }
      if (command !== undefined && !timesItself(command, requests[i])) calls++;
    }
    if (last !== undefined) times.count(last.id, calls, share, bucket);
    const restUsec = share * others;
    if (restUsec >= times.bounds.attentionUsec) {
      times.tellBatch(x, commands, requests, count, restUsec);
    }
    if (this.hasLong) this.shrink();
  }

  /** The same for one command, which is all that a client without a pipeline sends. */
  private chargeOne(ms: number, x: Context): void {
    const { times } = x.statistics;
    const command = this.commands[0];
    const usec = ms * 1000;
    times.isAlone = false;
    if (command !== undefined) {
      times.countLater(command.id, usec);
      times.tellIfLong(x, command, this.requests[0], usec);
    }
    if (this.hasLong) this.shrink();
  }

  private shrink(): void {
    for (const request of this.requests) request.shrink();
    this.hasLong = false;
  }
}

/** Whether argument 0 alone names it. */
function isWhole({ name, subcommands }: Command): boolean {
  return subcommands.length === 0 && !name.includes("|");
}
