// SCRIPT KILL, which Redis Sentinel sends to a server that replies BUSY. Scripts are not supported,
// so it always replies that none is running. The text is that of redis 7.0 `script.c`.

import { ErrorReply } from "../../base/errors.ts";
import { family } from "../core/family.ts";
import { flag } from "../core/flags.ts";
import { helpRow } from "../core/subcommand-help.ts";

const notBusy = new ErrorReply("NOTBUSY", "No scripts in execution right now.");

export const scriptCommands = family({ group: "scripting", since: "2.6.0" }, [
  {
    name: "script",
    arity: -2,
    flags: 0,
    categories: ["@slow"],
    complexity: "Depends on subcommand.",
    summary: "A container for script commands; scripts are not supported.",
    differs: "No EXISTS, LOAD, FLUSH and DEBUG: there are no scripts.",
    handler: () => undefined,
    subcommands: family({ group: "scripting" }, [
      {
        name: "script|kill",
        arity: 2,
        flags: flag.NO_SCRIPT | flag.ALLOW_BUSY,
        since: "2.6.0",
        summary: "Replies with an error, as no script can be running.",
        differs: "Always replies that no script is running.",
        handler: (_x, _request, reply) => reply.error(notBusy),
      },
      helpRow("script", "scripting", "5.0.0", [
        "KILL",
        "    Kill the currently executing Lua script.",
      ]),
    ]),
  },
]);
