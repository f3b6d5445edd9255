// The scripts of a node as one thread knows them, and the VM in which this thread runs them. With
// several data threads, the control thread owns the list of them, and the others follow it
// (shared-scripts.ts); a script that may need the control thread runs there. Nothing is loaded or
// compiled before the first script.

import { latin1, latin1Bytes } from "../../base/bytes.ts";
import {
  type ErrorReply,
  errorReply,
  leaderGone,
  outOfMemory,
  tooFewFollowers,
} from "../../base/errors.ts";
import { evalScriptsMax, scriptBytesMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ErrorCounts } from "../core/command-statistics.ts";
import type { Context, Ending, NodeScripts } from "../core/context.ts";
import type { Runnable, Script, ScriptFlags } from "../core/script-record.ts";
import { restriction } from "../run/gate.ts";
import { callsOnlyLocalCommands, mayLoop } from "./called-commands.ts";
import { NativeScripts } from "./native/native-scripts.ts";
import { RecentScripts } from "./recent-scripts.ts";
import { ScriptCache } from "./script-cache.ts";
import type { SharedScripts } from "./shared-scripts.ts";
import { readShebang } from "./shebang.ts";
import { SpentMemory } from "./spent-memory.ts";
import { type MachineHost, ScriptMachine } from "./vm/machine.ts";
import { sha1Of } from "./vm/redis-library.ts";

const shaLength = 40;

const tooLong = errorReply(`a script is at most ${scriptBytesMax} bytes long`);
const cacheFull = errorReply("the script cache is full; SCRIPT FLUSH empties it");
const writingReadOnly = errorReply("Can not execute a script with write flag using *_ro command.");

export interface ScriptsOptions extends Partial<MachineHost> {
  /** With several data threads, what they all know. */
  readonly shared?: SharedScripts | null;
  readonly isOwner?: boolean;
  readonly natives?: NativeScripts;
}

export class Scripts implements NodeScripts {
  private readonly cache: ScriptCache;
  private readonly bySha: RecentScripts;
  private readonly byText: RecentScripts;
  private readonly host: MachineHost;
  private readonly shared: SharedScripts | null;
  /** Whether this thread decides what the node knows; others read it. */
  private readonly isOwner: boolean;
  private shownCount: number;
  private readonly natives: NativeScripts;
  private machine: ScriptMachine | null;
  private machines: number;
  private readonly spent: SpentMemory;

  /** By default there is no limit of time, and what scripts log is lost. */
  constructor(errors: ErrorCounts, options: ScriptsOptions = {}) {
    const { shared = null, isOwner = true, natives = new NativeScripts(), ...host } = options;
    this.cache = new ScriptCache();
    this.cache.onRemoved = (script) => this.removed(script);
    this.bySha = new RecentScripts(({ shaBytes }) => shaBytes);
    this.byText = new RecentScripts(({ text }) => text);
    this.host = { errors, timeLimitMs: () => 0, log: () => undefined, ...host };
    this.shared = shared;
    this.isOwner = isOwner;
    this.shownCount = 0;
    this.natives = natives;
    this.machine = null;
    this.machines = 0;
    this.spent = new SpentMemory();
  }

  private removed(script: Script): void {
    this.machine?.forget(script);
    this.bySha.clear();
    this.byText.clear();
  }

  // ---- what is known ---------------------------------------------------------------------------

  find(buf: Uint8Array, start: number, end: number): Script | undefined {
    this.refresh();
    const recent = this.bySha.find(buf, start, end);
    if (recent !== null) return recent;
    if (end - start !== shaLength) return undefined;
    const sha = latin1(buf, start, end);
    const script = this.cache.get(sha) ?? this.cache.get(sha.toLowerCase());
    if (script?.sha === sha) this.bySha.note(script, buf, start, end);
    return script;
  }

  findText(buf: Uint8Array, start: number, end: number): Script | undefined {
    this.refresh();
    const recent = this.byText.find(buf, start, end);
    if (recent !== null) return recent;
    const script = this.cache.get(sha1Of(buf.subarray(start, end)));
    if (script !== undefined) this.byText.note(script, buf, start, end);
    return script;
  }

  learn(text: Uint8Array, isLoaded: boolean): Script | ErrorReply {
    const known = this.findText(text, 0, text.length);
    if (known === undefined) return this.add(text, isLoaded);
    if (isLoaded) this.cache.keep(known);
    return known;
  }

  private add(text: Uint8Array, isLoaded: boolean): Script | ErrorReply {
    if (text.length > scriptBytesMax) return tooLong;
    const flags = readShebang(text);
    if (typeof flags === "string") return errorReply(flags);
    const script = this.scriptOf(sha1Of(text), text.slice(), flags, isLoaded);
    const problem = script.program < 0 ? this.ready().compile(script) : "";
    if (problem !== "") return errorReply(`Error compiling script (new function): ${problem}`);
    if (this.cache.add(script)) {
      this.show(script);
      return script;
    }
    this.machine?.forget(script);
    return cacheFull;
  }

  private scriptOf(sha: string, text: Uint8Array, flags: ScriptFlags, isLoaded: boolean): Script {
    const runsAnywhere = callsOnlyLocalCommands(text);
    const shaBytes = latin1Bytes(sha);
    const program = this.natives.numberOf(sha);
    const known = { sha, shaBytes, text, flags, program, isLoaded };
    return { ...known, runsAnywhere, mayLoop: mayLoop(text), reference: 0, vm: 0 };
  }

  clear(): void {
    this.cache.clear();
    this.machine = null; // its memory goes with it
    this.showAgain();
  }

  // ---- other threads ---------------------------------------------------------------------------

  /** Shows a new script to the other threads. */
  private show({ sha, text }: Script): void {
    if (this.shared === null || !this.isOwner) return;
    const isShort = ++this.shownCount <= 2 * this.cache.size + evalScriptsMax;
    if (!isShort || !this.shared.append(sha, text)) this.showAgain();
  }

  /** Shows the scripts that are there, and no others. */
  private showAgain(): void {
    this.shared?.renew(() => {
      for (const { sha, text } of this.cache.all()) this.shared?.append(sha, text);
    });
    this.shownCount = this.cache.size;
  }

  /** In a thread that does not own the scripts: takes over what has changed. */
  private refresh(): void {
    if (this.isOwner || this.shared === null || !this.shared.hasChanged) return;
    const forget = () => this.cache.clear();
    this.shared.read(forget, (sha, text) => {
      const flags = readShebang(text);
      if (typeof flags !== "string") this.cache.mirror(this.scriptOf(sha, text, flags, true));
    });
  }

  isForControl({ buf, start, end, argc }: Request, isByText: boolean): boolean {
    if (argc <= firstKey - 1) return false; // an error anywhere
    const script = isByText
      ? this.findText(buf, start[1], end[1])
      : this.find(buf, start[1], end[1]);
    return script === undefined || !script.runsAnywhere;
  }

  writesNothing({ buf, start, end }: Request, isByText: boolean): boolean {
    if (!isByText) return this.find(buf, start[1], end[1])?.flags.noWrites === true;
    const flags = readShebang(buf.subarray(start[1], end[1]));
    return typeof flags !== "string" && flags.noWrites;
  }

  // ---- memory ----------------------------------------------------------------------------------

  get count(): number {
    return this.cache.size;
  }

  get cachedBytes(): number {
    return this.cache.bytes;
  }

  get usedBytes(): number {
    return this.machine?.lua.usedBytes ?? 0;
  }

  // ---- running ---------------------------------------------------------------------------------

  run(
    x: Context,
    script: Script,
    request: Request,
    keyCount: number,
    isReadOnly: boolean,
    reply: Reply,
  ): Ending {
    const refusal = refusalOf(x, script, request, isReadOnly);
    if (refusal !== null) return reply.error(refusal);
    if (!isReadOnly && script.program >= 0) {
      if (this.natives.run(script.program, x, request, firstKey, keyCount, reply)) return;
    }
    const machine = this.ready();
    if (script.vm !== machine.number) machine.compile(script);
    const outcome = machine.run(x, script, request, firstKey, keyCount, isReadOnly, reply);
    if (outcome !== undefined) return outcome.finally(() => this.inspect(machine));
    if (machine.isSpent) this.replaceMachine();
  }

  private inspect(machine: ScriptMachine): void {
    if (machine === this.machine && machine.isSpent) this.replaceMachine();
  }

  private replaceMachine(): void {
    this.machine = null;
    this.spent.release();
  }

  private ready(): ScriptMachine {
    if (this.machine?.lua.isBroken === true) this.machine = null; // by the last script of an EXEC
    this.machine ??= new ScriptMachine(++this.machines, this.host);
    return this.machine;
  }
}

/** Of EVAL and its like. */
export const firstKey = 3;

/**
 * Why the node does not begin a script. What a script without `no-writes` would do counts as a
 * write, as in redis 7.0 `script.c` (scriptFlagsToCmdFlags).
 */
export function refusalOf(
  x: Context,
  { flags }: Runnable,
  request: Request,
  isReadOnly: boolean,
): ErrorReply | null {
  const isStale = (x.standing.restrictions & restriction.STALE) !== 0;
  if (flags.isPlain) return isStale ? leaderGone : null;
  const refusal = flags.noWrites ? null : refusalOfWrites(x, request, flags.allowOom);
  if (refusal !== null) return refusal;
  if (isStale && !flags.allowStale) return leaderGone;
  return isReadOnly && !flags.noWrites ? writingReadOnly : null;
}

/** A node without room for this many is out of memory: small writes fail a little before. */
const smallWriteBytes = 16 * 1024;

function refusalOfWrites(x: Context, request: Request, allowsOom: boolean): ErrorReply | null {
  const { restrictions, writeRefusal } = x.standing;
  if ((restrictions & restriction.FOLLOWER) !== 0) return writeRefusal;
  const { buf, start, end } = request;
  if (!allowsOom && !x.store.makeRoom(buf, start[0], end[0], smallWriteBytes, x.now))
    return outOfMemory;
  return (restrictions & restriction.FEW_FOLLOWERS) !== 0 ? tooFewFollowers : null;
}
