// A user as a thread judges by it: its rules compiled from the plain data of user.ts. It says which
// commands with which keys and channels the user may run (redis 7.0 acl.c,
// ACLCheckAllUserCommandPerm), and whether a password is the user's. ACL DRYRUN asks it too.
// Hot path for users with restrictions: judge() allocates nothing.

import { latin1Bytes } from "../../base/bytes.ts";
import { compileGlob, type Glob } from "../../base/glob.ts";
import type { Request } from "../../protocol/request.ts";
import type { JudgedCommand } from "../core/access-control.ts";
import type { Selector, User } from "../core/user-record.ts";
import { flag } from "../terms/flags.ts";
import { accessOf, nextIn, notAKey } from "../terms/key-use.ts";
import { commandNames } from "./command-names.ts";

/** Why a command is refused. Of several selectors the gravest reason counts, as in Redis. */
export const judgement = { ALLOWED: 0, COMMAND: 1, KEY: 2, CHANNEL: 3 } as const;
const { ALLOWED, COMMAND, KEY, CHANNEL } = judgement;

const encoder = new TextEncoder();

/** What a thread asks of a user. */
export interface Judge {
  readonly isOn: boolean;
  readonly isOpen: boolean;
  /** Nothing need be judged: one selector allows everything. */
  readonly mayAll: boolean;
  /** The argument for which the last judgement was KEY or CHANNEL. */
  readonly deniedAt: number;
  /** Compares with every password, and in constant time, whichever it is. */
  hasPassword(hash: string): boolean;
  /** The name of the command is argument `name` of the request. */
  judge(command: JudgedCommand, request: Request, name?: number): number;
}

/** The user `default` of a node that has no other and no password. */
export const everybody: Judge = {
  isOn: true,
  isOpen: true,
  mayAll: true,
  deniedAt: 0,
  hasPassword: () => false,
  judge: () => ALLOWED,
};

export class Account implements Judge {
  readonly isOn: boolean;
  readonly isOpen: boolean;
  readonly mayAll: boolean;
  deniedAt: number;
  private readonly passwords: readonly Uint8Array[];
  private readonly selectors: readonly JudgedSelector[];

  constructor(user: User) {
    this.isOn = user.isOn;
    this.isOpen = user.isOpen;
    this.passwords = user.passwords.map((hash) => encoder.encode(hash));
    this.selectors = user.selectors.map((selector) => new JudgedSelector(selector));
    this.mayAll = this.selectors.some(({ allowsAll }) => allowsAll);
    this.deniedAt = 0;
  }

  hasPassword(hash: string): boolean {
    const given = encoder.encode(hash);
    let isFound = false;
    for (const password of this.passwords) {
      if (crypto.timingSafeEqual(password, given)) isFound = true;
    }
    return isFound;
  }

  judge(command: JudgedCommand, request: Request, name = 0): number {
    const { selectors } = this;
    let gravest: number = COMMAND;
    let last = 0;
    for (let i = 0; i < selectors.length; i++) {
      const selector = selectors[i];
      const found = selector.judge(command, request, name);
      if (found === ALLOWED) return ALLOWED;
      if (found > gravest || (found === gravest && selector.deniedAt > last)) {
        gravest = found;
        last = selector.deniedAt;
      }
    }
    this.deniedAt = last;
    return gravest;
  }
}

const noFirstArguments: readonly string[] = [];
/** A selector that allows everything needs no rules, and most users have no other. */
const nothingToJudge: ReturnType<typeof byId> = {
  commands: new Uint8Array(0),
  firstArguments: new Map(),
};

class JudgedSelector {
  readonly allowsAll: boolean;
  deniedAt: number;
  private readonly allKeys: boolean;
  private readonly allChannels: boolean;
  /** 1 at the id of each allowed command. */
  private readonly commands: Uint8Array;
  private readonly firstArguments: ReadonlyMap<number, readonly string[]>;
  private readonly keyGlobs: readonly Glob[];
  private readonly keyAccess: readonly number[];
  private readonly channels: readonly Uint8Array[];
  private readonly channelGlobs: readonly Glob[];

  constructor(selector: Selector) {
    this.allowsAll = selector.allCommands && selector.allKeys && selector.allChannels;
    const { commands, firstArguments } = this.allowsAll ? nothingToJudge : byId(selector);
    this.allKeys = selector.allKeys;
    this.allChannels = selector.allChannels;
    this.commands = commands;
    this.firstArguments = firstArguments;
    this.keyGlobs = [...selector.keys.keys()].map(globOf);
    this.keyAccess = [...selector.keys.values()];
    this.channels = [...selector.channels].map(latin1Bytes);
    this.channelGlobs = [...selector.channels].map(globOf);
    this.deniedAt = 0;
  }

  judge(command: JudgedCommand, request: Request, name: number): number {
    this.deniedAt = 0;
    if (this.allowsAll) return ALLOWED;
    if (!this.allowsCommand(command, request, name)) return COMMAND;
    if (!this.allKeys && !this.allowsKeys(command, request, name)) return KEY;
    const { channels } = command.row;
    if (this.allChannels || channels === undefined) return ALLOWED;
    const last = channels.last < 0 ? request.argc - 1 : name + channels.last;
    const arePatterns = channels.arePatterns === true;
    return this.allowsChannels(request, name + 1, last, arePatterns) ? ALLOWED : CHANNEL;
  }

  private allowsCommand({ id, flags }: JudgedCommand, request: Request, name: number): boolean {
    if (this.commands[id] === 1 || (flags & flag.NO_AUTH) !== 0) return true;
    const words = this.firstArguments.get(id) ?? noFirstArguments;
    if (words.length === 0 || request.argc < name + 2) return false;
    const first = request.echo(name + 1).toLowerCase();
    return words.some((word) => word.toLowerCase() === first);
  }

  private allowsKeys(command: JudgedCommand, request: Request, name: number): boolean {
    const { uses, row } = command;
    if (uses.length === 0) return true;
    const argc = command.keyArguments(request, name);
    const variable = row.keyUseOf === undefined ? -1 : accessOf(row.keyUseOf(request, name));
    for (let i = 0; i < uses.length; i++) {
      const { words, access } = uses[i];
      if (words === notAKey) continue;
      const range = command.keyRange(uses[i].range, request, name);
      const needed = variable < 0 ? access : variable;
      for (let at = nextIn(range, 0, argc); at !== 0; at = nextIn(range, at, argc)) {
        if (this.allowsKey(request, name + at, needed)) continue;
        this.deniedAt = name + at;
        return false;
      }
    }
    return true;
  }

  private allowsKey({ buf, start, end }: Request, index: number, needed: number): boolean {
    const { keyGlobs, keyAccess } = this;
    for (let i = 0; i < keyGlobs.length; i++) {
      if ((keyAccess[i] & needed) !== needed) continue;
      if (keyGlobs[i].matches(buf, start[index], end[index])) return true;
    }
    return false;
  }

  private allowsChannels(
    request: Request,
    first: number,
    last: number,
    arePatterns: boolean,
  ): boolean {
    for (let at = first; at <= last; at++) {
      const { buf, start, end } = request;
      const channel = buf.subarray(start[at], end[at]);
      if (isAllowedChannel(this.channels, this.channelGlobs, channel, arePatterns)) continue;
      this.deniedAt = at;
      return false;
    }
    return true;
  }
}

/** A pattern of PSUBSCRIBE is not matched: it must be one of the user's own. */
function isAllowedChannel(
  patterns: readonly Uint8Array[],
  globs: readonly Glob[],
  channel: Uint8Array,
  isPattern: boolean,
): boolean {
  if (isPattern) return patterns.some((pattern) => Buffer.compare(pattern, channel) === 0);
  return globs.some((glob) => glob.matches(channel, 0, channel.length));
}

/** What the rules for channels allow of subscriptions that a client has already. */
export class ChannelRules {
  private readonly isAll: boolean;
  private readonly patterns: readonly Uint8Array[];
  private readonly globs: readonly Glob[];

  constructor({ selectors }: User) {
    const patterns = selectors.flatMap(({ channels }) => [...channels]);
    this.isAll = selectors.some(({ allChannels }) => allChannels);
    this.patterns = patterns.map(latin1Bytes);
    this.globs = patterns.map(globOf);
  }

  allow(name: Uint8Array, isPattern: boolean): boolean {
    return this.isAll || isAllowedChannel(this.patterns, this.globs, name, isPattern);
  }
}

function globOf(pattern: string): Glob {
  const glob = compileGlob(latin1Bytes(pattern), 0, pattern.length);
  if (glob === null) throw new Error("a pattern of a user was checked when it was added");
  return glob;
}

/** The rules for commands by the ids of commands instead of the numbers of their names. */
function byId({ commands, firstArguments }: Selector): {
  readonly commands: Uint8Array;
  readonly firstArguments: ReadonlyMap<number, readonly string[]>;
} {
  const { all } = commandNames();
  const idsMax = Math.max(...all.flatMap(({ ids }) => ids));
  const allowed = new Uint8Array(idsMax + 1);
  const parts = new Map<number, readonly string[]>();
  for (const { ids, number } of all) {
    for (const id of ids) {
      allowed[id] = commands[number];
      const words = firstArguments.get(number);
      if (words !== undefined) parts.set(id, words);
    }
  }
  return { commands: allowed, firstArguments: parts };
}
