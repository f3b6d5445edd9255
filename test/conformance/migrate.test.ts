/**
 * MIGRATE between nodes of ours and Redis in each direction: what arrives, what stays, and the
 * words of each failure. redis-server is the judge wherever it is the source. For what only a node
 * does, other clients that go on meanwhile, the target is scripted.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, freePort, type TestNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";
import { startTls, tlsBed } from "../support/tls-bed.ts";

setDefaultTimeout(caseMsMax);

const host = "127.0.0.1";
const patience = 30_000;

for (const from of [oracle, oursWithThreads(1), oursWithThreads(2)]) {
  for (const to of [oracle, ours]) {
    describe.skipIf(from.isMissing || to.isMissing)(`from ${from.name} to ${to.name}`, () => {
      let source: TestNode;
      let target: TestNode;
      let here: Peer;
      let there: Peer;
      beforeAll(async () => {
        [source, target] = [await from.start(), await to.start([to.passwordFlag, "p"])];
        [here, there] = [await Peer.connect(source.port), await Peer.connect(target.port)];
        await there.ask("AUTH", "p");
      });
      afterAll(async () => {
        for (const one of [here, there, source, target]) await one[Symbol.asyncDispose]();
      });
      const migrate = (...rest: (string | Uint8Array)[]) => {
        const [key = "", ...options] = rest;
        return here.ask("MIGRATE", host, target.port, key, 3, patience, "AUTH", "p", ...options);
      };

      // First, because a Redis keeps its connection, and with it the login.
      test("a login that the target refuses leaves the key", async () => {
        await here.ask("SET", "stays", "v");
        const to0 = ["MIGRATE", host, target.port, "stays", 0, patience] as const;
        const error = "-ERR Target instance replied with error: ";
        expect(await here.ask(...to0)).toStartWith(`${error}NOAUTH`);
        expect(await here.ask(...to0, "AUTH", "x")).toStartWith(`${error}WRONGPASS`);
        expect(await here.ask(...to0, "AUTH2", "nobody", "p")).toStartWith(`${error}WRONGPASS`);
        expect(await here.ask("GET", "stays")).toBe("$v");
        expect(await here.ask(...to0, "AUTH2", "default", "p")).toBe("+OK");
        expect(await here.ask("EXISTS", "stays")).toBe(":0");
      });

      test("a key moves with its bytes and its expiry, into a database", async () => {
        await there.ask("SELECT", 3);
        const key = Buffer.from([0, 13, 10, 255]);
        const values = ["", "12", "text", Buffer.alloc(3_000_000, "large "), Buffer.from([0, 255])];
        for (const value of values) {
          await here.ask("SET", key, value, "PX", 10_000_000);
          const shown = await here.ask("GET", key);
          expect(await migrate(key)).toBe("+OK");
          expect(await here.ask("EXISTS", key)).toBe(":0");
          expect(await there.ask("GET", key)).toBe(shown);
          const left = Number((await there.ask("PTTL", key)).slice(1));
          expect(left).toBeGreaterThan(9_000_000);
          expect(left).toBeLessThanOrEqual(10_000_000);
          await there.ask("DEL", key);
        }
        await here.ask("SET", "lasting", "v");
        expect(await migrate("lasting")).toBe("+OK");
        expect(await there.ask("TTL", "lasting")).toBe(":-1");
      });

      test("COPY leaves it, and only REPLACE takes the place of one that is there", async () => {
        await here.ask("SET", "both", "1");
        expect(await migrate("both", "COPY")).toBe("+OK");
        expect(await here.ask("GET", "both")).toBe("$1");
        await here.ask("SET", "both", "2");
        const busy =
          "-ERR Target instance replied with error: BUSYKEY Target key name already exists.";
        expect(await migrate("both")).toBe(busy);
        expect(await here.ask("GET", "both")).toBe("$2");
        expect(await migrate("both", "COPY", "REPLACE")).toBe("+OK");
        expect([await here.ask("GET", "both"), await there.ask("GET", "both")]).toEqual([
          "$2",
          "$2",
        ]);
      });

      test("KEYS moves those that there are, and an error for one keeps no other", async () => {
        await here.ask("MSET", "m1", "1", "m2", "2", "m3", "3");
        await there.ask("SET", "m2", "in the way");
        const busy =
          "-ERR Target instance replied with error: BUSYKEY Target key name already exists.";
        expect(await migrate("", "KEYS", "m1", "missing", "m2", "m3")).toBe(busy);
        expect(await here.ask("MGET", "m1", "m2", "m3")).toBe("*[$null $2 $null]");
        expect(await there.ask("MGET", "m1", "m2", "m3")).toBe("*[$1 $in the way $3]");
        expect(await migrate("", "REPLACE", "KEYS", "m2")).toBe("+OK");
        expect(await migrate("", "KEYS", "m1", "missing")).toBe("+NOKEY");
        expect(await migrate("missing")).toBe("+NOKEY");
      });

      test("many keys move at once", async () => {
        const keys = Array.from({ length: 3_000 }, (_, i) => `many:${i}`);
        await here.ask("MSET", ...keys.flatMap((key) => [key, key.repeat(60)]));
        expect(await migrate("", "KEYS", ...keys)).toBe("+OK");
        expect(await here.ask("EXISTS", ...keys)).toBe(":0");
        expect(await there.ask("EXISTS", ...keys)).toBe(":3000");
      });

      test("in a transaction it does the same", async () => {
        await here.ask("MULTI");
        await here.ask("SET", "inside", "v");
        expect(await migrate("inside")).toBe("+QUEUED");
        await here.ask("EXISTS", "inside");
        expect(await here.ask("EXEC")).toBe("*[+OK +OK :0]");
        expect(await there.ask("GET", "inside")).toBe("$v");
      });
    });
  }

  describe.skipIf(from.isMissing)(`errors of ${from.name}`, () => {
    let source: TestNode;
    let here: Peer;
    beforeAll(async () => {
      source = await from.start();
      here = await Peer.connect(source.port);
      await here.ask("SET", "k", "v");
    });
    afterAll(async () => {
      for (const one of [here, source]) await one[Symbol.asyncDispose]();
    });

    test.each([
      [["k", 0, 1, "NONSENSE"], "-ERR syntax error"],
      [["k", 0, 1, "AUTH"], "-ERR syntax error"],
      [["k", 0, 1, "AUTH2", "u"], "-ERR syntax error"],
      [["k", "x", 1], "-ERR value is not an integer or out of range"],
      [["nothing", 0, "x"], "-ERR value is not an integer or out of range"],
      [
        ["k", 0, 1, "KEYS", "k"],
        "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
      ],
      [["", 0, 1, "KEYS"], "+NOKEY"],
      [["k", 0], "-ERR wrong number of arguments for 'migrate' command"],
    ])("%p is answered by %p", async (rest, wanted) => {
      expect(await here.ask("MIGRATE", host, 1, ...rest)).toBe(wanted);
    });

    test("a target that is not there, or says nothing, is an IOERR, and the key stays", async () => {
      const failed = (what: string) => `-IOERR error or timeout ${what}`;
      const closed = await freePort();
      expect(await here.ask("MIGRATE", host, closed, "k", 0, 5_000)).toBe(
        failed("writing to target instance"),
      );
      expect(await here.ask("MIGRATE", "no.such.host.invalid", 1, "k", 0, 60_000)).toBe(
        failed("connecting to the client"),
      );
      using silent = scripted(() => "");
      expect(await here.ask("MIGRATE", host, silent.port, "k", 0, 100)).toBe(
        failed("reading to target instance"),
      );
      expect(await here.ask("GET", "k")).toBe("$v");
    });

    test("the keys are found by COMMAND GETKEYS", async () => {
      const ask = (...rest: string[]) => {
        return here.ask("COMMAND", "GETKEYS", "MIGRATE", "h", "1", ...rest);
      };
      expect(await ask("k", "0", "1")).toBe("*[$k]");
      expect(await ask("", "0", "1", "AUTH", "keys", "KEYS", "a", "b")).toBe("*[$a $b]");
      expect(await ask("k", "0", "1", "KEYS", "a")).toBe(
        "-ERR Invalid arguments specified for command",
      );
    });

    test("the rules of a user hold for each key, and MONITOR shows no password", async () => {
      await using peer = await Peer.connect(source.port);
      await using monitor = await Peer.connect(source.port);
      await here.ask("ACL", "SETUSER", "mover", "on", "nopass", "+migrate", "~m*");
      await peer.ask("AUTH", "mover", "x");
      await monitor.ask("MONITOR");
      const noPermission =
        "-NOPERM this user has no permissions to access one of the keys used as arguments";
      const to = ["MIGRATE", host, "1"];
      expect(await peer.ask(...to, "k", 0, 1)).toBe(noPermission);
      expect(await peer.ask(...to, "", 0, 1, "AUTH", "KEYS", "KEYS", "m", "k")).toBe(noPermission);
      expect(await peer.ask(...to, "", 0, 1, "AUTH2", "u", "secret", "KEYS", "m")).toBe("+NOKEY");
      const shown = await monitor.shown();
      expect(shown).toContain('"AUTH2" "(redacted)" "(redacted)" "KEYS" "m"');
    });
  });
}

/** A server that answers each thing it is sent by what the function returns. */
function scripted(answer: (text: string) => string | Promise<string>) {
  const listener = Bun.listen({
    hostname: host,
    port: 0,
    socket: {
      data: async (socket, bytes) => void socket.write(await answer(bytes.toString("latin1"))),
    },
  });
  return { port: listener.port, [Symbol.dispose]: () => listener.stop(true) };
}

/** Confirms RESTORE when it may. */
function patientTarget() {
  const restored = Promise.withResolvers<void>();
  const mayAnswer = Promise.withResolvers<void>();
  const target = scripted(async (text) => {
    if (!text.includes("RESTORE")) return "+OK\r\n";
    restored.resolve();
    await mayAnswer.promise;
    return "+OK\r\n";
  });
  return { target, restored: restored.promise, goOn: mayAnswer.resolve };
}

for (const from of [oursWithThreads(1), oursWithThreads(2)]) {
  describe(`while the target takes its time, ${from.name}`, () => {
    const shared = forAllCases(() => from.start());

    test("others are served, and a key that they change stays", async () => {
      const source = shared();
      await using here = await Peer.connect(source.port);
      await using other = await Peer.connect(source.port);
      const changes = [
        ["SET", "k", "2"],
        ["APPEND", "k", "x"],
        ["PEXPIRE", "k", "1000000"],
        ["DEL", "k"],
      ];
      for (const change of changes) {
        const { target, restored, goOn } = patientTarget();
        await here.ask("SET", "k", "1");
        here.send("MIGRATE", host, target.port, "k", 0, patience);
        await restored;
        expect(await other.ask("GET", "k")).toBe("$1");
        await other.ask(...change);
        const now = await other.ask("GET", "k");
        goOn();
        expect(await here.shown()).toStartWith("-TRYAGAIN Keys were changed");
        expect(await here.ask("GET", "k")).toBe(now);
        target[Symbol.dispose]();
      }
    });

    test("a node that gets a leader, or a pause, keeps the key", async () => {
      await using leader = await ours.start();
      const source = shared();
      await using operator = await Peer.connect(source.port);
      for (const [order, end, wanted] of [
        [["CLIENT", "PAUSE", "60000", "WRITE"], ["CLIENT", "UNPAUSE"], "-TRYAGAIN A pause began"],
        [["REPLICAOF", host, `${leader.port}`], ["REPLICAOF", "NO", "ONE"], "-READONLY"],
      ] as const) {
        const { target, restored, goOn } = patientTarget();
        await operator.ask("SET", "k", "1");
        await using mover = await Peer.connect(source.port);
        mover.send("MIGRATE", host, target.port, "k", 0, patience);
        await restored;
        expect(await operator.ask(...order)).toBe("+OK");
        goOn();
        const answer = await mover.shown().catch(() => "-READONLY, and its clients were closed");
        expect(answer).toStartWith(wanted);
        expect(await operator.ask(...end)).toBe("+OK");
        target[Symbol.dispose]();
      }
    });
  });
}

test("a follower loses what its leader has moved", async () => {
  await using source = await ours.start();
  await using target = await ours.start();
  await using follower = await ours.start(["--leaderaddr", source.address]);
  await using here = await Peer.connect(source.port);
  await using reader = await Peer.connect(follower.port);
  await here.ask("SET", "k", "v");
  await waitFor(async () => (await reader.ask("GET", "k")) === "$v");
  expect(await here.ask("MIGRATE", host, target.port, "k", 0, patience)).toBe("+OK");
  await waitFor(async () => (await reader.ask("GET", "k")) === "$null");
  expect(await reader.ask("MIGRATE", host, target.port, "k", 0, patience)).toStartWith("-READONLY");
});

test("by TLS it moves keys to a node that trusts the source", async () => {
  await using bed = await tlsBed();
  await using target = await startTls(bed, { "tls-auth-clients": "yes" });
  await using source = await startTls(bed, { "tls-replication": "yes" });
  await using stranger = await startTls(bed, {
    "tls-replication": "yes",
    "tls-ca-cert-file": bed.stranger.cert,
  });
  for (const [from, wanted] of [
    [source, "+OK"],
    [stranger, "-IOERR error or timeout connecting to the client"],
  ] as const) {
    await using here = await Peer.connect(from.port);
    await here.ask("SET", "k", "v");
    const to = [host, target.tlsPort, "k", 0, patience, "REPLACE"];
    expect(await here.ask("MIGRATE", ...to)).toBe(wanted);
  }
  await using there = await Peer.connect(target.port);
  expect(await there.ask("GET", "k")).toBe("$v");
});
