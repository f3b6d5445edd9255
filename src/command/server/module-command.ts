// MODULE: tools list the modules before they use their commands, and there are none. Loading one is
// refused with the first words of redis 7.0's refusal.

import { errorReply } from "../../base/errors.ts";
import type { Handler } from "../core/context.ts";
import { family } from "../core/family.ts";
import { helpRow } from "../core/subcommand-help.ts";
import { flag } from "../terms/flags.ts";

const { ADMIN, NO_SCRIPT, NO_ASYNC_LOADING } = flag;

const notAllowed = errorReply("MODULE command not allowed. MSCache loads no modules.");
const refuse: Handler = (_x, _request, reply) => reply.error(notAllowed);

const subcommands = family({ group: "server", since: "4.0.0", flags: ADMIN | NO_SCRIPT }, [
  {
    name: "module|list",
    arity: 2,
    complexity: "O(N) where N is the number of loaded modules.",
    summary: "Lists the modules: none.",
    handler: (_x, _request, reply) => reply.array(0),
  },
  {
    name: "module|load",
    arity: -3,
    syntax: "path [arg...]",
    flags: ADMIN | NO_SCRIPT | NO_ASYNC_LOADING,
    summary: "Refused: there are no modules.",
    differs: "Always refused: MSCache loads no modules.",
    handler: refuse,
  },
  {
    name: "module|unload",
    arity: 3,
    syntax: "name",
    flags: ADMIN | NO_SCRIPT | NO_ASYNC_LOADING,
    summary: "Refused: there are no modules.",
    differs: "Always refused: there are no modules.",
    handler: refuse,
  },
  helpRow("module", "server", "5.0.0", [
    "LIST",
    "    Return a list of loaded modules.",
    "LOAD <path> [<arg> ...]",
    "    Refused: MSCache loads no modules.",
    "UNLOAD <name>",
    "    Refused: MSCache loads no modules.",
  ]),
]);

export const moduleCommands = family({ group: "server", since: "4.0.0" }, [
  {
    name: "module",
    arity: -2,
    flags: 0,
    complexity: "Depends on subcommand.",
    summary: "A container for module commands.",
    differs: "No LOADEX.",
    handler: () => undefined,
    subcommands,
  },
]);
