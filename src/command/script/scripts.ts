// The scripts of a node: those that it knows, and the VM that runs them. There is one for a node;
// with several data threads it belongs to the control thread, to which they hand the commands that
// run scripts. Nothing is loaded or compiled before the first script.

import { latin1 } from "../../base/bytes.ts";
import { ErrorReply, errorReply, leaderGone, tooFewFollowers } from "../../base/errors.ts";
import { scriptBytesMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ErrorCounts } from "../core/command-statistics.ts";
import type { Context, NodeScripts } from "../core/context.ts";
import { restriction } from "../core/gate.ts";
import { type MachineHost, ScriptMachine } from "./machine.ts";
import { sha1Of } from "./redis-library.ts";
import { type Script, ScriptCache } from "./script-cache.ts";
import { readShebang } from "./shebang.ts";

const shaLength = 40;

const tooLong = errorReply(`a script is at most ${scriptBytesMax} bytes long`);
const cacheFull = errorReply("the script cache is full; SCRIPT FLUSH empties it");
const staleScript = new ErrorReply(
  "MASTERDOWN",
  "Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is " +
    "not set on the script.",
);
const writingOnFollower = new ErrorReply(
  "READONLY",
  "You can not run script with write flag on readonly replica.",
);
const writingReadOnly = errorReply("Can not execute a script with write flag using *_ro command.");

export class Scripts implements NodeScripts {
  private readonly cache: ScriptCache;
  private readonly host: MachineHost;
  private machine: ScriptMachine | null;
  private machines: number;

  /** By default there is no limit of time, and what scripts log is lost. */
  constructor(errors: ErrorCounts, host: Partial<MachineHost> = {}) {
    this.cache = new ScriptCache();
    this.cache.onRemoved = (script) => this.machine?.forget(script);
    this.host = { errors, timeLimitMs: () => 0, log: () => undefined, ...host };
    this.machine = null;
    this.machines = 0;
  }

  // ---- what is known ---------------------------------------------------------------------------

  find(buf: Uint8Array, start: number, end: number): Script | undefined {
    if (end - start !== shaLength) return undefined;
    const sha = latin1(buf, start, end);
    return this.cache.get(sha) ?? this.cache.get(sha.toLowerCase());
  }

  learn(text: Uint8Array, isLoaded: boolean): Script | ErrorReply {
    const sha = sha1Of(text);
    const known = this.cache.get(sha);
    if (known !== undefined) {
      if (isLoaded) this.cache.keep(known);
      return known;
    }
    if (text.length > scriptBytesMax) return tooLong;
    const flags = readShebang(text);
    if (typeof flags === "string") return errorReply(flags);
    const script = { sha, text: text.slice(), flags, isLoaded, reference: 0, vm: 0 };
    const problem = this.ready().compile(script);
    if (problem !== "") return errorReply(`Error compiling script (new function): ${problem}`);
    if (this.cache.add(script)) return script;
    this.machine?.forget(script);
    return cacheFull;
  }

  clear(): void {
    this.cache.clear();
    this.machine = null; // its memory goes with it
  }

  get count(): number {
    return this.cache.size;
  }

  get cachedBytes(): number {
    return this.cache.bytes;
  }

  /** Bytes that the values in the VM take; 0 without one. */
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
  ): void {
    const refusal = refusalOf(x, script, isReadOnly);
    if (refusal !== null) return reply.error(refusal);
    const machine = this.ready();
    if (script.vm !== machine.number) machine.compile(script);
    machine.run(x, script, request, firstKey, keyCount, isReadOnly, reply);
    if (machine.isSpent) this.machine = null;
  }

  private ready(): ScriptMachine {
    this.machine ??= new ScriptMachine(++this.machines, this.host);
    return this.machine;
  }
}

/** Of EVAL and its like. */
export const firstKey = 3;

/** Why the node does not begin a script: redis 7.0 `script.c` (scriptPrepareForRun). */
function refusalOf(x: Context, { flags }: Script, isReadOnly: boolean): ErrorReply | null {
  const { restrictions } = x.standing;
  const isStale = (restrictions & restriction.STALE) !== 0;
  if (flags.isPlain) return isStale ? leaderGone : null;
  if (isStale && !flags.allowStale) return staleScript;
  if (flags.noWrites) return null;
  if ((restrictions & restriction.FOLLOWER) !== 0) return writingOnFollower;
  if (isReadOnly) return writingReadOnly;
  return (restrictions & restriction.FEW_FOLLOWERS) !== 0 ? tooFewFollowers : null;
}
