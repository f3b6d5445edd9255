// The scripts and functions of one thread, and what they ask of the node around them: its control,
// its time limit, its log, and what BUSY means. It runs none of them (command/script/).

import type { Logger } from "../../base/log.ts";
import type { Control } from "../../command/core/node.ts";
import { Libraries } from "../../command/function/node-libraries.ts";
import { Scripts } from "../../command/script/scripts.ts";
import type { Session } from "../../command/terms/session.ts";
import type { ErrorSink } from "../../protocol/reply.ts";
import type { Attached } from "../shared/shared-memory.ts";
import { LateReplies } from "./late-replies.ts";

/** Where redis.LOG_DEBUG, LOG_VERBOSE, LOG_NOTICE and LOG_WARNING go. */
const levelsOfScripts = ["debug", "debug", "info", "warn"] as const;

/** The scripts as one thread knows them; the control thread owns them. */
export function makeScripts(attached: Attached, log: Logger, control: AskedControl): Scripts {
  const { statistics, sharedScripts: shared } = attached;
  const host = machineHost(attached, log, control);
  return new Scripts(statistics.errors, { ...{ shared, isOwner: control !== null }, ...host });
}

/** The libraries of functions, which the control thread has. */
export function makeLibraries(attached: Attached, log: Logger, control: AskedControl): Libraries {
  return new Libraries(attached.statistics.errors, machineHost(attached, log, control));
}

/** What scripts ask of the node, from when its parts are there; null: not in this thread. */
export type AskedControl = { control: Control | null } | null;

function machineHost({ standing, clientMemory }: Attached, log: Logger, asked: AskedControl) {
  const late = new LateReplies(clientMemory, log);
  return {
    control: () => asked?.control ?? null,
    timeLimitMs: () => standing.scriptMsMax,
    log: (level: number, text: string) => log[levelsOfScripts[level]](text),
    busy: {
      setBusy: (isBusy: boolean) => {
        standing.isBusy = isBusy;
      },
      answer: (session: Session, errors: ErrorSink) => late.answer(session, errors),
    },
  };
}
