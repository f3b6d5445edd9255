/**
 * Who may do what in a connection: each user of a table tries each command of it, alone and inside
 * MULTI, on our nodes with one and two data threads and on redis-server. Then what becomes of
 * connections whose user is changed, disabled or deleted meanwhile, of transactions that were
 * queued before, and of subscribers. The rules themselves are judged in access-rules.test.ts.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { commands } from "../../src/command/table.ts";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { type Contestant, forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";
import { partsOf, show, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const contestants: readonly Contestant[] = [ours, oursWithThreads(2), oracle];

/** All of them may open and end transactions. */
const users: Readonly<Record<string, readonly string[]>> = {
  all: ["+@all", "~*", "&*"],
  reader: ["+@read", "-keys", "%R~a*"],
  writer: ["+@read", "+@write", "-@dangerous", "~a*"],
  split: ["+get", "%R~a*", "(+set %W~b* )", "(+set ~c*)"],
  talker: ["+@pubsub", "&news.*", "&?"],
  clerk: ["+client|id", "+config|get", "+select|0"],
  nobody: [],
};

const names = Object.keys(users);

/**
 * For each user in order: y, or what is refused: the Command, a Key, a cHannel. The commands work
 * in MULTI as well, and change nothing that another row needs.
 */
const table: readonly (readonly [verdicts: string, command: string])[] = [
  ["yyyyccc", "GET a1"],
  ["ykkkccc", "GET b1"],
  ["ycykccc", "SET a1 v"],
  ["yckyccc", "SET b1 v"],
  ["yckkccc", "SET b1 v GET"],
  ["ycykccc", "SET a1 v GET"],
  ["yckyccc", "SET c1 v GET"],
  ["yyycccc", "MGET a1 a2"],
  ["ykkcccc", "MGET a1 b1"],
  ["yckcccc", "COPY a1 b1"],
  ["ycycccc", "COPY a1 a3 REPLACE"],
  ["yyycccc", "EXISTS a1"],
  ["ycycccc", "BITOP NOT a2 a1"],
  ["yckcccc", "BITOP NOT a2 b1"],
  ["ycccccc", "KEYS *"],
  ["ycccccc", "FLUSHALL"],
  ["yyycccc", "DBSIZE"],
  ["yccccyc", "CLIENT ID"],
  ["ycccccc", "CLIENT LIST"],
  ["yccccyc", "CONFIG GET maxmemory"],
  ["ycccccc", "CONFIG SET maxclients 10000"],
  ["yccccyc", "SELECT 0"],
  ["ycccccc", "ACL WHOAMI"],
  ["ycccccc", "PING"],
  ["ycccccc", "INFO server"],
  ["ycccycc", "PUBLISH news.1 m"],
  ["ycccycc", "PUBLISH x m"],
  ["yccchcc", "PUBLISH other m"],
  ["ycccycc", "SPUBLISH news.1 m"],
  ["yccchcc", "SPUBLISH other m"],
  ["ycccycc", "PUBSUB CHANNELS"],
];

const refusals: Readonly<Record<string, string>> = {
  c: "NOPERM this user has no permissions to run the",
  k: "NOPERM this user has no permissions to access one of the keys used as arguments",
  h: "NOPERM this user has no permissions to access one of the channels used as arguments",
};

async function login(port: number, user: string): Promise<Peer> {
  const peer = await Peer.connect(port);
  expect(await peer.ask("AUTH", user, "any")).toBe("+OK");
  return peer;
}

async function makeUsers(admin: Peer): Promise<void> {
  for (const [name, rules] of Object.entries(users)) {
    const made = ["ACL", "SETUSER", name, "on", "nopass", ...rules];
    expect(await admin.ask(...made, "+multi", "+exec", "+discard")).toBe("+OK");
  }
}

function verdictOf(shown: string): string {
  const found = Object.entries(refusals).find(([, text]) => shown.startsWith(`-${text}`));
  return found?.[0] ?? (shown.startsWith("-NO") ? shown : "y");
}

/** The same server, as it was at its start. */
async function withoutUsers<Server extends { readonly port: number }>(
  server: Server,
): Promise<Server> {
  await using admin = await Peer.connect(server.port);
  expect(await admin.ask("FLUSHALL")).toBe("+OK");
  for (const name of partsOf(await admin.typed("ACL", "USERS")).map(textOf)) {
    if (name !== "default") expect(await admin.ask("ACL", "DELUSER", name)).toBe(":1");
  }
  const rules = ["reset", "on", "nopass", "allkeys", "allchannels", "allcommands"];
  expect(await admin.ask("ACL", "SETUSER", "default", ...rules)).toBe("+OK");
  expect(await admin.ask("ACL", "LOG", "RESET")).toBe("+OK");
  expect(await admin.ask("CONFIG", "SET", "acllog-max-len", "128")).toBe("+OK");
  return server;
}

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const common = forAllCases(() => contestant.start());

    test("each user may do what the table says, alone and inside MULTI", async () => {
      const server = await withoutUsers(common());
      await using admin = await Peer.connect(server.port);
      await makeUsers(admin);
      for (const [index, name] of names.entries()) {
        await using peer = await login(server.port, name);
        const expected = table.map(([verdicts, command]) => `${verdicts[index]} ${command}`);
        const alone: string[] = [];
        const inside: string[] = [];
        for (const [, command] of table) {
          const words = command.split(" ");
          alone.push(`${verdictOf(await peer.ask(...words))} ${command}`);
          expect(await peer.ask("MULTI")).toBe("+OK");
          const queued = verdictOf(await peer.ask(...words));
          inside.push(`${queued} ${command}`);
          const done = await peer.ask("EXEC");
          const how =
            queued === "y" ? "*[" : "-EXECABORT Transaction discarded because of previous";
          expect([name, command, done.slice(0, how.length)]).toEqual([name, command, how]);
        }
        expect([name, alone]).toEqual([name, expected]);
        expect([name, inside]).toEqual([name, expected]);
      }
    });

    test("a command that was queued under other rules is refused by EXEC, in words of its own", async () => {
      const server = await withoutUsers(common());
      await using admin = await Peer.connect(server.port);
      const rules = ["on", "nopass", "+@all", "~*", "&*"];
      await admin.ask("ACL", "SETUSER", "u", ...rules);
      await using peer = await login(server.port, "u");
      const changed =
        "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC " +
        "call. This command is no longer allowed for the following reason: ";
      await peer.ask("MULTI");
      for (const command of ["SET k v", "GET k", "SET other v", "PUBLISH c m", "INCR n"]) {
        expect(await peer.ask(...command.split(" "))).toBe("+QUEUED");
      }
      const less = ["resetkeys", "~k", "~n", "resetchannels", "-get"];
      expect(await admin.ask("ACL", "SETUSER", "u", ...less)).toBe("+OK");
      await peer
        .ask("EXEC")
        .then((shown) =>
          expect(shown).toBe(
            `*[+OK ${changed}no permission to execute the command or subcommand ` +
              `${changed}no permission to touch the specified keys ` +
              `${changed}no permission to access one of the channels used as arguments :1]`,
          ),
        );
      expect(await admin.ask("GET", "other")).toBe("$null");
      await peer.ask("MULTI");
      await peer.ask("SET", "k", "w");
      await admin.ask("ACL", "SETUSER", "u", "-exec");
      expect(await peer.ask("EXEC")).toBe(
        "-EXECABORT Transaction discarded because of: NOPERM this user has no permissions to run the " +
          "'exec' command",
      );
    });

    test("a transaction that changes, deletes or becomes a user goes on as that user", async () => {
      const server = await withoutUsers(common());
      await using admin = await Peer.connect(server.port);
      const transaction = async (peer: Peer, ...commands: string[]) => {
        await peer.ask("MULTI");
        for (const command of commands)
          expect(await peer.ask(...command.split(" "))).toBe("+QUEUED");
        return (await peer.ask("EXEC")).replaceAll(/-NOPERM ACLs rules changed .*? reason: /g, "-");
      };
      await admin.ask("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*", "&*");
      await using peer = await login(server.port, "u");
      const changes = ["ACL SETUSER u -set", "SET k v", "ACL SETUSER u +set", "SET k w", "GET k"];
      expect(await transaction(peer, ...changes)).toBe(
        "*[+OK -no permission to execute the command or subcommand +OK +OK $w]",
      );
      await admin.ask("ACL", "SETUSER", "less", "on", "nopass", "+get", "+acl", "+auth", "~k");
      const logins = ["AUTH less x", "GET k", "SET k v", "GET other", "ACL WHOAMI", "AUTH u x"];
      expect(await transaction(peer, ...logins, "ACL USERS", "SET k v")).toBe(
        "*[+OK $w -no permission to execute the command or subcommand " +
          "-no permission to touch the specified keys $less +OK *[$default $less $u] +OK]",
      );
      expect(await peer.ask("ACL", "WHOAMI")).toBe("$u");
      await admin.ask("SET", "k", "before");
      peer.sendAll([["MULTI"], ["ACL", "DELUSER", "u"], ["SET", "k", "after"], ["EXEC"], ["PING"]]);
      await peer.raw.closed();
      expect(await admin.ask("GET", "k")).toBe("$after"); // as the user default
    });

    test("rules count for the next command of connections that are there, also of the same pipeline", async () => {
      const server = await withoutUsers(common());
      await using admin = await Peer.connect(server.port);
      await admin.ask("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*", "&*");
      const peers = await Promise.all(Array.from({ length: 8 }, () => login(server.port, "u")));
      for (const rules of [["-set"], ["+set", "resetkeys", "~a"], ["allkeys"], ["-@all", "+set"]]) {
        expect(await admin.ask("ACL", "SETUSER", "u", ...rules)).toBe("+OK");
        const shown = await Promise.all(peers.map((peer) => peer.ask("SET", "k", "v")));
        const dry = await admin.ask("ACL", "DRYRUN", "u", "SET", "k", "v");
        const mayRun = dry === "+OK";
        expect([rules, new Set(shown.map((one) => one === "+OK"))]).toEqual([
          rules,
          new Set([mayRun]),
        ]);
      }
      const [own] = peers;
      await admin.ask("ACL", "SETUSER", "u", "+@all");
      own.sendAll([
        ["SET", "k", "1"],
        ["ACL", "SETUSER", "u", "-set"],
        ["SET", "k", "2"],
        ["GET", "k"],
      ]);
      const replies = [await own.shown(), await own.shown(), await own.shown(), await own.shown()];
      expect([replies[0], replies[1], verdictOf(replies[2]), replies[3]]).toEqual([
        ...["+OK", "+OK", "c", "$1"],
      ]);
      for (const peer of peers) await peer[Symbol.asyncDispose]();
    });

    test("a disabled user stays where it is logged in, and a deleted one is disconnected", async () => {
      const server = await withoutUsers(common());
      await using admin = await Peer.connect(server.port);
      await admin.ask("ACL", "SETUSER", "u", "on", ">right", "+@all", "~*");
      await using peer = await Peer.connect(server.port);
      const wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
      expect(await peer.ask("AUTH", "u", "wrong")).toBe(wrong);
      expect(await peer.ask("AUTH", "nobody", "right")).toBe(wrong);
      expect(await peer.ask("AUTH", "u", "right")).toBe("+OK");
      expect(await peer.ask("ACL", "WHOAMI")).toBe("$u");
      await admin.ask("ACL", "SETUSER", "u", "off");
      expect(await peer.ask("SET", "k", "v")).toBe("+OK");
      await using other = await Peer.connect(server.port);
      expect(await other.ask("AUTH", "u", "right")).toBe(wrong);
      expect(await other.ask("HELLO", "3", "AUTH", "u", "right")).toBe(wrong);
      expect(await admin.ask("ACL", "DELUSER", "u", "nobody")).toBe(":1");
      expect(await peer.ask("GET", "k").catch(() => "closed")).toBe("closed");
      expect(await other.ask("GET", "k")).toBe("$v");
      await admin.ask("ACL", "SETUSER", "u", "on", "nopass", "+@all");
      await using again = await login(server.port, "u");
      again.sendAll([["ACL", "DELUSER", "u"], ["PING"]]);
      expect(await again.shown()).toBe(":1");
      expect(await again.shown().catch(() => "closed")).toBe("closed");
    });

    test("before a login no command of the table runs but these", async () => {
      await using server = await contestant.start([contestant.passwordFlag, "secret"]);
      await using peer = await Peer.connect(server.port);
      const rows = commands.flatMap((row) => (row.subcommands.length > 0 ? row.subcommands : row));
      const tried = rows.filter(({ name }) => !["auth", "hello", "reset", "quit"].includes(name));
      for (const { name, arity } of tried) {
        const words = name.split("|");
        while (words.length < Math.abs(arity)) words.push("x");
        peer.send(...words);
      }
      const replies = (await peer.replies(tried.length)).map(show);
      // The option of DEBUG and of MODULE comes first, and Redis 7.0 does not have all commands.
      const [forbidden, missing] = [/NOAUTH |^-ERR (DEBUG|MODULE) command not allowed/, /unknown/];
      const isRefused = (reply: string) =>
        forbidden.test(reply) || (contestant === oracle && missing.test(reply));
      expect(replies.filter((reply) => !isRefused(reply))).toEqual([]);
      expect(replies.length).toBeGreaterThan(200);
    });

    test("before a login only AUTH, HELLO, RESET and QUIT run", async () => {
      await using server = await contestant.start([contestant.passwordFlag, "secret"]);
      await using peer = await Peer.connect(server.port);
      const noAuth = "-NOAUTH Authentication required.";
      for (const command of ["PING", "GET k", "ACL WHOAMI", "COMMAND COUNT", "INFO", "MULTI"]) {
        expect([command, await peer.ask(...command.split(" "))]).toEqual([command, noAuth]);
      }
      expect(await peer.ask("HELLO", "3")).toBe(
        "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO " +
          "AUTH <user> <pass> option can be used to authenticate the client and select the RESP " +
          "protocol version at the same time",
      );
      expect(await peer.ask("RESET")).toBe("+RESET");
      expect(await peer.ask("AUTH", "wrong")).toStartWith("-WRONGPASS");
      expect(await peer.ask("AUTH", "default", "secret")).toBe("+OK");
      await peer.ask("ACL", "SETUSER", "u", "on", ">pw", "+@all", "~*");
      await using other = await Peer.connect(server.port);
      const hello = await other.ask("HELLO", "3", "AUTH", "u", "pw", "SETNAME", "me");
      expect(hello).toContain("$proto :3");
      expect(await other.ask("CLIENT", "GETNAME")).toBe("$me");
      expect(await other.ask("ACL", "WHOAMI")).toBe("$u");
      expect(await other.ask("RESET")).toBe("+RESET");
      expect(await other.ask("PING")).toBe(noAuth);
      expect(await peer.ask("CONFIG", "SET", "requirepass", "")).toBe("+OK");
      await using third = await Peer.connect(server.port);
      expect(await third.ask("PING")).toBe("+PONG");
      expect(await other.ask("PING")).toBe("+PONG");
      expect(await peer.ask("ACL", "SETUSER", "default", "off")).toBe("+OK");
      await using fourth = await Peer.connect(server.port);
      expect(await fourth.ask("PING")).toBe(noAuth);
      expect(await third.ask("PING")).toBe("+PONG");
    });

    test("requirepass is the password of the user default", async () => {
      // Its default user is the one that nobody has set.
      await using server = await contestant.start();
      await using peer = await Peer.connect(server.port);
      expect(await peer.ask("AUTH", "x")).toStartWith("-ERR AUTH <password> called without any");
      expect(await peer.ask("CONFIG", "SET", "requirepass", "one")).toBe("+OK");
      expect(await peer.ask("ACL", "LIST")).toBe(
        "*[$user default on #7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed ~* &* +@all]",
      );
      expect(await peer.ask("AUTH", "one")).toBe("+OK");
      expect(await peer.ask("ACL", "SETUSER", "default", ">two")).toBe("+OK");
      expect([await peer.ask("AUTH", "two"), await peer.ask("AUTH", "one")]).toEqual([
        "+OK",
        "+OK",
      ]);
      expect(await peer.ask("AUTH", "three")).toStartWith("-WRONGPASS");
      expect(await peer.ask("CONFIG", "GET", "requirepass")).toBe("*[$requirepass $one]");
    });

    test("CLIENT LIST names the user, and CLIENT KILL USER ends its connections", async () => {
      const server = await withoutUsers(common());
      await using admin = await Peer.connect(server.port);
      await admin.ask("ACL", "SETUSER", "u", "on", "nopass", "+@all");
      await using first = await login(server.port, "u");
      await using second = await login(server.port, "u");
      const list = await admin.ask("CLIENT", "LIST");
      expect(list.match(/user=u /g)).toHaveLength(2);
      expect(await admin.ask("CLIENT", "KILL", "USER", "nobody")).toBe(
        "-ERR No such user 'nobody'",
      );
      expect(await admin.ask("CLIENT", "KILL", "USER", "u")).toBe(":2");
      for (const peer of [first, second]) {
        expect(await peer.ask("PING").catch(() => "closed")).toBe("closed");
      }
    });

    test("what was refused is in ACL LOG once with a count, newest first", async () => {
      const server = await withoutUsers(common());
      await using admin = await Peer.connect(server.port);
      await admin.ask(
        "ACL",
        "SETUSER",
        "u",
        "on",
        "nopass",
        "+multi",
        "+exec",
        "+set",
        "+publish",
        "~a",
      );
      await using peer = await login(server.port, "u");
      for (let i = 0; i < 3; i++) await peer.ask("GET", "x");
      await peer.ask("SET", "b", "v");
      await peer.ask("PUBLISH", "c", "m");
      await peer.ask("MULTI");
      await peer.ask("GET", "x");
      await peer.ask("EXEC");
      await peer.ask("AUTH", "nobody", "x");
      const shown = await admin.ask("ACL", "LOG");
      const entries = [...shown.matchAll(/\$count :(\d+) (.*?) \$age-seconds/g)].map(
        ([, count, rest]) => `${count} ${rest.replaceAll("$", "")}`,
      );
      expect(entries).toEqual([
        "1 reason auth context toplevel object AUTH username nobody",
        "1 reason command context multi object get username u",
        "1 reason channel context toplevel object c username u",
        "1 reason key context toplevel object b username u",
        "3 reason command context toplevel object get username u",
      ]);
      expect(shown).toContain("$client-info $id=");
      expect((await admin.ask("ACL", "LOG", "2")).match(/count/g)).toHaveLength(2);
      expect(await admin.ask("ACL", "LOG", "RESET")).toBe("+OK");
      expect(await admin.ask("ACL", "LOG")).toBe("*[]");
      await admin.ask("CONFIG", "SET", "acllog-max-len", "2");
      for (const key of ["b", "c", "d"]) await peer.ask("SET", key, "v");
      expect((await admin.ask("ACL", "LOG")).match(/count/g)).toHaveLength(2);
    });

    test("a subscriber that loses a channel is disconnected, one that keeps its own is not", async () => {
      const server = await withoutUsers(common());
      await using admin = await Peer.connect(server.port);
      const rules = ["on", "nopass", "resetchannels", "+@all"];
      await admin.ask("ACL", "SETUSER", "u", ...rules, "&a", "&b*", "&s");
      const subscriptions = [
        ["SUBSCRIBE", "a"],
        ["PSUBSCRIBE", "b*"],
        ["SSUBSCRIBE", "s"],
        ["SUBSCRIBE", "bc"],
      ];
      const peers: Peer[] = [];
      for (const words of subscriptions) {
        const peer = await login(server.port, "u");
        peers.push(peer);
        expect(await peer.ask(...words)).toStartWith("*[$");
        const lower = words[0].toLowerCase();
        expect([lower, verdictOf(await peer.ask(words[0], "other"))]).toEqual([lower, "h"]);
        // Only a literal pattern of its own is a pattern that the user may have.
        if (lower === "psubscribe") expect(verdictOf(await peer.ask("PSUBSCRIBE", "bc"))).toBe("h");
      }
      const alive = async () => {
        const list = await admin.ask("CLIENT", "LIST");
        return list.match(/ user=u /g)?.length ?? 0;
      };
      await admin.ask("ACL", "SETUSER", "u", "&more");
      expect(await alive()).toBe(4);
      await admin.ask("ACL", "SETUSER", "u", "allchannels");
      expect(await alive()).toBe(4);
      await admin.ask("ACL", "SETUSER", "u", "resetchannels", "&a", "&b?", "&s");
      expect(await alive()).toBe(3); // b* is no longer a pattern of the user; bc still fits
      await admin.ask("ACL", "SETUSER", "u", "resetchannels", "&a");
      expect(await alive()).toBe(1);
      expect(await admin.ask("PUBLISH", "a", "m")).toBe(":1");
      expect(await peers[0].shown()).toBe("*[$message $a $m]");
      await admin.ask("ACL", "SETUSER", "u", "resetchannels");
      await waitFor(async () => (await alive()) === 0, { message: "the last one to go" });
      for (const peer of peers) await peer[Symbol.asyncDispose]();
    });
  });
}
