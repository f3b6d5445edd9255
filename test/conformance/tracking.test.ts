/**
 * CLIENT TRACKING on the wire, in RESP3 and by redirection in RESP2, against our node with one
 * thread and with two, and against redis-server. What crosses threads arrives in store order, so a
 * last change of a tracked key shows that nothing else comes before it.
 * Invariant: a case that holds for redis-server and not for our node is a fault of our node.
 */
import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { contestants, forAllCases, ours, oursWithThreads } from "../support/servers.ts";
import { pushOf, TrackingRoom as Room } from "../support/tracking-room.ts";

setDefaultTimeout(caseMsMax);

const threaded = oursWithThreads(2);

for (const contestant of [...contestants, threaded]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());
    beforeEach(async () => {
      await using client = await Peer.connect(server().port);
      await client.ask("FLUSHALL");
    });
    const open = async () => await Room.open(server().port);
    keyCases(open);
    broadcastCases(open);
    redirectCases(open);
    commandCases(open);
    // Between threads it takes a moment.
    if (contestant !== threaded) orderCases(open);
  });
}

for (const contestant of [ours, oursWithThreads(2)]) {
  describe(`beyond Redis: ${contestant.name}`, () => {
    const common = forAllCases(() => contestant.start());

    test("what a client had read is dropped at its end where its invalidations went", async () => {
      const server = common();
      await using room = await Room.open(server.port);
      const { reader: target } = room;
      const id = (await target.ask("CLIENT", "ID")).slice(1);
      const reader = await room.connect();
      await reader.ask("CLIENT", "TRACKING", "ON", "REDIRECT", id);
      await reader.typed("MGET", "a", "b");
      await reader.typed("GET", "c");
      await room.writer.ask("SET", "b", "1");
      expect(await target.shown()).toBe(pushOf("b"));
      await reader[Symbol.asyncDispose]();
      expect(await target.shown()).toBe(pushOf("a", "c"));
      await room.writer.ask("SET", "a", "1");
      await target.ask("CLIENT", "TRACKING", "ON");
      expect(await room.pushes()).toEqual([]);
    });

    test("if more has changed than the event log holds, everything is to be dropped", async () => {
      const server = common();
      await using room = await Room.open(server.port);
      await room.reader.ask("CLIENT", "TRACKING", "ON");
      await room.reader.typed("GET", "k");
      const pairs = Array.from({ length: 2000 }, (_, i) => [`key ${i}`.padEnd(10_000), "v"]);
      await room.writer.ask("MSET", ...pairs.flat(), "k", "v");
      expect(await room.reader.shown()).toBe(">[$invalidate _null]");
      await room.reader.typed("GET", "k");
      await room.writer.ask("SET", "k", "v");
      expect(await room.reader.shown()).toBe(pushOf("k"));
    });

    test("a client that does not read its invalidations is disconnected", async () => {
      const server = common();
      await using room = await Room.open(server.port);
      await room.writer.ask("CONFIG", "SET", "client-output-buffer-limit", "normal 10mb 0 0");
      await room.reader.ask("CLIENT", "TRACKING", "ON", "BCAST");
      room.reader.pause();
      const name = "k".repeat(100_000);
      await waitFor(async () => {
        for (let i = 0; i < 100; i++) await room.writer.ask("SET", `${name}${i}`, "v");
        return !(await room.writer.ask("CLIENT", "LIST")).includes("flags=tB");
      });
      await room.untilInfo({ clients: 0, keys: 0, items: 0, prefixes: 0 });
    });
  });
}

type Open = () => Promise<Room>;

const messageOf = (...keys: string[]): string => {
  return `*[$message $__redis__:invalidate *[${keys.map((key) => `$${key}`).join(" ")}]]`;
};

function keyCases(open: Open): void {
  test("a key that was read is told of at its next change, and not again", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON");
    for (const [read, ...change] of [
      ["GET", "SET", "k", "1"],
      ["GET", "INCR", "k"],
      ["STRLEN", "APPEND", "k", "x"],
      ["TTL", "EXPIRE", "k", "100"],
      ["EXISTS", "PERSIST", "k"],
      ["GETRANGE", "SETRANGE", "k", "0", "y"],
      ["GETBIT", "SETBIT", "k", "1", "0"],
      ["TYPE", "RENAME", "k", "k2"],
      ["DUMP", "COPY", "k2", "k"],
      ["GET", "DEL", "k"],
    ] as const) {
      await reader.typed(
        read,
        "k",
        ...(read === "GETRANGE" ? ["0", "1"] : []),
        ...(read === "GETBIT" ? ["0"] : []),
      );
      await writer.typed(...change);
      await writer.typed(...change);
      expect([change.join(" "), ...(await room.pushes())]).toEqual([change.join(" "), pushOf("k")]);
    }
  });

  test("a missing key, and each key of a command, are told of", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON");
    await reader.typed("MGET", "a", "b", "c");
    await writer.ask("MSET", "c", "1", "b", "2");
    expect(await room.pushes()).toEqual([pushOf("c"), pushOf("b")]);
    await writer.ask("SET", "a", "1");
    expect(await room.pushes()).toEqual([pushOf("a")]);
  });

  test("a command that changes nothing tells nothing", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await writer.ask("SET", "k", "v");
    await reader.ask("CLIENT", "TRACKING", "ON");
    await reader.typed("MGET", "k", "none");
    for (const command of ["SETNX k 1", "DEL none", "PERSIST k", "GETEX k", "EXPIRE none 1"]) {
      await writer.typed(...command.split(" "));
    }
    expect(await room.pushes()).toEqual([]);
  });

  test("a client is told of its own change after the reply, unless it wants NOLOOP", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON");
    await reader.typed("GET", "k");
    expect(await reader.ask("SET", "k", "1")).toBe("+OK");
    expect(await reader.shown()).toBe(pushOf("k"));
    await reader.ask("CLIENT", "TRACKING", "ON", "NOLOOP");
    await reader.typed("GET", "k");
    expect(await reader.ask("SET", "k", "2")).toBe("+OK");
    await writer.ask("SET", "k", "3"); // its own change has ended the tracking of the key
    expect(await room.pushes()).toEqual([]);
    await reader.typed("GET", "k");
    await writer.ask("SET", "k", "4");
    expect(await room.pushes()).toEqual([pushOf("k")]);
  });

  test("a transaction is told of after the reply to EXEC, and tracks what it reads", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON");
    await reader.typed("MGET", "a", "b");
    for (const command of ["MULTI", "SET b 1", "SET a 1", "GET c"]) {
      await reader.typed(...command.split(" "));
    }
    expect(await reader.ask("EXEC")).toBe("*[+OK +OK _null]");
    expect([await reader.shown(), await reader.shown()]).toEqual([pushOf("b"), pushOf("a")]);
    await writer.ask("SET", "c", "1");
    expect(await room.pushes()).toEqual([pushOf("c")]);
  });

  test("FLUSHALL and FLUSHDB tell to drop everything", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON");
    for (const command of ["FLUSHALL", "FLUSHDB"]) {
      await reader.typed("GET", "k");
      await writer.ask(command);
      expect(await reader.shown()).toBe(">[$invalidate _null]");
      await writer.ask("SET", "k", "1");
      expect(await room.pushes()).toEqual([]);
      expect(await reader.ask(command)).toBe("+OK");
      expect(await reader.shown()).toBe(">[$invalidate _null]");
    }
  });

  test("a key that expires is told of, to whoever notices it as well", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON", "NOLOOP");
    await writer.ask("SET", "k", "v", "PX", "300");
    expect(await reader.ask("GET", "k")).toBe("$v");
    expect(await reader.shown()).toBe(pushOf("k"));
    expect(await reader.ask("GET", "k")).toBe("_null");
  });

  test("with OPTIN only what CLIENT CACHING YES announces is tracked", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON", "OPTIN");
    await reader.typed("GET", "a");
    expect(await reader.ask("CLIENT", "CACHING", "YES")).toBe("+OK");
    expect(await reader.ask("CLIENT", "ID")).toStartWith(":");
    await reader.typed("GET", "b");
    await reader.typed("GET", "c");
    await writer.ask("MSET", "a", "1", "b", "1", "c", "1");
    expect(await room.pushes("CLIENT", "CACHING", "YES")).toEqual([pushOf("b")]);
    for (const command of ["CLIENT CACHING YES", "MULTI", "GET a", "GET b", "EXEC", "GET c"]) {
      await reader.typed(...command.split(" "));
    }
    await writer.ask("MSET", "a", "1", "b", "1", "c", "1");
    expect(await room.pushes("CLIENT", "CACHING", "YES")).toEqual([pushOf("a"), pushOf("b")]);
  });

  test("with OPTOUT all but what CLIENT CACHING NO announces is tracked", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON", "OPTOUT");
    await reader.typed("GET", "a");
    expect(await reader.ask("CLIENT", "CACHING", "NO")).toBe("+OK");
    await reader.typed("GET", "b");
    await reader.typed("GET", "c");
    await writer.ask("MSET", "a", "1", "b", "1", "c", "1");
    expect(await room.pushes()).toEqual([pushOf("a"), pushOf("c")]);
  });

  test("CLIENT CACHING holds to the end of a transaction with a command that waits", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON", "OPTOUT");
    for (const command of ["MULTI", "CLIENT CACHING NO", "SLOWLOG RESET", "GET a", "EXEC"]) {
      await reader.typed(...command.split(" "));
    }
    await reader.typed("GET", "b");
    await writer.ask("MSET", "a", "1", "b", "1");
    expect(await room.pushes()).toEqual([pushOf("b")]);
  });

  test.each(["GET", "NOSUCH", "CLIENT NOSUCH", "SET k v EX 0"])(
    "CLIENT CACHING was for %p, though it is refused",
    async (refused) => {
      await using room = await open();
      const { reader, writer } = room;
      await reader.ask("CLIENT", "TRACKING", "ON", "OPTOUT");
      expect(await reader.ask("CLIENT", "CACHING", "NO")).toBe("+OK");
      expect(await reader.ask(...refused.split(" "))).toStartWith("-ERR");
      await reader.typed("GET", "a");
      await writer.ask("SET", "a", "1");
      expect(await room.pushes()).toEqual([pushOf("a")]);
    },
  );

  test("nothing is told after OFF, RESET and HELLO 2", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON");
    await reader.typed("GET", "k");
    await reader.ask("CLIENT", "TRACKING", "OFF");
    await writer.ask("SET", "k", "1");
    await reader.ask("CLIENT", "TRACKING", "ON");
    expect(await room.pushes()).toEqual([]);
    await reader.typed("GET", "k");
    await reader.ask("HELLO", "2");
    await writer.ask("SET", "k", "2");
    expect(await reader.ask("GET", "k")).toBe("$2");
    expect(await reader.ask("RESET")).toBe("+RESET");
    await writer.ask("SET", "k", "3");
    await reader.ask("HELLO", "3");
    expect(await reader.ask("CLIENT", "TRACKINGINFO")).toBe(
      "%[$flags ~[$off] $redirect :-1 $prefixes *[]]",
    );
  });

  test("the table has a bound, beyond which keys are dropped with an invalidation", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON");
    for (const key of ["a", "b", "c"]) await reader.typed("GET", key);
    await room.untilInfo({ clients: 1, keys: 3, items: 3, prefixes: 0 });
    await writer.ask("CONFIG", "SET", "tracking-table-max-keys", "2");
    const dropped = await reader.shown();
    expect(["a", "b", "c"].map((key) => pushOf(key))).toContain(dropped);
    await writer.ask("CONFIG", "SET", "tracking-table-max-keys", "1000000");
    await writer.ask("MSET", "a", "1", "b", "1", "c", "1");
    expect([dropped, ...(await room.pushes())].sort()).toEqual(
      ["a", "b", "c"].map((k) => pushOf(k)),
    );
  });
}

function orderCases(open: Open): void {
  test("what has changed is told before the reply to what is asked later", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST");
    for (let i = 0; i < 30; i++) {
      await writer.ask("INCR", "n");
      reader.send("PING");
      expect([await reader.shown(), await reader.shown()]).toEqual([pushOf("n"), "+PONG"]);
    }
  });
}

function broadcastCases(open: Open): void {
  test("BCAST tells of every change, each key once in a turn and in order", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST");
    await writer.ask("SET", "k", "1");
    expect(await reader.shown()).toBe(pushOf("k"));
    await writer.ask("MSET", "c", "1", "a", "1", "b", "1", "c", "2");
    expect(await reader.shown()).toBe(pushOf("a", "b", "c"));
    await writer.ask("FLUSHALL");
    expect(await reader.shown()).toBe(">[$invalidate _null]");
  });

  test("PREFIX narrows it, and each prefix has a message of its own", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "user:", "PREFIX", "a");
    await writer.ask("MSET", "user:1", "1", "abc", "1", "use", "1", "user:2", "2");
    expect(await reader.shown()).toBe(pushOf("abc"));
    expect(await reader.shown()).toBe(pushOf("user:1", "user:2"));
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "z");
    await writer.ask("SET", "z1", "1");
    expect(await reader.shown()).toBe(pushOf("z1"));
    await writer.ask("SET", "abc", "1");
    expect(await reader.shown()).toBe(pushOf("abc"));
  });

  test("with NOLOOP it leaves out the client's own changes", async () => {
    await using room = await open();
    const { reader, writer } = room;
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST", "NOLOOP");
    expect(await reader.ask("SET", "own", "1")).toBe("+OK");
    await writer.ask("SET", "other", "1");
    expect(await reader.shown()).toBe(pushOf("other"));
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST");
    expect(await reader.ask("SET", "own", "1")).toBe("+OK");
    expect(await reader.shown()).toBe(pushOf("own"));
  });
}

function redirectCases(open: Open): void {
  test("a RESP2 client sends its invalidations to a connection with subscriptions", async () => {
    await using room = await open();
    const { writer } = room;
    await using reader = await room.connect();
    await using target = await room.connect();
    const id = (await target.ask("CLIENT", "ID")).slice(1);
    expect(await reader.ask("CLIENT", "TRACKING", "ON", "REDIRECT", id)).toBe("+OK");
    await target.ask("SUBSCRIBE", "__redis__:invalidate");
    await reader.typed("MGET", "a", "b");
    await writer.ask("SET", "a", "1");
    expect(await target.shown()).toBe(messageOf("a"));
    await writer.ask("FLUSHALL");
    expect(await target.shown()).toBe("*[$message $__redis__:invalidate $null]");
    expect(await reader.ask("CLIENT", "GETREDIR")).toBe(`:${id}`);
  });

  test("a RESP3 connection gets the invalidations of another as pushes", async () => {
    await using room = await open();
    const { writer, reader: target } = room;
    await using reader = await room.connect();
    const id = (await target.ask("CLIENT", "ID")).slice(1);
    await reader.ask("CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", "a");
    await writer.ask("SET", "a1", "1");
    expect(await target.shown()).toBe(pushOf("a1"));
  });

  test("a client learns that the connection it redirects to has gone", async () => {
    await using room = await open();
    const { writer, reader } = room;
    const target = await room.connect();
    const id = (await target.ask("CLIENT", "ID")).slice(1);
    await reader.ask("CLIENT", "TRACKING", "ON", "REDIRECT", id);
    await reader.typed("GET", "k");
    await target[Symbol.asyncDispose]();
    await room.untilGone(id);
    await writer.ask("SET", "k", "1");
    expect(await reader.shown()).toBe(`>[$tracking-redir-broken :${id}]`);
    expect(await reader.ask("CLIENT", "TRACKINGINFO")).toBe(
      `%[$flags ~[$on $broken_redirect] $redirect :${id} $prefixes *[]]`,
    );
    expect(await room.flagsOf(reader)).toBe("tR");
    const refused = await reader.ask("CLIENT", "TRACKING", "ON", "REDIRECT", id);
    expect(refused).toBe("-ERR The client ID you want redirect to does not exist");
    expect(await reader.ask("CLIENT", "TRACKING", "ON")).toBe("+OK");
    expect(await room.pushes()).toEqual([]);
  });
}

function commandCases(open: Open): void {
  test("options that do not go together are refused in Redis's words", async () => {
    await using room = await open();
    const { reader } = room;
    const refusals: [string, string][] = [
      ["ON PREFIX a", "PREFIX option requires BCAST mode to be enabled"],
      ["ON BCAST OPTIN", "OPTIN and OPTOUT are not compatible with BCAST"],
      ["ON OPTIN OPTOUT", "You can't specify both OPTIN mode and OPTOUT mode"],
      ["ON WRONG", "syntax error"],
      ["ON REDIRECT", "syntax error"],
      ["MAYBE", "syntax error"],
      ["ON REDIRECT x", "value is not an integer or out of range"],
      ["ON REDIRECT 999999", "The client ID you want redirect to does not exist"],
      [
        "ON BCAST PREFIX ab PREFIX abc",
        "Prefix 'ab' overlaps with another provided prefix 'abc'. Prefixes for a single client " +
          "must not overlap.",
      ],
    ];
    for (const [options, error] of refusals) {
      const reply = await reader.ask("CLIENT", "TRACKING", ...options.split(" "));
      expect([options, reply]).toEqual([options, `-ERR ${error}`]);
    }
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "abc");
    const switched = "before disabling tracking for this client, and then re-enabling it with a";
    expect(await reader.ask("CLIENT", "TRACKING", "ON")).toBe(
      `-ERR You can't switch BCAST mode on/off ${switched} different mode.`,
    );
    expect(await reader.ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a")).toBe(
      "-ERR Prefix 'a' overlaps with an existing prefix 'abc'. Prefixes for a single client must " +
        "not overlap.",
    );
    await reader.ask("CLIENT", "TRACKING", "OFF");
    await reader.ask("CLIENT", "TRACKING", "ON", "OPTIN");
    expect(await reader.ask("CLIENT", "TRACKING", "ON", "OPTOUT")).toBe(
      `-ERR You can't switch OPTIN/OPTOUT mode ${switched} different mode.`,
    );
  });

  test("CLIENT CACHING needs a mode that it makes sense in", async () => {
    await using room = await open();
    const { reader } = room;
    const caching = async (word: string) => await reader.ask("CLIENT", "CACHING", word);
    expect(await caching("YES")).toBe(
      "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or " +
        "OPTOUT mode enabled",
    );
    await reader.ask("CLIENT", "TRACKING", "ON");
    expect(await caching("YES")).toBe(
      "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
    );
    expect(await caching("NO")).toBe(
      "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
    );
    expect(await caching("MAYBE")).toBe("-ERR syntax error");
  });

  test("a reply to TRACKINGINFO comes behind all that was told of earlier changes", async () => {
    await using room = await open();
    const { reader, writer } = room;
    const keys = Array.from({ length: 15_000 }, (_, i) => `k${i}`);
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST");
    await using others = new AsyncDisposableStack();
    for (let i = 0; i < 10; i++) {
      const other = others.use(await room.connect());
      await other.ask("HELLO", "3");
      await other.ask("CLIENT", "TRACKING", "ON", "BCAST");
    }
    expect(await writer.ask("MSET", ...keys.flatMap((key) => [key, "v"]))).toBe("+OK");
    reader.send("CLIENT", "TRACKINGINFO");
    const told = new Set<string>();
    for (;;) {
      const message = await reader.shown();
      if (!message.startsWith(">[$invalidate")) break;
      for (const key of message.match(/k\d+/g) ?? []) told.add(key);
    }
    expect(told.size).toBe(keys.length);
  });

  test("TRACKINGINFO, GETREDIR, CLIENT LIST and INFO tell how a client tracks", async () => {
    await using room = await open();
    const { reader, writer } = room;
    const info = async () => await reader.ask("CLIENT", "TRACKINGINFO");
    expect(await info()).toBe("%[$flags ~[$off] $redirect :-1 $prefixes *[]]");
    expect(await reader.ask("CLIENT", "GETREDIR")).toBe(":-1");
    await reader.ask("CLIENT", "TRACKING", "ON", "OPTIN", "NOLOOP");
    expect(await info()).toBe("%[$flags ~[$on $optin $noloop] $redirect :0 $prefixes *[]]");
    expect(await reader.ask("CLIENT", "GETREDIR")).toBe(":0");
    expect(await room.flagsOf(reader)).toBe("t");
    await reader.ask("CLIENT", "CACHING", "YES");
    expect(await info()).toContain("$optin $caching-yes $noloop");
    await reader.ask("CLIENT", "CACHING", "YES");
    await reader.typed("MGET", "a", "b");
    await room.untilInfo({ clients: 1, keys: 2, items: 2, prefixes: 0 });
    await reader.ask("CLIENT", "TRACKING", "OFF");
    await writer.ask("FLUSHALL");
    await reader.ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "b", "PREFIX", "a");
    expect(await info()).toBe("%[$flags ~[$on $bcast] $redirect :0 $prefixes *[$a $b]]");
    expect(await room.flagsOf(reader)).toBe("tB");
    await room.untilInfo({ clients: 1, keys: 0, items: 0, prefixes: 2 });
  });
}
