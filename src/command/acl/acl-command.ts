// ACL and its subcommands: the users of a node and their rules. The control thread owns the users
// (Control.users); WHOAMI, CAT and GENPASS need none of them. Replies and error texts are those of
// redis 7.0 acl.c (aclCommand).

import { NOT_AN_INTEGER, readInteger } from "../../base/ascii.ts";
import { latin1Bytes } from "../../base/bytes.ts";
import { errorReply, notAnInteger } from "../../base/errors.ts";
import { userBytesMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import { type Denial, userNameIn } from "../core/access-control.ts";
import { categoryNames } from "../core/categories.ts";
import type { Context, ControlContext } from "../core/context.ts";
import { family } from "../core/family.ts";
import { hidesOfOther } from "../core/hidden-arguments.ts";
import { findFrom } from "../core/registry.ts";
import { helpRow, wrongSubcommand } from "../core/subcommand-help.ts";
import type { Selector } from "../core/user-record.ts";
import { argumentIs } from "../core/words.ts";
import { flag } from "../terms/flags.ts";
import { Account, judgement } from "./account.ts";
import { aclHelp } from "./acl-help.ts";
import { commandNames } from "./command-names.ts";
import { channelRules, commandRules, flagsOf, keyRules, lineOf } from "./describe-user.ts";
import { defaultName, isUserName } from "./user.ts";

const own = flag.NO_SCRIPT | flag.LOADING | flag.STALE;
const flags = own | flag.ADMIN;
const perUser = "O(N) where N is the number of users";

const subcommands = family({ group: "server", since: "6.0.0", flags }, [
  {
    name: "acl|cat",
    arity: -2,
    syntax: "[categoryname:string]",
    flags: own,
    complexity: "O(1) as there are always the same categories and commands",
    summary: "Lists the categories of commands, or the commands of a category.",
    handler: category,
  },
  {
    name: "acl|deluser",
    arity: -3,
    syntax: "username:string...",
    complexity: "O(1) per user",
    summary: "Removes users and closes their connections.",
    control: deleteUsers,
  },
  {
    name: "acl|dryrun",
    arity: -4,
    syntax: "username:string command:string [arg:string...]",
    since: "7.0.0",
    summary: "Tells whether a user may run a command, without running it.",
    asksAbout: 3,
    hides: hidesOfOther,
    control: dryRun,
  },
  {
    name: "acl|genpass",
    arity: -2,
    syntax: "[bits:integer]",
    flags: own,
    summary: "Returns a random password.",
    handler: generatePassword,
  },
  {
    name: "acl|getuser",
    arity: 3,
    syntax: "username:string",
    complexity: "O(N) where N is the number of rules of the user",
    summary: "Returns the rules of a user.",
    control: getUser,
  },
  {
    name: "acl|list",
    arity: 2,
    complexity: perUser,
    summary: "Lists all users with their rules.",
    control: (x, _request, reply) => texts(x.control.users.all().map(lineOf), reply),
  },
  {
    name: "acl|load",
    arity: 2,
    complexity: perUser,
    summary: "Reads the users from the file.",
    differs:
      "Clients stay connected if the file still has their user; Redis keeps those of `default` " +
      "alone. A file without `default` leaves it the password of `requirepass`.",
    control: load,
  },
  {
    name: "acl|log",
    arity: -2,
    syntax: "[operation=(count:integer | RESET)]",
    complexity: "O(N) where N is the number of entries shown",
    summary: "Shows the latest refused commands and logins.",
    control: log,
  },
  {
    name: "acl|save",
    arity: 2,
    complexity: perUser,
    summary: "Writes the users to the file.",
    differs: "Only the owner can read the file.",
    control: save,
  },
  {
    name: "acl|setuser",
    arity: -3,
    syntax: "username:string [rule:string...]",
    complexity: "O(N) where N is the number of rules given",
    summary: "Creates a user or changes its rules.",
    differs:
      "Users and rules are bounded: 10,000 users, 256 passwords and 1 MiB of rules for each.",
    hides: (_request, index, name) => index > name + 1,
    control: setUser,
  },
  {
    name: "acl|users",
    arity: 2,
    complexity: perUser,
    summary: "Lists the names of all users.",
    control: (x, _request, reply) => {
      texts(
        x.control.users.all().map(({ name }) => name),
        reply,
      );
    },
  },
  {
    name: "acl|whoami",
    arity: 2,
    flags: own,
    summary: "Returns the name of the user of this connection.",
    handler: (x, _request, reply) => text(x.session.user, reply),
  },
  helpRow("acl", "server", "6.0.0", aclHelp),
]);

export const aclCommands = family({ group: "server", since: "6.0.0" }, [
  {
    name: "acl",
    arity: -2,
    flags: 0,
    complexity: "Depends on subcommand.",
    summary: "A container for commands about users and their rules.",
    handler: () => undefined,
    subcommands,
  },
]);

// ---- replies ------------------------------------------------------------------------------------

/** Text with one character per byte. */
function text(latin1: string, reply: Reply): void {
  reply.bulk(latin1Bytes(latin1), 0, latin1.length);
}

function texts(list: readonly string[], reply: Reply): void {
  reply.array(list.length);
  for (const one of list) text(one, reply);
}

// ---- without the users --------------------------------------------------------------------------

function category(_x: Context, request: Request, reply: Reply): void {
  if (request.argc > 3) return reply.error(wrongSubcommand("ACL", request));
  if (request.argc === 2) return texts(categoryNames, reply);
  const name = request.echo(2);
  const commands = commandNames().category(name);
  if (commands === undefined) {
    return reply.error(errorReply(`Unknown category '${name.slice(0, 128)}'`));
  }
  const present = commands.filter(({ ids }) => ids.length > 0);
  texts(
    present.map((command) => command.name),
    reply,
  );
}

const passwordBits = 256;
const passwordBitsMax = 4096;
const badBits = errorReply(
  "ACL GENPASS argument must be the number of bits for the output password, a positive number up " +
    `to ${passwordBitsMax}`,
);

function generatePassword(_x: Context, request: Request, reply: Reply): void {
  let bits = passwordBits;
  if (request.argc > 3) return reply.error(wrongSubcommand("ACL", request));
  if (request.argc === 3) {
    bits = readInteger(request.buf, request.start[2], request.end[2]);
    if (bits === NOT_AN_INTEGER) return reply.error(notAnInteger);
    if (bits <= 0 || bits > passwordBitsMax) return reply.error(badBits);
  }
  const digits = Math.ceil(bits / 4);
  reply.text(
    crypto
      .getRandomValues(new Uint8Array(Math.ceil(digits / 2)))
      .toHex()
      .slice(0, digits),
  );
}

// ---- users --------------------------------------------------------------------------------------

const badUserName = errorReply("Usernames can't contain spaces or null characters");
const tooManyRules = errorReply(`the rules of a user take at most ${userBytesMax} bytes`);

function setUser(x: ControlContext, request: Request, reply: Reply): void {
  const name = userNameIn(request, 2);
  if (!isUserName(name)) return reply.error(badUserName);
  if (request.end[request.argc - 1] - request.start[2] > userBytesMax) {
    return reply.error(tooManyRules);
  }
  const rules = Array.from({ length: request.argc - 3 }, (_, index) =>
    request.latin1(index + 3, userBytesMax),
  );
  const problem = x.control.users.change(name, rules);
  if (problem !== null) return reply.error(errorReply(problem));
  x.standing.access.refresh(x.session); // it may be a copy that no thread knows
  reply.ok();
}

const notDefault = errorReply("The 'default' user cannot be removed");

function deleteUsers(x: ControlContext, request: Request, reply: Reply): void {
  const names = Array.from({ length: request.argc - 2 }, (_, index) =>
    userNameIn(request, index + 2),
  );
  if (names.includes(defaultName)) return reply.error(notDefault);
  reply.integer(x.control.users.remove(names));
  endIfGone(x);
}

/** The session may be a copy: the one of the connection is ended by its thread. */
function endIfGone(x: ControlContext): void {
  const { session, control, standing } = x;
  if (control.users.get(session.user) !== undefined) return standing.access.refresh(session);
  standing.access.reset(session);
  session.authenticated = false;
  session.isTrusted = false;
  session.closing = true;
}

function getUser(x: ControlContext, request: Request, reply: Reply): void {
  const user = x.control.users.get(userNameIn(request, 2));
  if (user === undefined) return reply.nil();
  const [root, ...others] = user.selectors;
  const words = flagsOf(user);
  reply.map(6);
  reply.text("flags");
  reply.set(words.length);
  for (const word of words) reply.text(word);
  reply.text("passwords");
  texts(user.passwords, reply);
  answerSelector(root, reply);
  reply.text("selectors");
  reply.array(others.length);
  for (const selector of others) {
    reply.map(3);
    answerSelector(selector, reply);
  }
}

function answerSelector(selector: Selector, reply: Reply): void {
  reply.text("commands");
  text(commandRules(selector), reply);
  reply.text("keys");
  text(keyRules(selector), reply);
  reply.text("channels");
  text(channelRules(selector), reply);
}

// ---- DRYRUN -------------------------------------------------------------------------------------

function dryRun(x: ControlContext, request: Request, reply: Reply): void {
  const user = x.control.users.get(userNameIn(request, 2));
  if (user === undefined) return reply.error(errorReply(`User '${request.echo(2)}' not found`));
  const command = findFrom(request, 3);
  if (command === undefined) {
    return reply.error(errorReply(`Command '${request.echo(3)}' not found`));
  }
  if (!command.accepts(request.argc - 3)) {
    return reply.error(errorReply(`wrong number of arguments for '${command.name}' command`));
  }
  const account = new Account(user);
  const found = account.judge(command, request, 3);
  if (found === judgement.ALLOWED) return reply.ok();
  const object = request.echo(account.deniedAt);
  const what =
    found === judgement.COMMAND
      ? `run the '${command.name}' command`
      : `access the '${object}' ${found === judgement.KEY ? "key" : "channel"}`;
  text(`This user has no permissions to ${what}`, reply);
}

// ---- the file -----------------------------------------------------------------------------------

const noFile = errorReply(
  "This Redis instance is not configured to use an ACL file. You may want to specify users via " +
    "the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis " +
    "configuration file set) in order to store users in the Redis configuration.",
);
const notSaved = errorReply(
  "There was an error trying to save the ACLs. Please check the server logs for more information",
);

function load(x: ControlContext, _request: Request, reply: Reply): void {
  if (!x.control.users.hasFile) return reply.error(noFile);
  const problem = x.control.users.load();
  if (problem !== null) return reply.error(errorReply(problem));
  reply.ok();
  endIfGone(x);
}

function save(x: ControlContext, _request: Request, reply: Reply): void {
  if (!x.control.users.hasFile) return reply.error(noFile);
  if (x.control.users.save()) reply.ok();
  else reply.error(notSaved);
}

// ---- LOG ----------------------------------------------------------------------------------------

const denialsShown = 10;

async function log(x: ControlContext, request: Request, reply: Reply): Promise<void> {
  let count = denialsShown;
  if (request.argc > 3) return reply.error(wrongSubcommand("ACL", request));
  if (request.argc === 3) {
    if (argumentIs(request, 2, "RESET")) {
      await x.control.users.resetDenials();
      return reply.ok();
    }
    count = readInteger(request.buf, request.start[2], request.end[2]);
    if (count === NOT_AN_INTEGER) return reply.error(notAnInteger);
  }
  const denials = (await x.control.users.denials()).slice(0, Math.max(0, count));
  reply.array(denials.length);
  for (const denial of denials) answerDenial(denial, x.now, reply);
}

function answerDenial(denial: Denial, nowMs: number, reply: Reply): void {
  reply.map(7);
  reply.text("count");
  reply.integer(denial.count);
  reply.text("reason");
  reply.text(denial.reason);
  reply.text("context");
  reply.text(denial.context);
  reply.text("object");
  text(denial.object, reply);
  reply.text("username");
  text(denial.user, reply);
  reply.text("age-seconds");
  reply.double(Math.max(0, nowMs - denial.atMs) / 1000);
  reply.text("client-info");
  reply.text(denial.client);
}
