// What judges sessions by the rules of their users, as commands and connections see it. access.ts
// implements it for one thread.

import type { ErrorReply } from "../../base/errors.ts";
import { userNameBytesMax } from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";
import type { ChannelUse, KeyRange, KeyUse } from "../terms/key-use.ts";
import type { Session } from "../terms/session.ts";

/** What is judged of a command; a Command has it. */
export interface JudgedCommand {
  readonly id: number;
  readonly name: string;
  readonly flags: number;
  readonly uses: readonly KeyUse[];
  readonly row: {
    readonly channels?: ChannelUse;
    readonly keyUseOf?: (request: Request, first: number) => string;
  };
  keyArguments(request: Request, name?: number): number;
  keyRange(range: KeyRange, request: Request, name?: number): KeyRange;
}

export interface AccessControl {
  /** New connections must log in first: the user `default` has a password, or is off. */
  readonly needsLogin: boolean;
  /** Any password logs in as `default`. */
  readonly isDefaultOpen: boolean;
  /** Logs a session in. If it may not be, it stays as it was, and the attempt enters the log. */
  login(session: Session, user: string, request: Request, password: number, nowMs: number): boolean;
  /** The session as that of a new connection. */
  reset(session: Session): void;
  /** To be called when the users may have changed since a session was last judged. */
  refresh(session: Session): void;
  /**
   * Why a session that is not trusted may not run this command, or null. Only a session that is
   * trusted is spared the question.
   */
  refusal(
    session: Session,
    command: JudgedCommand,
    request: Request,
    nowMs: number,
    when?: JudgedWhen,
  ): ErrorReply | null;
  /** Whether this user may run a command, which is not run; nothing is noted. */
  mayRun(user: string, command: JudgedCommand, request: Request): boolean;
}

/** Redis says with other words that a command may not run which could be queued. */
export type JudgedWhen = "before it runs" | "at EXEC" | "in a script";

/** The name of a user in an argument: one character per byte. A longer one than allowed is cut. */
export function userNameIn(request: Request, index: number): string {
  return request.latin1(index, userNameBytesMax + 1);
}

/** An entry of the log of refused commands and logins. Plain data: threads post it. */
export interface Denial {
  /** Of its last repetition: the refusals of all threads are numbered together. */
  id: number;
  count: number;
  readonly reason: "command" | "key" | "channel" | "auth";
  readonly context: "toplevel" | "multi" | "lua";
  /** The command, key, channel or word: one character a byte, and cut at a bound. */
  readonly object: string;
  readonly user: string;
  /** When it happened last, wall-clock milliseconds. */
  atMs: number;
  /** The client that it happened to last, as CLIENT LIST shows it. */
  client: string;
}
