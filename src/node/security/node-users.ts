// The users of the node, which only the control thread changes. Every thread judges by its own copy
// (command/acl/access.ts): this thread's is changed here, the others by Threads.enforce(), whose
// invariant is that no answer goes out before all of them have the change. The rules themselves are
// in command/acl/.
// Invariant: there is always a user `default`.

import { ConfigError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { reasonOf } from "../../base/reason.ts";
import { Signal } from "../../base/signal.ts";
import type { Access, UsersChange } from "../../command/acl/access.ts";
import { ChannelRules } from "../../command/acl/account.ts";
import {
  changedUser,
  copyUser,
  defaultName,
  losesChannels,
  newDefaultUser,
  newUser,
  type UserDefaults,
} from "../../command/acl/user.ts";
import {
  excessOfAll,
  readUserLines,
  readUsers,
  textOf,
  userLine,
} from "../../command/acl/user-lines.ts";
import type { Denial } from "../../command/core/access-control.ts";
import type { Users } from "../../command/core/node.ts";
import type { User } from "../../command/core/user-record.ts";
import type { Config } from "../../config/config.ts";
import { readUsersFile, writeUsersFile } from "./users-file.ts";

/** A change, and the rules for channels of the users that may have lost some. */
export interface Enforcement {
  readonly change: UsersChange;
  readonly channelRules: ReadonlyMap<string, ChannelRules>;
}

/** The logs of the data threads. */
export interface DenialLogs {
  denials(): Promise<Denial[]>;
  resetDenials(): Promise<void>;
}

interface Parts {
  readonly access: Access;
  readonly log: Logger;
  readonly current: () => Config;
}

export class NodeUsers implements Users {
  /** Emitted after each change, when this thread judges by it. */
  readonly changed = new Signal<Enforcement>();
  /** Set when there are data threads. */
  logs: DenialLogs | null = null;
  private readonly access: Access;
  private readonly log: Logger;
  private readonly current: () => Config;
  private readonly users = new Map<string, User>();
  /** Users have changed since the start, which a configuration file does not know yet. */
  private isTouched = false;
  private password: string;

  /** Throws a ConfigError if the users of file or configuration cannot be had. */
  constructor({ access, log, current }: Parts) {
    const config = current();
    this.access = access;
    this.log = log;
    this.current = current;
    this.password = config.password;
    const users = this.startUsers(config);
    for (const user of users) this.users.set(user.name, user);
    if (!this.users.has(defaultName)) this.users.set(defaultName, this.defaultUser());
    access.change({ set: [...this.users.values()], removed: [] });
  }

  private startUsers({ aclFile, users }: Config): User[] {
    if (aclFile !== "" && users.length > 0) {
      throw new ConfigError(
        "--acl-file: the configuration file has lines for users as well; define them in one place",
      );
    }
    const lines = users.map((line) => Buffer.from(line, "utf8").toString("latin1"));
    const found = aclFile === "" ? readUserLines(lines, this.defaults) : this.read(aclFile);
    if (typeof found === "string") throw new ConfigError(found);
    for (const user of found) {
      if (!user.isOn) this.log.warn(`user ${user.name} is disabled: no rule of it says \`on\``);
      if (firstArgumentsOf(user) > 0) this.warnOfFirstArguments(user);
    }
    return found;
  }

  /** Redis warns of them as well. */
  private warnOfFirstArguments({ name }: User): void {
    this.log.warn(
      `user ${name} may run commands with certain first arguments only: Redis has deprecated such ` +
        "rules and may refuse them one day",
    );
  }

  /** With the password of the configuration, if there is one. */
  private defaultUser(): User {
    return withPassword(newDefaultUser(), this.password);
  }

  private get defaults(): UserDefaults {
    return { allChannels: this.current().aclAllChannels };
  }

  // ---- what there is ----------------------------------------------------------------------------

  all(): readonly User[] {
    const byName = (a: User, b: User) => (a.name < b.name ? -1 : 1);
    return [...this.users.values()].sort(byName);
  }

  get(name: string): User | undefined {
    return this.users.get(name);
  }

  /** What a configuration file must say of the users, without `user`; null if it does. */
  linesToWrite(): string[] | null {
    if (this.hasFile || !this.isTouched) return null;
    return this.all().map(userLine);
  }

  get hasFile(): boolean {
    return this.current().aclFile !== "";
  }

  // ---- changes ----------------------------------------------------------------------------------

  change(name: string, rules: readonly string[]): string | null {
    const before = this.users.get(name);
    const after = changedUser(before ?? newUser(name, this.defaults), rules, this.defaults);
    if (typeof after === "string") return after;
    const others = [...this.users.values()].filter((user) => user !== before);
    const excess = excessOfAll([...others, after]);
    if (excess !== null) return excess;
    this.isTouched = true;
    if (firstArgumentsOf(after) > firstArgumentsOf(before)) this.warnOfFirstArguments(after);
    this.enforce({ set: [after], removed: [] });
    return null;
  }

  remove(names: readonly string[]): number {
    const removed = [...new Set(names)].filter((name) => this.users.has(name));
    if (removed.length === 0) return 0;
    this.isTouched = true;
    this.enforce({ set: [], removed });
    return removed.length;
  }

  /** Called after the configuration has changed: requirepass is the default user's password. */
  configurationChanged(): void {
    const { password } = this.current();
    const user = this.users.get(defaultName);
    if (password === this.password || user === undefined) return;
    this.password = password;
    if (this.current().users.length > 0) this.isTouched = true; // they beat the password
    this.enforce({ set: [withPassword(copyUser(user), password)], removed: [] });
  }

  private enforce(change: UsersChange): void {
    const channelRules = new Map<string, ChannelRules>();
    for (const name of change.removed) this.users.delete(name);
    for (const user of change.set) {
      const before = this.users.get(user.name);
      const isLess = before !== undefined && losesChannels(before, user);
      if (isLess) channelRules.set(user.name, new ChannelRules(user));
      this.users.set(user.name, user);
    }
    this.access.change(change);
    this.changed.emit({ change, channelRules });
  }

  // ---- the file ---------------------------------------------------------------------------------

  load(): string | null {
    const found = this.read(this.current().aclFile);
    if (typeof found === "string") return found;
    const names = new Set(found.map(({ name }) => name));
    const set = names.has(defaultName) ? found : [...found, this.defaultUser()];
    const removed = [...this.users.keys()].filter((name) => {
      return name !== defaultName && !names.has(name);
    });
    this.enforce({ set, removed });
    return null;
  }

  private read(path: string): User[] | string {
    let text: string;
    try {
      text = readUsersFile(path);
    } catch (error) {
      return `Error loading ACLs, opening file '${path}': ${reasonOf(error)}`;
    }
    return readUsers(text, path, this.defaults);
  }

  save(): boolean {
    const { aclFile } = this.current();
    try {
      writeUsersFile(aclFile, textOf(this.all()));
      return true;
    } catch (error) {
      this.log.error(`the users cannot be saved to ${aclFile}: ${reasonOf(error)}`);
      return false;
    }
  }

  // ---- what was refused -------------------------------------------------------------------------

  async denials(): Promise<Denial[]> {
    const denials = (await this.logs?.denials()) ?? [];
    return denials.slice(0, this.current().denialLogMaxLen);
  }

  async resetDenials(): Promise<void> {
    await this.logs?.resetDenials();
  }
}

function firstArgumentsOf(user: User | undefined): number {
  const selectors = user?.selectors ?? [];
  return selectors.reduce((sum, { firstArguments }) => sum + firstArguments.size, 0);
}

function withPassword(user: User, password: string): User {
  const bytes = Buffer.from(password, "utf8").toString("latin1");
  const rules = password === "" ? ["nopass"] : ["resetpass", `>${bytes}`];
  const changed = changedUser(user, rules, { allChannels: false });
  if (typeof changed === "string") throw new Error(changed);
  return changed;
}
