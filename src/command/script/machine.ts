// The VM that runs the scripts of a node: made at the first one, replaced when it is in doubt. Its
// stack has four values at the bottom, always: the handler of errors, the table of globals, and the
// names KEYS and ARGV.
// Invariant: after a script nothing of it is on the stack, and the session, the group of effects
// and the hook are as before it.
// Hot path: run(): no allocation beyond what Lua needs.

import { monotonicMs } from "../../base/clock.ts";
import { errorReply } from "../../base/errors.ts";
import {
  scriptInstructionsPerCheck,
  scriptInstructionsPerCheckGrown,
  scriptMemoryBytesMax,
  scriptMemoryKeptBytes,
  scriptWriteGrace,
} from "../../base/limits.ts";
import { OutputLimitError } from "../../base/output.ts";
import { registryIndex, status, type } from "../../lua/exports.ts";
import { installLibraries } from "../../lua/libraries.ts";
import { Lua } from "../../lua/lua.ts";
import type { ReadOnlyTables } from "../../lua/read-only.ts";
import { protectGlobals } from "../../lua/sandbox.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ErrorCounts } from "../core/command-statistics.ts";
import type { Context } from "../core/context.ts";
import { ScriptCalls } from "./call.ts";
import { ErrorPlace } from "./error-place.ts";
import { LuaReply } from "./lua-reply.ts";
import { installRedis, type LibraryHost, raise } from "./redis-library.ts";
import { errorOf, ResultWriter } from "./result.ts";
import type { Runnable, Script } from "./script-cache.ts";
import { ScriptRun } from "./script-run.ts";

/** What a machine needs of the node. */
export interface MachineHost {
  readonly errors: ErrorCounts;
  /** Milliseconds after which a script is ended; 0: never. */
  timeLimitMs(): number;
  log(level: number, text: string): void;
}

/** What so few instructions take if they are no large ones: a hundredth of it. */
const slowCheckMs = 1;

export const HANDLER = 1;
export const GLOBALS = 2;
const KEYS = 3;
export const ARGV = 4;

export class ScriptMachine {
  readonly number: number;
  readonly lua: Lua;
  protected readonly host: MachineHost;
  protected readonly current: ScriptRun;
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
    this.calls = new ScriptCalls(lua, this.current, new LuaReply(lua, host.errors));
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
    lua.onGrowth(() => {
      this.hasGrown = true;
      lua.hookEach(lua.main, scriptInstructionsPerCheckGrown);
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
  ): void {
    const { session } = x;
    const { database, isExecuting } = session;
    this.current.begin(x, script, isReadOnly, monotonicMs());
    this.calls.reply.resp3 = false;
    this.results.begin();
    session.isExecuting = true;
    x.observer.isInScript = true;
    x.standing.script.begin(this.isForFunctions);
    try {
      this.execute(script, request, firstKey, keyCount, reply);
    } finally {
      x.standing.script.end();
      session.isExecuting = isExecuting;
      x.observer.isInScript = false;
      if (this.current.hasGroup) x.effects.close();
      if (session.database !== database) {
        session.database = database;
        x.keyspace.select(database);
      }
      this.tidy();
    }
  }

  protected execute(
    script: Runnable,
    request: Request,
    firstKey: number,
    keyCount: number,
    reply: Reply,
  ): void {
    const { lua } = this;
    const { api, main } = lua;
    const firstArgument = firstKey + keyCount;
    this.setList(KEYS, request, firstKey, firstArgument);
    this.setList(ARGV, request, firstArgument, request.argc);
    api.lua_rawgeti(main, registryIndex, script.reference);
    this.finish(script, lua.protectedCall(main, 0, 1, HANDLER), reply);
  }

  /** Replies with what a call has left on the stack. */
  protected finish(script: Runnable, outcome: number, reply: Reply): void {
    if (outcome === status.OK) this.results.write(this.lua.main, reply);
    else this.writeFailure(script, reply);
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

  /** Called by the hook, and by functions of ours that work for long. */
  protected onCount(l: number): void {
    const { current, lua } = this;
    if (current.x === null) return;
    if (current.endedBy === "") current.endedBy = this.reasonToEnd();
    if (current.endedBy === "") return this.adapt(l);
    // At each instruction from now on, or pcall() would hide it.
    lua.hookEach(l, 1);
    lua.hookEach(lua.main, 1);
    raise(lua, l, current.endedBy);
  }

  /** Looks more often while single instructions take long, as those on large strings do. */
  private adapt(l: number): void {
    if (!this.hasGrown) return;
    const now = monotonicMs();
    const isSlow = now - this.checkedMs > slowCheckMs;
    this.checkedMs = now;
    this.lua.hookEach(l, isSlow ? scriptInstructionsPerCheckGrown : scriptInstructionsPerCheck);
  }

  /** A part of the reply is written, so the connection must end. */
  private checkReply(): void {
    const mostMs = this.host.timeLimitMs() * scriptWriteGrace;
    if (mostMs === 0 || monotonicMs() - this.current.startedMs < mostMs) return;
    throw new OutputLimitError("a reply of a script that has no end");
  }

  private reasonToEnd(): string {
    const { current, host } = this;
    if (current.context.standing.script.isKilled)
      return "Script killed by user with SCRIPT KILL...";
    const limitMs = host.timeLimitMs();
    if (limitMs === 0) return "";
    const mostMs = current.hasWritten ? limitMs * scriptWriteGrace : limitMs;
    if (monotonicMs() - current.startedMs < mostMs) return "";
    return `Script ended: it ran longer than busy-reply-threshold allows (${mostMs} ms)`;
  }

  // ---- afterwards ------------------------------------------------------------------------------

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

  /** Whether the next script needs another VM. */
  get isSpent(): boolean {
    return this.lua.isBroken || this.lua.heldBytes > scriptMemoryKeptBytes;
  }
}

function failure(script: Runnable, text: string) {
  return errorReply(`Error running script ${script.sha}, ${text.slice(0, 100)}`);
}
