// A script of a client: EVALSHA with the digest of its text, and EVAL where the node does not have
// it yet. Nodes forget scripts when they restart, so each call is prepared for that.
// Invariant: a script that has begun to run is not sent again.

import { inspected, shownAs } from "../../base/inspected.ts";
import { checkBag, checkFlag, keysFault, type Names, wrongKind } from "../arguments.ts";
import { InvalidArgumentError, ServerError } from "../client-errors.ts";
import type { Requester } from "../routing/request-scope.ts";
import type { Shape } from "../wire/client-request.ts";
import { anyBytes, anyReply, callOf } from "./command-call.ts";
import type { CommandArgument, CommandReply, Key } from "./command-values.ts";

/** Options of a call of a script. */
export interface ScriptOptions<Bytes extends boolean = boolean> {
  /** Whether values of the result are bytes. Default false: strings. */
  bytes?: Bytes | undefined;
}

const scriptNames: Names<ScriptOptions> = { bytes: true };

/**
 * A Lua script that nodes keep by its digest. Client.script() makes it.
 *
 * @example
 * const add = client.script("return redis.call('INCRBY', KEYS[1], ARGV[1])");
 * const sum = await add.run(["points"], [10]);
 */
export class Script {
  /** The SHA-1 digest of the text, in hexadecimal. */
  readonly sha1: string;
  /** The text. */
  readonly text: string;
  private readonly router: Requester;

  /** @internal Use client.script(). */
  constructor(router: Requester, text: string) {
    this.router = router;
    this.text = text;
    // What is no text makes each call reject, as no method of a client throws.
    this.sha1 = new Bun.CryptoHasher("sha1").update(String(text)).digest("hex");
  }

  /** @internal What console.log() shows: no password, and nothing of what is inside. */
  [inspected](): string {
    return shownAs("Script", { sha1: this.sha1 });
  }

  /**
   * Runs it on the leader with these KEYS and ARGV. Resolves with what it returns.
   *
   * Rejects with ServerError if the script fails, whatever it has written until then.
   *
   * @example const left = await limiter.run(["limit:1"], [10, 60_000]);
   */
  run(
    keys?: readonly Key[],
    args?: readonly CommandArgument[],
    options?: ScriptOptions,
  ): Promise<CommandReply> {
    return this.call("EVALSHA", "EVAL", { keys, args, options });
  }

  /**
   * Runs it where reads go; it may only read.
   *
   * @example const total = await sum.runReadOnly(["a", "b"]);
   */
  runReadOnly(
    keys?: readonly Key[],
    args?: readonly CommandArgument[],
    options?: ScriptOptions,
  ): Promise<CommandReply> {
    return this.call("EVALSHA_RO", "EVAL_RO", { keys, args, options });
  }

  private async call(known: string, whole: string, given: Given): Promise<CommandReply> {
    const { keys = [], args = [], options = {} } = given;
    if (typeof this.text !== "string") throw wrongKind("text", "a string", this.text);
    const fault = keysFault(keys);
    if (fault !== null) throw fault;
    if (!Array.isArray(args)) throw wrongKind("args", "an array", args);
    checkBag("options", options, scriptNames);
    checkFlag("bytes", options.bytes);
    const shape = options.bytes === true ? anyBytes : anyReply;
    const rest = [keys.length, ...keys, ...args];
    try {
      return await this.send(known, [this.sha1, ...rest], shape);
    } catch (cause) {
      if (!isUnknownScript(cause)) throw cause;
      return await this.send(whole, [this.text, ...rest], shape);
    }
  }

  private send(
    name: string,
    args: readonly CommandArgument[],
    shape: Shape<CommandReply>,
  ): Promise<CommandReply> {
    const call = callOf(name, args);
    if (call instanceof InvalidArgumentError) return Promise.reject(call);
    return call.isRead ? this.router.read(call.words, shape) : this.router.write(call.words, shape);
  }
}

// --- internal ---

interface Given {
  readonly keys: readonly Key[] | undefined;
  readonly args: readonly CommandArgument[] | undefined;
  readonly options: ScriptOptions | undefined;
}

/** The node's own words: a script may return an error with this code, after it has written. */
function isUnknownScript(cause: unknown): boolean {
  return cause instanceof ServerError && cause.message.startsWith("NOSCRIPT No matching script");
}
