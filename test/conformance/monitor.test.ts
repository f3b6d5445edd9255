/**
 * MONITOR: which commands are shown, in which order and form, what is hidden, against our node with
 * one thread and with two, and against redis-server.
 * Invariant: a case that holds for redis-server and not for our node is a fault of our node.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { quickestMs } from "../support/quickest.ts";
import { contestants, forAllCases, oracle, ours, oursWithThreads } from "../support/servers.ts";
import { type Argument, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

for (const contestant of [...contestants, oursWithThreads(2)]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());

    test("a line has time, database, address, and the arguments as they were sent", async () => {
      await using seen = await Seen.open(server().port);
      await seen.run("set", "k", 'a"b\\c\n\r\t\x07\b\x00\x7f é');
      const lines = await seen.lines();
      const address = textOf(await seen.client.typed("CLIENT", "INFO")).match(/addr=(\S+)/)?.[1];
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/^\d{10}\.\d{6} \[0 127\.0\.0\.1:\d+\] /);
      expect(lines[0]).toContain(` [0 ${address}] `);
      const told = String.raw`"set" "k" "a\"b\\c\n\r\t\a\b\x00\x7f \xc3\xa9"`;
      expect(lines[0]).toEndWith(told);
      const atMs = Number((lines[0] as string).split(" ")[0]) * 1000;
      expect(Math.abs(atMs - Date.now())).toBeLessThan(600_000);
    });

    test("commands of a transaction are shown where they run, before EXEC", async () => {
      await using seen = await Seen.open(server().port);
      for (const command of ["MULTI", "SET a 1", "INCR a", "EXEC", "MULTI", "GET a", "DISCARD"]) {
        await seen.run(...command.split(" "));
      }
      for (const command of ["WATCH a", "SET a 5", "MULTI", "GET a", "EXEC"]) {
        await seen.run(...command.split(" "));
      }
      expect(await seen.commands()).toEqual([
        ...['"MULTI"', '"SET" "a" "1"', '"INCR" "a"', '"EXEC"', '"MULTI"', '"DISCARD"'],
        ...['"WATCH" "a"', '"SET" "a" "5"', '"MULTI"', '"EXEC"'],
      ]);
    });

    test("a script is shown before the commands that it runs, and those as its own", async () => {
      await using seen = await Seen.open(server().port);
      const script = "redis.call('set', KEYS[1], 7) return redis.pcall('INCR', KEYS[1])";
      await seen.run("EVAL", script, "1", "k");
      await seen.run("EVALSHA", "0".repeat(40), "0");
      for (const command of ["MULTI", "EVAL_RO return{redis.call('GET',KEYS[1])} 1 k", "EXEC"]) {
        await seen.run(...command.split(" "));
      }
      await seen.run("EVAL", "redis.call('SELECT', 3) return redis.call('GET', 'k')", "0");
      const lines = await seen.lines();
      expect(lines.map((line) => line.replace(/^\S+ /, "").replace(/127\S+\]/, "client]"))).toEqual(
        [
          `[0 client] "EVAL" "${script}" "1" "k"`,
          ...['[0 lua] "set" "k" "7"', '[0 lua] "INCR" "k"'],
          `[0 client] "EVALSHA" "${"0".repeat(40)}" "0"`,
          '[0 client] "MULTI"',
          `[0 client] "EVAL_RO" "return{redis.call('GET',KEYS[1])}" "1" "k"`,
          ...['[0 lua] "GET" "k"', '[0 client] "EXEC"'],
          `[0 client] "EVAL" "redis.call('SELECT', 3) return redis.call('GET', 'k')" "0"`,
          ...['[3 lua] "SELECT" "3"', '[3 lua] "GET" "k"'],
        ],
      );
    });

    test("what is refused, and what only administrators run, is not shown", async () => {
      await using seen = await Seen.open(server().port);
      for (const command of [
        "GET",
        "NOSUCH x",
        "CONFIG GET port",
        "CLIENT LIST",
        "SLOWLOG LEN",
        "CLIENT ID",
        "SUBSCRIBE x",
        "UNSUBSCRIBE x",
        "PUBLISH ch msg",
        "INCR a b",
        "GET k",
      ]) {
        await seen.run(...command.split(" "));
      }
      expect(await seen.commands()).toEqual([
        ...['"CLIENT" "ID"', '"SUBSCRIBE" "x"', '"UNSUBSCRIBE" "x"', '"PUBLISH" "ch" "msg"'],
        '"GET" "k"',
      ]);
    });

    test("passwords are hidden", async () => {
      await using seen = await Seen.open(server().port);
      await seen.run("AUTH", "default", "secret");
      await seen.run("AUTH", "secret");
      await seen.run("HELLO", "2", "AUTH", "default", "secret", "SETNAME", "x");
      await seen.run("AUTH", "secret".repeat(50));
      await seen.run("MIGRATE", "127.0.0.1", "1", "none", "0", "1", "AUTH2", "me", "secret");
      expect(await seen.commands()).toEqual([
        '"AUTH" "(redacted)" "(redacted)"',
        '"AUTH" "(redacted)"',
        '"HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "x"',
        '"AUTH" "(redacted)"',
        '"MIGRATE" "127.0.0.1" "1" "none" "0" "1" "AUTH2" "(redacted)" "(redacted)"',
      ]);
    });

    // Redis shows it.
    if (contestant !== oracle) {
      test("passwords are hidden in commands that COMMAND GETKEYS asks about", async () => {
        await using seen = await Seen.open(server().port);
        const asked = ["COMMAND", "GETKEYS", "AUTH", "secret"];
        for (const command of [asked, ["MULTI"], asked, ["EXEC"]]) await seen.run(...command);
        await seen.run("EVAL", "return redis.pcall('COMMAND', 'GETKEYS', 'AU' .. 'TH', 'se')", "0");
        const shown = '"COMMAND" "GETKEYS" "AUTH" "(redacted)"';
        const commands = await seen.commands();
        const asking = commands.filter((line) => line.startsWith('"COMMAND"'));
        expect(asking).toEqual([shown, shown, shown]);
      });

      test("a request that names commands in commands is shown at once, however deep", async () => {
        await using seen = await Seen.open(server().port);
        await seen.run(...Array.from({ length: 50_000 }, () => ["COMMAND", "GETKEYS"]).flat());
        const [line] = await seen.commands();
        expect(line).toStartWith('"COMMAND" "GETKEYS" "COMMAND" "(redacted)" "(redacted)"');
      });

      test("MIGRATE is shown at once, however many options it has", async () => {
        await using seen = await Seen.open(server().port);
        const options = Array.from({ length: 100_000 }, () => "COPY");
        let line = "";
        const bestMs = await quickestMs(5_000, async () => {
          await seen.run("MIGRATE", "h", "1", "none", "0", "1", ...options, "AUTH", "secret");
          [line = ""] = await seen.commands();
        });
        expect(bestMs).toBeLessThan(5_000);
        expect(line).toStartWith('"MIGRATE" "h" "1" "none" "0" "1" "COPY" "COPY"');
        expect(line).not.toContain("secret");
      });
    }

    test("a monitor still runs commands without keys, and sees them; RESET ends it", async () => {
      await using monitor = await Peer.connect(server().port);
      expect(await monitor.ask("MONITOR")).toBe("+OK");
      expect(await monitor.ask("PING")).toBe("+PONG");
      expect(await monitor.shown()).toEndWith('"PING"');
      expect(textOf(await monitor.typed("CLIENT", "INFO"))).toContain(" flags=O ");
      expect(await monitor.shown()).toEndWith('"CLIENT" "INFO"');
      expect(await monitor.ask("RESET")).toBe("+RESET");
      for (let i = 0; i < 3; i++) expect(await monitor.ask("PING")).toBe("+PONG");
    });

    test("a monitor has no commands for keys until RESET, alone or in a transaction", async () => {
      await using client = await Peer.connect(server().port);
      await client.ask("SET", "k", "before");
      await using monitor = await Peer.connect(server().port);
      await monitor.ask("MONITOR");
      const refusal = "-ERR Replica can't interact with the keyspace";
      const script = "EVAL 'return 1' 0";
      const refused = ["GET k", "SET k 1", "DEL k", "DBSIZE", "KEYS *", "FLUSHALL", "PUBLISH ch m"];
      for (const command of [...refused, "SWAPDB 0 1", "MEMORY USAGE k", "PFCOUNT k", script]) {
        expect([command, await monitor.askRaw(`${command}\r\n`)]).toEqual([command, refusal]);
      }
      expect(await monitor.ask("GET", "k", "more")).toStartWith("-ERR wrong number of arguments");
      expect(await monitor.ask("MULTI")).toBe("+OK");
      expect(await monitor.shown()).toEndWith('"MULTI"');
      expect(await monitor.ask("GET", "k")).toBe(refusal);
      expect(await monitor.ask("EXEC")).toStartWith("-EXECABORT");
      expect(await monitor.shown()).toEndWith('"EXEC"');
      expect(await monitor.ask("RESET")).toBe("+RESET");
      expect(await monitor.ask("GET", "k")).toBe("$before");
    });

    test("a monitor sees nothing from before it came, though another one does", async () => {
      await using seen = await Seen.open(server().port);
      await using late = await Peer.connect(server().port);
      late.write("SET a 1\r\nMONITOR\r\nPING\r\n");
      expect(await late.shown()).toBe("+OK");
      expect(await late.shown()).toBe("+OK");
      const both = [await late.shown(), await late.shown()];
      expect(both).toContain("+PONG");
      expect(both.find((line) => line !== "+PONG")).toEndWith('"PING"');
      expect(await seen.commands()).toEqual(['"SET" "a" "1"', '"PING"']);
    });

    test("in a transaction it is refused", async () => {
      await using client = await Peer.connect(server().port);
      for (const command of ["MULTI", "MONITOR", "PING"]) await client.ask(command);
      expect(await client.ask("EXEC")).toBe(
        "*[-ERR MONITOR isn't allowed for DENY BLOCKING client +PONG]",
      );
    });

    test("lines are no pushes in RESP3", async () => {
      await using monitor = await Peer.connect(server().port);
      await monitor.ask("HELLO", "3");
      await monitor.ask("MONITOR");
      await monitor.ask("ECHO", "hi");
      const line = await monitor.reply();
      expect(line.type).toBe("+");
    });
  });
}

for (const contestant of [ours, oursWithThreads(2)]) {
  describe(`beyond Redis: ${contestant.name}`, () => {
    const common = forAllCases(() => contestant.start());

    test("the log is off when the last monitor has gone", async () => {
      const server = common();
      const monitor = await Peer.connect(server.port);
      await monitor.ask("MONITOR");
      await monitor[Symbol.asyncDispose]();
      await using seen = await Seen.open(server.port);
      await seen.run("GET", "k");
      expect(await seen.commands()).toEqual(['"GET" "k"']);
    });

    test("of very long arguments only the beginning is shown", async () => {
      const server = common();
      await using seen = await Seen.open(server.port);
      await seen.run("SET", "k", "v".repeat(3_000_000), "EX", "100");
      const [line] = await seen.commands();
      expect(line?.length).toBeLessThan(600_000);
      expect(line).toMatch(/^"SET" "k" "v{9}/);
      expect(line).toMatch(/v\.\.\. \(\d+ more bytes\)" \.\.\. \(2 more arguments\)$/);
    });

    test("a monitor that does not read is disconnected", async () => {
      const server = common();
      await using client = await Peer.connect(server.port);
      await using monitor = await Peer.connect(server.port);
      await client.ask("CONFIG", "SET", "client-output-buffer-limit", "normal 10mb 0 0");
      await monitor.ask("MONITOR");
      monitor.pause();
      const value = "v".repeat(400_000);
      await waitFor(async () => {
        for (let i = 0; i < 20; i++) await client.ask("SET", "k", value);
        return !(await client.ask("CLIENT", "LIST")).includes("flags=O");
      });
    });
  });
}

/** A monitor, and a client whose commands it sees. */
class Seen {
  readonly client: Peer;
  private readonly monitor: Peer;
  private ends = 0;

  private constructor(client: Peer, monitor: Peer) {
    this.client = client;
    this.monitor = monitor;
  }

  static async open(port: number): Promise<Seen> {
    const client = await Peer.connect(port);
    const monitor = await Peer.connect(port);
    expect(await monitor.ask("MONITOR")).toBe("+OK");
    return new Seen(client, monitor);
  }

  async run(...args: Argument[]): Promise<void> {
    await this.client.typed(...args);
  }

  /** The lines up to now: a command of its own is seen last. */
  async lines(): Promise<string[]> {
    const end = `end ${++this.ends}`;
    await this.client.typed("ECHO", end);
    const found: string[] = [];
    for (;;) {
      const line = textOf(await this.monitor.reply());
      if (line.endsWith(`"ECHO" "${end}"`)) return found;
      found.push(line);
    }
  }

  /** The same without time and address. */
  async commands(): Promise<string[]> {
    return (await this.lines()).map((line) => line.slice(line.indexOf('] "') + 2));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.monitor[Symbol.asyncDispose]();
  }
}
