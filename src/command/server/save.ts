// SAVE, BGSAVE and LASTSAVE. Other commands run during both kinds of save; the connection of SAVE
// waits for the result, that of BGSAVE does not. Replies and error texts are those of redis 7.0
// `rdb.c`, except that a failed SAVE says why.

import { errorReply, syntaxError } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { argumentIs } from "../core/words.ts";
import { flag } from "../terms/flags.ts";

const { ADMIN, NO_SCRIPT, NO_ASYNC_LOADING, NO_MULTI, LOADING, STALE, FAST } = flag;

export const persistenceCommands = family({ group: "server", since: "1.0.0" }, [
  {
    name: "save",
    arity: 1,
    flags: ADMIN | NO_SCRIPT | NO_ASYNC_LOADING | NO_MULTI,
    complexity: "O(N) where N is the number of items",
    summary: "Saves a snapshot and replies when it is on disk.",
    differs: "Other commands run meanwhile; a failed one says why.",
    control: save,
  },
  {
    name: "bgsave",
    arity: -1,
    syntax: "[SCHEDULE@3.2.2]",
    flags: ADMIN | NO_SCRIPT | NO_ASYNC_LOADING,
    summary: "Starts saving a snapshot in the background.",
    differs: "SCHEDULE changes nothing: there is no rewrite of an append-only file to wait for.",
    control: saveInBackground,
  },
  {
    name: "lastsave",
    arity: 1,
    flags: LOADING | STALE | FAST,
    categories: ["@admin", "@fast", "@dangerous"],
    summary: "Returns the Unix time of the last successful save, in seconds.",
    control: lastSave,
    inScript: lastSave,
  },
]);

const saveInProgress = errorReply("Background save already in progress");

async function save(x: ControlContext, _request: Request, reply: Reply): Promise<void> {
  const { snapshots } = x.control;
  if (snapshots.isSaving) return reply.error(saveInProgress);
  const problem = await snapshots.save();
  if (problem === null) reply.ok();
  else reply.error(problem);
}

/** In Redis, SCHEDULE delays the save until an AOF rewrite has ended. There is no AOF here. */
function saveInBackground(x: ControlContext, request: Request, reply: Reply): void {
  const isPlain = request.argc === 1 || (request.argc === 2 && argumentIs(request, 1, "SCHEDULE"));
  if (!isPlain) return reply.error(syntaxError);
  const { snapshots } = x.control;
  if (snapshots.isSaving) return reply.error(saveInProgress);
  const problem = snapshots.saveInBackground();
  if (problem === null) reply.simple("Background saving started");
  else reply.error(problem);
}

function lastSave(x: ControlContext, _request: Request, reply: Reply): void {
  reply.integer(Math.floor(x.control.snapshots.lastSavedAtMs / 1000));
}
