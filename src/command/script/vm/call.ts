// redis.call() and redis.pcall(): runs a command for a script, through the checks of redis 7.0
// `script.c` (scriptCall) and the handler that clients' commands have. The locks of all shards are
// held. The reply goes to the stack of Lua (lua-reply.ts).
// Invariant: the effects of a script are one group of the journal, opened before its first write.
// Hot path: no allocation for commands that succeed.

import { latin1Bytes } from "../../../base/bytes.ts";
import type { Lua } from "../../../lua/lua.ts";
import type { Request } from "../../../protocol/request.ts";
import type { Command } from "../../core/command.ts";
import type { Context, ControlContext } from "../../core/context.ts";
import type { Control } from "../../core/node.ts";
import { find } from "../../core/registry.ts";
import { restriction } from "../../run/gate.ts";
import { makeRoom } from "../../run/make-room.ts";
import { run } from "../../run/run-handler.ts";
import { flag } from "../../terms/flags.ts";
import { type LuaReply, pushError, pushUncountedError } from "./lua-reply.ts";
import { ScriptArguments } from "./script-arguments.ts";
import type { ScriptRun } from "./script-run.ts";

const changes = flag.WRITE | flag.MAY_REPLICATE;

const noArguments = latin1Bytes("ERR Please specify at least one argument for this redis lib call");
const notText = latin1Bytes("ERR Lua redis lib command arguments must be strings or integers");
const unknown = latin1Bytes("ERR Unknown Redis command called from script");
const wrongCount = latin1Bytes("ERR Wrong number of args calling Redis command from script");
const notAllowed = latin1Bytes("ERR This Redis command is not allowed from script");
/** For a fault of called-commands.ts. */
const hiddenName = latin1Bytes(
  "ERR With several data threads, a script must call this command by its plain name",
);
const stale = latin1Bytes("ERR Can not execute the command on a stale replica");
const readOnly = latin1Bytes("ERR Write commands are not allowed from read-only scripts.");
const fullMemory = latin1Bytes("OOM command not allowed when used memory > 'maxmemory'.");
const fewFollowers = latin1Bytes("NOREPLICAS Not enough good replicas to write.");

/** A call with more counts as work, by its arguments, in steps of Lua.spend() (measured). */
const usualArguments = 64;
const stepsOfArgument = 150;

/** A refusal; null: the command may run. */
type Refusal = Uint8Array | null;

export class ScriptCalls {
  readonly reply: LuaReply;
  private readonly lua: Lua;
  private readonly current: ScriptRun;
  private readonly arguments: ScriptArguments;
  private readonly control: () => Control | null;

  constructor(lua: Lua, current: ScriptRun, reply: LuaReply, control: () => Control | null) {
    this.lua = lua;
    this.current = current;
    this.reply = reply;
    this.arguments = new ScriptArguments();
    this.control = control;
  }

  /** Pushes one value: the reply, or an error as a table. `raises`: an error is raised instead. */
  call(l: number, raises: boolean): number {
    const { lua, reply } = this;
    const count = lua.api.lua_gettop(l);
    if (count === 0) return this.misuse(l, noArguments, raises);
    if (count > usualArguments) lua.spend(l, count * stepsOfArgument);
    if (!this.arguments.read(lua, l, count)) return this.misuse(l, notText, raises);
    const { request } = this.arguments;
    const command = find(request);
    if (command === undefined) return this.fail(l, unknown, raises);
    const x = this.current.context;
    const refusal = this.refusal(x, command, request);
    if (refusal !== null) {
      x.statistics.rejected[command.id]++;
      return this.fail(l, refusal, raises);
    }
    reply.start(l);
    x.store.forget(); // the last request was in the same bytes
    if ((command.flags & flag.CONTROL) === 0) run(x, command, request, reply);
    else run({ ...x, control: this.control() } as ControlContext, command, request, reply);
    if (reply.isError && raises) lua.raise(l);
    return 1;
  }

  private fail(l: number, text: Uint8Array, raises: boolean): number {
    pushError(this.lua, l, text);
    this.current.context.statistics.errors.note(callError);
    if (raises) this.lua.raise(l);
    return 1;
  }

  /** What is no command at all counts when it is the script's reply. */
  private misuse(l: number, text: Uint8Array, raises: boolean): number {
    pushUncountedError(this.lua, l, text);
    if (raises) this.lua.raise(l);
    return 1;
  }

  /** After a script. */
  shrink(): void {
    this.arguments.shrink();
  }

  // ---- whether it may run: the order of the checks is Redis's ----------------------------------

  private refusal(x: Context, command: Command, request: Request): Refusal {
    const { flags } = command;
    if (!command.accepts(request.argc)) return wrongCount;
    if ((flags & flag.NO_SCRIPT) !== 0) return notAllowed;
    // Some commands that act on the node would have to wait for other threads.
    if ((flags & flag.CONTROL) !== 0 && !command.answersScripts) return notAllowed;
    if ((flags & flag.GLOBAL) !== 0 && !("channels" in x)) return hiddenName;
    if ((flags & flag.CONTROL) !== 0 && this.control() === null) return hiddenName;
    const { restrictions } = x.standing;
    if ((restrictions & restriction.STALE) !== 0 && (flags & flag.STALE) === 0) return stale;
    const denied = x.session.isTrusted ? null : denial(x, command, request);
    if (denied !== null) return denied;
    if ((flags & changes) === 0) return null;
    return this.refusalOfWrite(x, command, request);
  }

  private refusalOfWrite(x: Context, command: Command, request: Request): Refusal {
    const { current } = this;
    const { flags } = command;
    if (current.isReadOnly) return readOnly;
    if (!current.hasWritten && (flags & flag.WRITE) !== 0) {
      const { restrictions, writeRefusal } = x.standing;
      if ((restrictions & restriction.FOLLOWER) !== 0) return errorText(writeRefusal);
      if ((restrictions & restriction.FEW_FOLLOWERS) !== 0) return fewFollowers;
    }
    if ((flags & flag.DENY_OOM) !== 0 && !makeRoom(x, command, request)) {
      if (!current.hasWritten && !current.allowsOom) return fullMemory;
    }
    if (!current.hasGroup) {
      current.hasGroup = true;
      x.effects.open();
    }
    if ((flags & flag.WRITE) !== 0 && !current.hasWritten) {
      current.hasWritten = x.standing.script.wrote();
    }
    return null;
  }
}

function denial({ session, standing, now }: Context, command: Command, request: Request): Refusal {
  const refusal = standing.access.refusal(session, command, request, now, "in a script");
  return refusal === null ? null : errorText(refusal);
}

/** The line of an error without its dash and its end. */
function errorText({ bytes }: { readonly bytes: Uint8Array }): Uint8Array {
  return bytes.subarray(1, bytes.length - 2);
}

/** How errorstats counts a call that is refused. */
const callError = { code: "ERR" } as const;
