// The VM that runs the scripts of a node: made at the first one, replaced when it is in doubt. Its
// stack has four values at the bottom, always: the handler of errors, the table of globals, and the
// names KEYS and ARGV. A script that runs for long is suspended now and then (busy-script.ts).
// Invariant: after a script nothing of it is on the stack, and the session, the group of effects
// and the hook are as before it.
// Hot path: run(): no allocation beyond what Lua needs.

import { monotonicMs } from "../../../base/clock.ts";
import { errorReply } from "../../../base/errors.ts";
import {
  busyScriptMsMax,
  busySliceMs,
  heldMsMax,
  largeHeldBytes,
  longTurnMs,
  scriptInstructionsPerCheck,
  scriptInstructionsPerCheckGrown,
  scriptMemoryBytesMax,
  scriptMemoryKeptBytes,
  scriptWriteGrace,
} from "../../../base/limits.ts";
import { OutputLimitError } from "../../../base/output.ts";
import { registryIndex, status, type } from "../../../lua/exports.ts";
import { installLibraries } from "../../../lua/libraries.ts";
import { Lua, SUSPENDED } from "../../../lua/lua.ts";
import type { ReadOnlyTables } from "../../../lua/read-only.ts";
import { protectGlobals } from "../../../lua/sandbox.ts";
import type { Reply } from "../../../protocol/reply.ts";
import type { Request } from "../../../protocol/request.ts";
import type { ErrorCounts } from "../../core/command-statistics.ts";
import type { Context } from "../../core/context.ts";
import type { Control } from "../../core/node.ts";
import type { Runnable, Script } from "../../core/script-record.ts";
import type { LateReply, RunningScript } from "../../terms/late-reply.ts";
import { type BusyHost, BusyScript } from "./busy-script.ts";
import { ScriptCalls } from "./call.ts";
import { ErrorPlace } from "./error-place.ts";
import { LuaReply } from "./lua-reply.ts";
import { installRedis, type LibraryHost, raise } from "./redis-library.ts";
import { errorOf, ResultWriter } from "./result.ts";
import { ScriptRun } from "./script-run.ts";

/** What a machine needs of the node. */
export interface MachineHost {
  readonly errors: ErrorCounts;
  /** Milliseconds after which a script takes too long; 0: never. */
  timeLimitMs(): number;
  log(level: number, text: string): void;
  /** For control commands that answer scripts; null or absent: there are none in this thread. */
  control?(): Control | null;
  /** Absent: a script that takes too long is ended by an error, and nobody gets -BUSY. */
  readonly busy?: BusyHost;
}

/** A script has ended, or its reply comes later. */
export type ScriptOutcome = Promise<LateReply> | undefined;

/** What so few instructions take if they are no large ones: a hundredth of it. */
const slowCheckMs = 1;
/** The level of redis.LOG_WARNING. */
const WARNING = 3;

export const HANDLER = 1;
export const GLOBALS = 2;
const KEYS = 3;
export const ARGV = 4;

export class ScriptMachine {
  readonly number: number;
  readonly lua: Lua;
  protected readonly host: MachineHost;
  protected readonly current: ScriptRun;
  private readonly busy: BusyScript;
  private readonly calls: ScriptCalls;
  private readonly results: ResultWriter;
  private readonly place: ErrorPlace;
  private hasGrown: boolean;
  private checkedMs: number;

  /** `install` adds the library `redis`; `open`, what else is to be protected with the globals. */
  constructor(
    number: number,
    host: MachineHost,
    install: (lua: Lua, host: LibraryHost) => void = installRedis,
    open?: (lua: Lua, tables: ReadOnlyTables) => void,
  ) {
    this.number = number;
    this.host = host;
    this.lua = new Lua(scriptMemoryBytesMax);
    const { lua } = this;
    this.current = new ScriptRun();
    this.busy = new BusyScript(this.current, host.busy);
    const reply = new LuaReply(lua, host.errors);
    this.calls = new ScriptCalls(lua, this.current, reply, () => host.control?.() ?? null);
    this.results = new ResultWriter(
      lua,
      () => this.checkReply(),
      (error, reply) => {
        reply.error(error);
        host.errors.forget(error);
      },
    );
    this.place = new ErrorPlace(lua);
    this.hasGrown = false;
    this.checkedMs = 0;
    const { current, calls, results } = this;
    installLibraries(lua);
    install(lua, { current, calls, results, log: host.log });
    this.layBottom(protectGlobals(lua, open));
    lua.setHook(lua.main, (l) => this.onCount(l), scriptInstructionsPerCheck);
    lua.setSuspender(this);
    lua.onGrowth(() => {
      this.hasGrown = true;
      lua.hookEach(lua.main, 1); // it may grow again before a later one
    });
  }

  private layBottom(globals: number): void {
    const { api, main } = this.lua;
    api.lua_settop(main, 0);
    api.lua_pushcclosure(
      main,
      this.lua.register((l) => this.place.add(l)),
      0,
    );
    api.lua_rawgeti(main, registryIndex, globals);
    this.lua.pushText(main, "KEYS");
    this.lua.pushText(main, "ARGV");
  }

  protected get isForFunctions(): boolean {
    return false;
  }

  // ---- scripts ---------------------------------------------------------------------------------

  /** Compiles a script; the text of the error if that fails, else "". */
  compile(script: Script): string {
    const { api, main } = this.lua;
    const code = script.text.subarray(script.flags.codeStart);
    const isCompiled = this.lua.load(main, code, "@user_script") === status.OK;
    const problem = isCompiled ? "" : this.lua.text(main, -1);
    if (isCompiled) {
      script.reference = api.luaL_ref(main, registryIndex);
      script.vm = this.number;
    }
    api.lua_settop(main, ARGV);
    return problem;
  }

  forget(script: Script): void {
    if (script.vm !== this.number) return;
    this.lua.api.luaL_unref(this.lua.main, registryIndex, script.reference);
    script.vm = 0;
  }

  /** Runs a script of this VM with the keys and arguments of a request. */
  run(
    x: Context,
    script: Runnable,
    request: Request,
    firstKey: number,
    keyCount: number,
    isReadOnly: boolean,
    reply: Reply,
  ): ScriptOutcome {
    const { session } = x;
    this.current.begin(x, script, isReadOnly, monotonicMs());
    this.calls.reply.resp3 = false;
    this.results.begin();
    session.isExecuting = true;
    x.observer.isInScript = true;
    x.standing.script.begin(this.isForFunctions);
    let outcome: number = SUSPENDED;
    try {
      outcome = this.start(script, request, firstKey, keyCount);
      if (outcome !== SUSPENDED) this.finish(outcome, reply);
    } finally {
      if (outcome !== SUSPENDED || !this.lua.isSuspended) this.end();
    }
    return outcome === SUSPENDED ? this.busy.detach(request) : undefined;
  }

  protected start(script: Runnable, request: Request, firstKey: number, keyCount: number): number {
    const { lua } = this;
    const { api, main } = lua;
    const firstArgument = firstKey + keyCount;
    this.setList(KEYS, request, firstKey, firstArgument);
    this.setList(ARGV, request, firstArgument, request.argc);
    api.lua_rawgeti(main, registryIndex, script.reference);
    if (script.mayLoop) return lua.start(main, 0, 1, HANDLER);
    return lua.protectedCall(main, 0, 1, HANDLER);
  }

  /** Replies with what a call has left on the stack. */
  private finish(outcome: number, reply: Reply): void {
    if (outcome === status.OK) this.results.write(this.lua.main, reply);
    else this.writeFailure(this.current.running, reply);
  }

  /** Sets a global to the list of these arguments. */
  private setList(name: number, request: Request, from: number, to: number): void {
    const { api, main } = this.lua;
    api.lua_pushvalue(main, name);
    this.pushList(request, from, to);
    api.lua_rawset(main, GLOBALS);
  }

  protected pushList({ buf, start, end }: Request, from: number, to: number): void {
    const { lua } = this;
    const { api, main } = lua;
    api.lua_createtable(main, to - from, 0);
    for (let i = from; i < to; i++) {
      lua.pushBytes(main, buf, start[i], end[i]);
      api.lua_rawseti(main, -2, i - from + 1);
    }
  }

  // ---- errors ----------------------------------------------------------------------------------

  private writeFailure(script: Runnable, reply: Reply): void {
    const { lua } = this;
    const { api, main } = lua;
    if (lua.isBroken) return reply.error(failure(script, "the VM has failed"));
    if (api.lua_type(main, -1) !== type.TABLE) {
      return reply.error(failure(script, lua.text(main, -1) || "execution failure"));
    }
    const { text, isCounted } = this.place.read(main, script.sha);
    const error = errorOf(text);
    reply.error(error);
    if (isCounted) this.host.errors.forget(error);
  }

  /** Called by the hook, and by functions of ours that work for long: whether to serve others. */
  protected onCount(l: number): boolean {
    const { current, lua } = this;
    if (current.x === null) return false;
    const now = monotonicMs();
    current.wasChecked = true;
    if (current.endedBy === "") current.endedBy = this.reasonToEnd(now);
    if (current.endedBy === "") {
      this.adapt(l, now);
      return current.isBusy && now - current.servedMs >= busySliceMs;
    }
    // At each instruction from now on, or pcall() would hide it.
    lua.hookEach(l, 1);
    lua.hookEach(lua.main, 1);
    raise(lua, l, current.endedBy);
  }

  /** Looks more often while single instructions take long, as those on large strings do. */
  private adapt(l: number, now: number): void {
    if (!this.hasGrown) return;
    const passedMs = now - this.checkedMs;
    const isSlow = passedMs > slowCheckMs || this.lua.heldBytes > largeHeldBytes;
    this.checkedMs = now;
    const usual = isSlow ? scriptInstructionsPerCheckGrown : scriptInstructionsPerCheck;
    this.lua.hookEach(l, passedMs > busySliceMs ? 1 : usual);
  }

  /** A part of the reply is written, so the connection must end. */
  private checkReply(): void {
    const mostMs = this.host.timeLimitMs() * scriptWriteGrace;
    if (mostMs === 0 || monotonicMs() - this.current.servedMs < mostMs) return;
    throw new OutputLimitError("a reply of a script that has no end");
  }

  private reasonToEnd(now: number): string {
    const { current, host } = this;
    const { script } = current.context.standing;
    if (script.isKilled) return "Script killed by user with SCRIPT KILL...";
    if (script.mustEnd) return "Script ended: the node shuts down";
    const limitMs = host.timeLimitMs();
    if (limitMs === 0 || now - current.startedMs < limitMs) return "";
    if (current.isSuspendable && host.busy !== undefined) {
      if (!current.isBusy) this.becomeBusy(host.busy, now);
      return this.reasonToEndBusy(now, limitMs);
    }
    const mostMs = current.hasWritten ? limitMs * scriptWriteGrace : limitMs;
    if (now - current.startedMs < mostMs) return "";
    return `Script ended: it ran longer than busy-reply-threshold allows (${mostMs} ms)`;
  }

  /** Nobody has killed it, or it is where it cannot be suspended. */
  private reasonToEndBusy(now: number, limitMs: number): string {
    const { startedMs, stuckMs } = this.current;
    const mostMs = limitMs + busyScriptMsMax;
    if (now - startedMs >= mostMs) return `Script ended: it ran longer than ${mostMs} ms`;
    if (stuckMs === 0 || now - stuckMs < heldMsMax) return "";
    return "Script ended: it ran for too long within one function";
  }

  // ---- long scripts ----------------------------------------------------------------------------

  private becomeBusy(busy: BusyHost, now: number): void {
    const { current, host } = this;
    current.isBusy = true;
    busy.setBusy(true);
    const way = this.isForFunctions ? "FUNCTION KILL" : "SCRIPT KILL";
    const ms = Math.floor(now - current.startedMs);
    const what = `Slow script detected: still in execution after ${ms} milliseconds. `;
    const advice = `You can try killing the script using the ${way} command. `;
    host.log(WARNING, `${what}${advice}Script name is: ${current.running.sha}.`);
  }

  suspend(): Promise<void> {
    this.busy.leave();
    return new Promise((resolve) => setImmediate(resolve));
  }

  resumed(hasFailed: boolean): void {
    this.busy.enter();
    const { current } = this;
    current.servedMs = monotonicMs();
    if (!hasFailed) current.stuckMs = 0;
    else if (current.stuckMs === 0) current.stuckMs = current.servedMs;
  }

  held(): void {
    const { current } = this;
    if (current.stuckMs === 0) current.stuckMs = monotonicMs();
  }

  ended(outcome: number, thrown: unknown): void {
    this.busy.end((reply) => {
      try {
        if (thrown !== null) throw thrown;
        this.finish(outcome, reply);
      } finally {
        this.end();
      }
    });
  }

  failed(error: unknown): void {
    this.busy.fail(error);
  }

  // ---- afterwards ------------------------------------------------------------------------------

  private end(): void {
    const { current, host } = this;
    const x = current.context;
    const { session } = x;
    if (current.isBusy) host.busy?.setBusy(false);
    x.standing.script.end();
    if (current.wasChecked && monotonicMs() - current.startedMs > longTurnMs) {
      x.standing.script.tookLong();
    }
    session.isExecuting = current.wasExecuting;
    x.observer.isInScript = false;
    if (current.hasGroup) x.effects.close();
    if (session.database !== current.database) {
      session.database = current.database;
      x.keyspace.select(session.database);
    }
    this.tidy();
  }

  private tidy(): void {
    const { lua, current } = this;
    this.calls.shrink();
    if (current.endedBy !== "" || this.hasGrown) {
      lua.hookEach(lua.main, scriptInstructionsPerCheck);
      this.hasGrown = false;
    }
    current.end();
    if (!lua.isBroken) lua.api.lua_settop(lua.main, ARGV);
  }

  /** The script that is suspended, if any. */
  get suspended(): RunningScript | null {
    const { current, busy } = this;
    if (busy.request === null) return null;
    const { sha: name } = current.running;
    return { name, request: busy.request, ms: monotonicMs() - current.startedMs };
  }

  /** Whether the next script needs another VM. */
  get isSpent(): boolean {
    return this.lua.isBroken || this.lua.heldBytes > scriptMemoryKeptBytes;
  }
}

function failure(script: Runnable, text: string) {
  return errorReply(`Error running script ${script.sha}, ${text.slice(0, 100)}`);
}
