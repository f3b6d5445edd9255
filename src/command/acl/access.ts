// The users of a node as one thread judges by them. The control thread owns the users; each thread
// has this copy, and gets every change before the command that made it is answered.
// Invariant: a session is trusted only if its user may do everything under the rules that this
// thread has.
// Hot path for users with restrictions: refusal(), up to the refusal itself.

import { ErrorReply, errorReply } from "../../base/errors.ts";
import { denialObjectBytesMax, failedLoginsMax } from "../../base/limits.ts";
import type { Request } from "../../protocol/request.ts";
import type { AccessControl, Denial, JudgedCommand, JudgedWhen } from "../core/access-control.ts";
import type { ClientSizes } from "../core/node.ts";
import type { User } from "../core/user-record.ts";
import { flag } from "../terms/flags.ts";
import type { Session } from "../terms/session.ts";
import { Account, everybody, type Judge, judgement } from "./account.ts";
import { type DenialBounds, DenialLog } from "./denial-log.ts";
import { defaultName, hashOf } from "./user.ts";

/** What became of the users. Plain data: the control thread posts it to the others. */
export interface UsersChange {
  readonly set: readonly User[];
  readonly removed: readonly string[];
}

/** A line of CLIENT LIST. */
type DescribeClient = (session: Session, sizes: ClientSizes | null) => string;

/** What a client is told, by what was judged; null: it may. */
type Answers = Readonly<Record<number, (command: JudgedCommand) => ErrorReply | null>>;

const { ALLOWED, COMMAND, KEY, CHANNEL } = judgement;
const noPermission = (what: string) => new ErrorReply("NOPERM", what);
const changed = (reason: string) =>
  noPermission(
    "ACLs rules changed between the moment the transaction was accumulated and the EXEC call. " +
      `This command is no longer allowed for the following reason: ${reason}`,
  );
const inScript = (what: string) => errorReply(`The user executing the script can't ${what}`);
/** Made once: only the refusal of a command names something. */
const always = (answer: ErrorReply | null) => () => answer;

const answers: Readonly<Record<JudgedWhen, Answers>> = {
  "before it runs": {
    [ALLOWED]: always(null),
    [COMMAND]: ({ name }) =>
      noPermission(`this user has no permissions to run the '${name}' command`),
    [KEY]: always(
      noPermission("this user has no permissions to access one of the keys used as arguments"),
    ),
    [CHANNEL]: always(
      noPermission("this user has no permissions to access one of the channels used as arguments"),
    ),
  },
  "at EXEC": {
    [ALLOWED]: always(null),
    [COMMAND]: always(changed("no permission to execute the command or subcommand")),
    [KEY]: always(changed("no permission to touch the specified keys")),
    [CHANNEL]: always(changed("no permission to access one of the channels used as arguments")),
  },
  "in a script": {
    [ALLOWED]: always(null),
    [COMMAND]: always(inScript("run this command or subcommand")),
    [KEY]: always(inScript("access at least one of the keys mentioned in the command arguments")),
    [CHANNEL]: always(inScript("publish to the channel mentioned in the command")),
  },
};

const joins = flag.INTERNAL | flag.ADMIN;

const reasons = ["command", "command", "key", "channel"] as const;

export class Access implements AccessControl {
  readonly denials: DenialLog;
  /** The sizes of a client that runs this request; null: its connection is another thread's. */
  sizesOf: (session: Session, request: Request) => ClientSizes | null = () => null;
  private readonly accounts = new Map<string, Judge>();
  private readonly describe: DescribeClient;
  /** The account of new connections. */
  private first: Judge;

  constructor(bounds: DenialBounds, describe: DescribeClient) {
    this.denials = new DenialLog(bounds);
    this.describe = describe;
    this.first = everybody;
    this.accounts.set(defaultName, this.first);
  }

  /** The sessions of this thread must be refreshed then. */
  change({ set, removed }: UsersChange): void {
    for (const name of removed) this.accounts.delete(name);
    for (const user of set) this.accounts.set(user.name, new Account(user));
    this.first = this.accounts.get(defaultName) ?? this.first;
  }

  accountOf(name: string): Judge | undefined {
    return this.accounts.get(name);
  }

  get needsLogin(): boolean {
    return !this.first.isOpen || !this.first.isOn;
  }

  get isDefaultOpen(): boolean {
    return this.first.isOpen;
  }

  // ---- sessions ---------------------------------------------------------------------------------

  reset(session: Session): void {
    session.user = defaultName;
    session.authenticated = !this.needsLogin;
    this.refresh(session);
  }

  refresh(session: Session): void {
    session.isTrusted = !this.isStranger(session) && this.accountOf(session.user)?.mayAll === true;
  }

  /** It must log in first. A stranger becomes welcome when the default user needs no login. */
  private isStranger({ authenticated }: Session): boolean {
    return !authenticated && this.needsLogin;
  }

  login(
    session: Session,
    name: string,
    request: Request,
    password: number,
    nowMs: number,
  ): boolean {
    const account = this.accounts.get(name);
    const hash = hashOf(request.bytes(password)); // even if there is no such user
    const isRight = account?.isOpen === true || account?.hasPassword(hash) === true;
    if (account?.isOn !== true || !isRight) {
      const object = request.latin1(0, denialObjectBytesMax);
      this.note(session, request, { reason: "auth", object, user: name }, nowMs);
      if (++session.failedLogins >= failedLoginsMax) session.closing = true;
      return false;
    }
    session.failedLogins = 0;
    session.authenticated = true;
    session.user = name;
    this.refresh(session);
    return true;
  }

  // ---- commands ---------------------------------------------------------------------------------

  refusal(
    session: Session,
    command: JudgedCommand,
    request: Request,
    nowMs: number,
    when: JudgedWhen = "before it runs",
  ): ErrorReply | null {
    return answers[when][this.judge(session, command, request, nowMs, when)](command);
  }

  mayRun(user: string, command: JudgedCommand, request: Request): boolean {
    return this.accounts.get(user)?.judge(command, request) === ALLOWED;
  }

  private judge(
    session: Session,
    command: JudgedCommand,
    request: Request,
    nowMs: number,
    when: JudgedWhen,
  ): number {
    const account = this.accounts.get(session.user);
    const found = account?.judge(command, request) ?? COMMAND;
    if (found === ALLOWED) return found;
    const at = account?.deniedAt ?? 0;
    const object = found === COMMAND ? command.name : request.latin1(at, denialObjectBytesMax);
    const what = { reason: reasons[found], object, user: session.user };
    this.note(session, request, what, nowMs, when);
    // Nobody answers a JOIN of the binary protocol: its follower must not wait for data.
    if ((command.flags & joins) === joins) session.closing = true;
    return found;
  }

  private note(
    session: Session,
    request: Request,
    what: Pick<Denial, "reason" | "object" | "user">,
    atMs: number,
    when: JudgedWhen = "before it runs",
  ): void {
    const isInside = session.transaction !== null || session.isExecuting;
    const context = when === "in a script" ? "lua" : isInside ? "multi" : "toplevel";
    const client = this.describe(session, this.sizesOf(session, request));
    this.denials.add({ ...what, context, atMs, client });
  }
}
