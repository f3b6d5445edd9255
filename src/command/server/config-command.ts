// CONFIG GET, SET, REWRITE, RESETSTAT. A setting has Redis's name if Redis has one, otherwise our
// own. Replies and error texts are those of redis 7.0 `config.c`.

import { isUtf8 } from "node:buffer";
import { type ErrorReply, errorReply, syntaxError } from "../../base/errors.ts";
import { textBytesMax } from "../../base/limits.ts";
import { allSettings } from "../../config/config.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { helpRow } from "../core/subcommand-help.ts";
import { flag } from "../terms/flags.ts";

const flags = flag.ADMIN | flag.NO_SCRIPT | flag.LOADING | flag.STALE;
const perSetting = "O(N) where N is the number of settings";

const subcommands = family({ group: "server", since: "2.0.0", flags }, [
  {
    name: "config|get",
    arity: -3,
    syntax: "parameter=(parameter)...",
    complexity: perSetting,
    summary: "Returns the values of settings.",
    differs:
      "Settings that Redis does not have are named after their flags; those that MSCache does not " +
      "have are absent.",
    control: get,
  },
  {
    name: "config|set",
    arity: -4,
    syntax: "parameter_value=(parameter value)...",
    complexity: perSetting,
    summary: "Changes settings.",
    differs:
      "A value that this node cannot keep is refused with the reason, as are settings that " +
      "MSCache does not have.",
    hides: hidesValue,
    control: set,
  },
  {
    name: "config|rewrite",
    arity: 2,
    since: "2.8.0",
    complexity: "O(N) where N is the size of the file",
    summary: "Writes the changed settings to the configuration file.",
    control: rewrite,
  },
  {
    name: "config|resetstat",
    arity: 2,
    summary: "Resets the statistics that INFO reports.",
    control: resetStatistics,
  },
  helpRow("config", "server", "5.0.0", [
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "REWRITE",
    "    Rewrite the configuration file.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
  ]),
]);

export const configCommands = family({ group: "server", since: "2.0.0" }, [
  {
    name: "config",
    arity: -2,
    flags: 0,
    complexity: "Depends on subcommand.",
    summary: "A container for configuration commands.",
    handler: () => undefined,
    subcommands,
  },
]);

function get(x: ControlContext, request: Request, reply: Reply): void {
  const patterns: string[] = [];
  // A longer argument cannot match the name of a setting.
  for (let i = 2; i < request.argc; i++) if (!request.isLong(i)) patterns.push(request.text(i));
  const found = x.control.configuration.get(patterns);
  reply.map(found.length);
  for (const [name, value] of found) {
    reply.text(name);
    reply.text(value);
  }
}

function set(x: ControlContext, request: Request, reply: Reply): void | Promise<void> {
  if (request.argc % 2 !== 0) return reply.error(syntaxError);
  const pairs: [string, string][] = [];
  for (let i = 2; i < request.argc; i += 2) {
    const reason = refusal(request, i + 1);
    if (reason !== null) return reply.error(unfit(request.echo(i), reason));
    pairs.push([request.text(i), request.text(i + 1)]);
  }
  const answer = (problem: ErrorReply | null) =>
    problem === null ? reply.ok() : reply.error(problem);
  const problem = x.control.configuration.set(pairs);
  return problem instanceof Promise ? problem.then(answer) : answer(problem);
}

const openNames: ReadonlySet<string> = new Set(
  allSettings.flatMap(({ name, isSecret }) => (isSecret ? [] : name)),
);

/** The value after the name of a secret, or after no name: one of a secret may be mistyped. */
function hidesValue(request: Request, index: number, name: number): boolean {
  const isValue = index > name + 2 && (index - name) % 2 !== 0;
  return isValue && !openNames.has(request.text(index - 1).toLowerCase());
}

/** Why a value cannot be kept, or null. A password of other bytes would become another one. */
function refusal(request: Request, index: number): string | null {
  if (request.isLong(index)) return `a value is at most ${textBytesMax} bytes`;
  return isUtf8(request.bytes(index)) ? null : "a value is text in UTF-8";
}

function unfit(name: string, reason: string): ErrorReply {
  return errorReply(`CONFIG SET failed (possibly related to argument '${name}') - ${reason}`);
}

function rewrite(x: ControlContext, _request: Request, reply: Reply): void {
  const problem = x.control.configuration.rewrite();
  if (problem === null) reply.ok();
  else reply.error(problem);
}

function resetStatistics(x: ControlContext, _request: Request, reply: Reply): void {
  x.control.information.resetStatistics();
  reply.ok();
}
