// The VM that runs the functions of a node: loads the code of a library, and calls what it has
// registered with its keys and arguments. It is another VM than that of scripts, as in Redis.
// Invariant: after a load that failed, nothing that it has registered is referred to.

import { monotonicMs } from "../../base/clock.ts";
import {
  libraryLoadMsMax,
  libraryPauseMsMax,
  scriptInstructionsPerCheck,
} from "../../base/limits.ts";
import { registryIndex, status, type } from "../../lua/exports.ts";
import type { Request } from "../../protocol/request.ts";
import type { Runnable } from "../core/script-record.ts";
import { ARGV, GLOBALS, HANDLER, type MachineHost, ScriptMachine } from "../script/vm/machine.ts";
import { installRedisForFunctions, raise } from "../script/vm/redis-library.ts";
import { type Registered, Registration } from "./registration.ts";

export class FunctionMachine extends ScriptMachine {
  private readonly registration: Registration;
  /** What the load that runs has taken, and when that was last looked at. */
  private loadMs: number;
  private lookedMs: number;

  constructor(number: number, host: MachineHost) {
    const registration = new Registration();
    super(number, host, installRedisForFunctions, (lua, tables) =>
      registration.open(lua, tables, host),
    );
    this.registration = registration;
    this.loadMs = 0;
    this.lookedMs = 0;
  }

  protected override get isForFunctions(): boolean {
    return true;
  }

  // ---- libraries -------------------------------------------------------------------------------

  /** Runs the code of a library. Returns what it has registered, or the text of an error. */
  load(code: Uint8Array): ReadonlyMap<string, Registered> | string {
    const { lua, registration } = this;
    registration.begin(lua);
    const problem = this.runCode(code);
    if (lua.isBroken) return problem;
    const found = registration.end(lua, GLOBALS);
    lua.hookEach(lua.main, scriptInstructionsPerCheck);
    if (problem === "") return found;
    for (const { reference } of found.values()) this.drop(reference);
    return problem;
  }

  private runCode(code: Uint8Array): string {
    const { lua } = this;
    const { api, main } = lua;
    if (lua.load(main, code, "@user_function") !== status.OK) {
      return `Error compiling function: ${this.takenError("")}`;
    }
    this.loadMs = 0;
    this.lookedMs = monotonicMs();
    if (lua.protectedCall(main, 0, 0, 0) === status.OK) {
      api.lua_settop(main, ARGV);
      return "";
    }
    if (lua.isBroken) return "Error registering functions: the VM has failed";
    return `Error registering functions: ${this.takenError("ERR ")}`;
  }

  /** The text of the error on the top, which is taken off; `code` precedes one that has none. */
  private takenError(code: string): string {
    const { lua } = this;
    const { api, main } = lua;
    let text = code + lua.text(main, -1);
    if (api.lua_type(main, -1) === type.TABLE) {
      lua.pushText(main, "err");
      api.lua_rawget(main, -2);
      text = lua.text(main, -1) || "ERR unknown error";
    }
    api.lua_settop(main, ARGV);
    return text;
  }

  drop(reference: number): void {
    this.lua.api.luaL_unref(this.lua.main, registryIndex, reference);
  }

  protected override onCount(l: number): boolean {
    const { lua } = this;
    if (!this.registration.isOpen) return super.onCount(l);
    const now = monotonicMs();
    this.loadMs += Math.min(now - this.lookedMs, libraryPauseMsMax);
    this.lookedMs = now;
    if (this.loadMs < libraryLoadMsMax) return false;
    lua.hookEach(lua.main, 1);
    raise(lua, l, "FUNCTION LOAD timeout");
  }

  // ---- calls -----------------------------------------------------------------------------------

  protected override start(
    called: Runnable,
    request: Request,
    firstKey: number,
    keyCount: number,
  ): number {
    const { lua } = this;
    const { api, main } = lua;
    const firstArgument = firstKey + keyCount;
    api.lua_rawgeti(main, registryIndex, called.reference);
    this.pushList(request, firstKey, firstArgument);
    this.pushList(request, firstArgument, request.argc);
    return lua.start(main, 2, 1, HANDLER);
  }
}
