/**
 * The users of a node outside of its commands: the file of --acl-file, the lines of a configuration
 * file, the bounds on users and on logins, and that no secret is told anywhere. Files written by
 * one of the two servers are read by the other.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { failedLoginsMax } from "../../src/base/limits.ts";
import { loadConfig } from "../../src/config/config.ts";
import { startServer } from "../../src/node/server.ts";
import { caseMsMax, spawnNode, startNode, temporaryDirectory } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const contestants = [
  { ...ours, fileFlag: "--acl-file" },
  { ...oracle, fileFlag: "--aclfile" },
];

const hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"; // secret
const text = `user default on nopass ~* &* +@all
user keep on #${hash} ~a* resetchannels &c -@all +get (%R~b resetchannels -@all +@string)
user gone on nopass ~* &* +@all
`;

/** For a node in this process that is not to start, or not for long. */
const small = { listenaddr: "127.0.0.1:0", "max-memory": "64mb" };

function sorted(list: string): string {
  return list.replace(/\]$/, "").split(" ").sort().join(" ");
}

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(`the file of users of ${contestant.name}`, () => {
    test("is read at the start, and whole or not at all by ACL LOAD", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "users.acl");
      await writeFile(path, text);
      await using server = await contestant.start([contestant.fileFlag, path]);
      await using admin = await Peer.connect(server.port);
      expect(await admin.ask("ACL", "USERS")).toBe("*[$default $gone $keep]");
      expect(await admin.ask("CONFIG", "GET", "aclfile")).toBe(`*[$aclfile $${path}]`);
      await using keep = await Peer.connect(server.port);
      expect(await keep.ask("AUTH", "keep", "secret")).toBe("+OK");
      await using gone = await Peer.connect(server.port);
      expect(await gone.ask("AUTH", "gone", "any")).toBe("+OK");
      const broken =
        `user new on nopass\n# a comment\nuser keep on +nope +worse\n\n` +
        `user keep on\nuser x on !a ~a\nuser y (+get\n`;
      await writeFile(path, broken);
      expect(await admin.ask("ACL", "LOAD")).toBe(
        `-ERR ${path}:2 should start with user keyword followed by the username. ` +
          `${path}:3: Error in applying operation '+nope': Unknown command or category name in ACL. ` +
          `${path}:3: Error in applying operation '+worse': Unknown command or category name in ACL. ` +
          "WARNING: Duplicate user 'keep' found on line 5. " +
          `${path}:6: The password hash must be exactly 64 characters and contain only lowercase ` +
          "hexadecimal characters. " +
          `${path}:7: Unmatched parenthesis in selector definition.` +
          "WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
      );
      expect(await admin.ask("ACL", "USERS")).toBe("*[$default $gone $keep]");
      expect(await gone.ask("PING")).toBe("+PONG");
      await writeFile(path, `\n  user keep on #${hash} ~z +get \r\nuser new on nopass -@all\n`);
      expect(await admin.ask("ACL", "LOAD")).toBe("+OK");
      expect(await admin.ask("ACL", "USERS")).toBe("*[$default $keep $new]");
      expect(await gone.ask("PING").catch(() => "closed")).toBe("closed");
      expect(await admin.ask("ACL", "DRYRUN", "keep", "GET", "z")).toBe("+OK");
      await writeFile(path, "user keep on\n");
      expect(await admin.ask("ACL", "LOAD")).toBe("+OK");
      expect(await admin.ask("ACL", "LIST")).toStartWith("*[$user default on nopass");
    });

    test("is replaced by ACL SAVE, and read again by both servers", async () => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, "users.acl");
      await writeFile(path, text);
      await chmod(path, 0o644);
      await using server = await contestant.start([contestant.fileFlag, path]);
      await using admin = await Peer.connect(server.port);
      await admin.ask(
        "ACL",
        "SETUSER",
        "é",
        "on",
        ">pw",
        "~ü*",
        "&x",
        "+@read",
        "-get",
        "+select|0",
      );
      const list = sorted(await admin.ask("ACL", "LIST"));
      expect(await admin.ask("ACL", "SAVE")).toBe("+OK");
      if (contestant.name === ours.name) expect((await stat(path)).mode & 0o777).toBe(0o600);
      for (const other of contestants.filter(({ isMissing }) => !isMissing)) {
        await using reader = await other.start([other.fileFlag, path]);
        await using peer = await Peer.connect(reader.port);
        expect(sorted(await peer.ask("ACL", "LIST"))).toBe(list);
      }
    });
  });
}

describe("a node does not start", () => {
  const start = (flags: Record<string, string>, file = "") =>
    startServer(loadConfig({ ...small, ...flags }, {}, () => file)).then(
      async (server) => {
        await server.close();
        return "it started";
      },
      (error: Error) => error.message,
    );

  test("with a broken or missing file of users, or with users in two places", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "users.acl");
    expect(await start({ "acl-file": path })).toBe(
      `Error loading ACLs, opening file '${path}': no such file or directory (ENOENT)`,
    );
    await writeFile(path, "user a on +nope\n");
    expect(await start({ "acl-file": path })).toStartWith(`${path}:1: Error in applying operation`);
    await writeFile(path, "user a on\n");
    expect(await start({ "acl-file": path, config: "x" }, "user b on")).toStartWith("--acl-file: ");
    expect(await start({ config: "x" }, "user b on +nope")).toBe(
      "user b: Error in applying operation: Unknown command or category name in ACL",
    );
  });
});

describe("a user that is defined twice", () => {
  const twice = (text: string) => `${text}\nuser other on nopass\n${text.split(" +")[0]} off\n`;

  test.each(["alice", "default"])("keeps a node from starting: %s", async (name) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "users.acl");
    const text = twice(`user ${name} on nopass +@all`);
    await writeFile(path, text);
    const config = (flags: Record<string, string>) =>
      loadConfig({ ...small, ...flags }, {}, () => text);
    const start = (flags: Record<string, string>) =>
      startServer(config(flags)).then(
        () => "it started",
        (error: Error) => error.message,
      );
    expect(await start({ "acl-file": path })).toBe(
      `WARNING: Duplicate user '${name}' found on line 3. ` +
        "WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
    );
    expect(await start({ config: "x" })).toBe(
      `user ${name}: Duplicate user found. A user can only be defined once in config files`,
    );
  });

  test.each(contestants)("leaves the users as they were: $name", async (contestant) => {
    if (contestant.isMissing) return;
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "users.acl");
    await writeFile(path, text);
    await using server = await contestant.start([contestant.fileFlag, path]);
    await using admin = await Peer.connect(server.port);
    const before = await admin.ask("ACL", "LIST");
    for (const name of ["alice", "default"]) {
      await writeFile(path, `${twice(`user ${name} on nopass +@all`)}user ${name} reset\n`);
      expect(await admin.ask("ACL", "LOAD")).toBe(
        `-ERR WARNING: Duplicate user '${name}' found on line 3. ` +
          `WARNING: Duplicate user '${name}' found on line 4. ` +
          "WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
      );
      expect(await admin.ask("ACL", "LIST")).toBe(before);
    }
    // Names are told apart by their case.
    await writeFile(path, "user Alice on\nuser alice on\n");
    expect(await admin.ask("ACL", "LOAD")).toBe("+OK");
    expect(await admin.ask("ACL", "USERS")).toBe("*[$Alice $alice $default]");
  });
});

test("a file that lacks the user default leaves it the password of the configuration", async () => {
  await using directory = await temporaryDirectory();
  const aclFile = join(directory.path, "users.acl");
  await writeFile(aclFile, "user a on nopass +@all\n");
  await using node = await startNode({ aclFile, password: "secret" });
  await using peer = await Peer.connect(node.port);
  expect(await peer.ask("PING")).toStartWith("-NOAUTH");
  expect(await peer.ask("AUTH", "secret")).toBe("+OK");
  expect(await peer.ask("ACL", "LOAD")).toBe("+OK");
  await using other = await Peer.connect(node.port);
  expect(await other.ask("PING")).toStartWith("-NOAUTH");
});

test("CONFIG REWRITE writes the users to the configuration file, and a restart has them again", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "node.conf");
  const before = "# mine\nuser bob on nopass +get\nuser eve off\n# rest\nmax-clients 50\n";
  await writeFile(path, before);
  let list: string;
  {
    await using node = await spawnNode(["--config", path]);
    await using peer = await Peer.connect(node.port);
    expect(await peer.ask("ACL", "USERS")).toBe("*[$bob $default $eve]");
    expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
    expect(await readFile(path, "utf8")).toBe(before);
    await peer.ask("ACL", "DELUSER", "eve");
    await peer.ask("ACL", "SETUSER", "bob", ">pw", "~é*", "(+set ~x)");
    list = await peer.ask("ACL", "LIST");
    expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
    const [mine, bob, standard, ...rest] = (await readFile(path, "utf8")).split("\n");
    expect([mine, ...rest]).toEqual(["# mine", "# rest", "max-clients 50", ""]);
    expect([bob, standard]).toEqual([
      `user bob on #${new Bun.CryptoHasher("sha256").update("pw").digest("hex")} ~é* resetchannels ` +
        "-@all +get (~x resetchannels -@all +set)",
      "user default on nopass ~* &* +@all",
    ]);
  }
  await using again = await spawnNode(["--config", path]);
  await using peer = await Peer.connect(again.port);
  expect(await peer.ask("ACL", "LIST")).toBe(list);
});

test("CONFIG REWRITE keeps names and rules of any bytes: quotes, blanks of Unicode, broken UTF-8", async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, "node.conf");
  await writeFile(path, "");
  let list: string;
  {
    await using node = await spawnNode(["--config", path]);
    await using peer = await Peer.connect(node.port);
    const bytes = (text: string) => Buffer.from(text, "latin1");
    for (const [name, ...rules] of [
      ['"quoted"', '~"a', "~'b", "~\\x41\\", '(+get ~"c)'],
      [bytes("broken\xff"), bytes("~\xfe*"), bytes("&\x85")],
      ["", "~x"],
      ["#blank\u00a0", "~\ufeff", "~end\u3000"],
    ]) {
      expect(await peer.ask("ACL", "SETUSER", name ?? "", ...rules)).toBe("+OK");
    }
    list = await peer.ask("ACL", "LIST");
    expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
    expect(await peer.ask("CONFIG", "REWRITE")).toBe("+OK");
  }
  await using again = await spawnNode(["--config", path]);
  await using peer = await Peer.connect(again.port);
  expect(await peer.ask("ACL", "LIST")).toBe(list);
});

test("a secret is in no log, no list, no report and no error but the one that echoes it", async () => {
  await using node = await spawnNode(["--slowlog-log-slower-than", "0", "--log-level", "debug"]);
  await using peer = await Peer.connect(node.port);
  const secret = "hunter2hunter2";
  await using monitor = await Peer.connect(node.port);
  expect(await monitor.ask("MONITOR")).toBe("+OK");
  for (const args of [
    ["ACL", "SETUSER", "u", "on", `>${secret}`, "+@all", "~*", "&*"],
    ["AUTH", "u", secret],
    ["AUTH", "u", `${secret}x`],
    ["AUTH", `${secret}`],
    ["HELLO", "3", "AUTH", "u", secret, "SETNAME", "me"],
    ["HELLO", "2", "AUTH", "u", `${secret}x`],
    ["ACL", "DRYRUN", "u", "AUTH", "u", secret],
    ["CONFIG", "SET", "requirepass", secret],
    ["CONFIG", "SET", "masterauth", secret],
    ["MULTI"],
    ["AUTH", "u", secret],
    ["EXEC"],
  ]) {
    await peer.ask(...args);
  }
  const reports = [
    ...[
      "SLOWLOG GET 100",
      "INFO everything",
      "CLIENT LIST",
      "ACL LOG",
      "ACL LIST",
      "ACL GETUSER u",
    ],
    ...["COMMAND LIST", "LATENCY LATEST", "CLIENT INFO"],
  ];
  for (const report of reports) {
    expect([report, (await peer.ask(...report.split(" "))).includes(secret)]).toEqual([
      report,
      false,
    ]);
  }
  expect(await peer.ask("SLOWLOG", "GET", "100")).toContain("$(redacted)");
  const last = "the end of what is monitored";
  await peer.ask("ECHO", last);
  const monitored = await monitor.raw.readUntil(last);
  expect(monitored.toString()).toContain("(redacted)");
  expect(monitored.toString()).not.toContain(secret);
  expect(node.log()).not.toContain(secret);
});

test("ten thousand wrong passwords keep nobody waiting, and each connection has only so many", async () => {
  await using node = await startNode({ password: "secret" });
  await using bystander = await Peer.connect(node.port);
  await bystander.ask("AUTH", "secret");
  let closed = 0;
  for (let i = 0; i < 10_000 / failedLoginsMax; i++) {
    await using peer = await Peer.connect(node.port);
    peer.sendAll(Array.from({ length: failedLoginsMax + 1 }, () => ["AUTH", "wrong"]));
    const beganMs = performance.now();
    expect(await bystander.ask("PING")).toBe("+PONG");
    expect(performance.now() - beganMs).toBeLessThan(caseMsMax);
    for (let j = 0; j < failedLoginsMax; j++) {
      expect(await peer.shown()).toStartWith("-WRONGPASS");
    }
    await peer.shown().catch(() => closed++);
  }
  expect(closed).toBe(10_000 / failedLoginsMax);
  expect(await bystander.ask("ACL", "LOG")).toContain(":10000");
});

test("the binary protocol acts as the user default, and what that may not do is an error", async () => {
  await using node = await startNode();
  await using admin = await Peer.connect(node.port);
  await admin.ask("ACL", "SETUSER", "u", "on", "nopass", "+@all");
  await admin.ask("AUTH", "u", "x");
  await admin.ask("ACL", "SETUSER", "default", "-@all", "+get", "resetkeys", "~a", "+set");
  const int = (value: number) => [value, 0, 0, 0];
  const get = (key: string) => [2, ...int(key.length), ...Buffer.from(key)];
  const set = (key: string) => [1, ...get(key).slice(1), ...int(1), 0x76, ...int(100)];
  const del = (key: string) => [3, ...get(key).slice(1)];
  await using peer = await Peer.connect(node.port);
  peer.write(Uint8Array.from([...set("a"), ...get("a"), ...set("b"), ...get("b"), ...del("a")]));
  const expected = [1, 1, ...int(1), 0x76, 2, 2, ...int(0), 2];
  expect([...(await peer.raw.readExactly(expected.length))]).toEqual(expected);
  await using follower = await Peer.connect(node.port);
  follower.write(Uint8Array.from([4]));
  await follower.raw.closed();
});

test("ACL GENPASS gives so many random bits, and ACL HELP tells of it", async () => {
  await using node = await startNode();
  await using peer = await Peer.connect(node.port);
  const [first, second] = [await peer.ask("ACL", "GENPASS"), await peer.ask("ACL", "GENPASS")];
  expect([first, second]).toEqual([
    expect.stringMatching(/^\$[\da-f]{64}$/),
    expect.stringMatching(/^\$[\da-f]{64}$/),
  ]);
  expect(first).not.toBe(second);
  expect(await peer.ask("ACL", "GENPASS", "5")).toMatch(/^\$[\da-f]{2}$/);
  expect(await peer.ask("ACL", "GENPASS", "4096")).toMatch(/^\$[\da-f]{1024}$/);
  expect(await peer.ask("ACL", "HELP")).toContain("GENPASS [<bits>]");
});

test("ACL SAVE that fails says so, and leaves the users and the file as they were", async () => {
  await using directory = await temporaryDirectory();
  const aclFile = join(directory.path, "users.acl");
  await writeFile(aclFile, text);
  await using node = await startNode({ aclFile });
  await using peer = await Peer.connect(node.port);
  await rm(directory.path, { recursive: true });
  expect(await peer.ask("ACL", "SAVE")).toBe(
    "-ERR There was an error trying to save the ACLs. Please check the server logs for more " +
      "information",
  );
  expect(await peer.ask("ACL", "LOAD")).toStartWith("-ERR Error loading ACLs, opening file");
  expect(await peer.ask("ACL", "USERS")).toBe("*[$default $gone $keep]");
});
