// `mscache top` in a real terminal (tmux), and without one: what it shows of nodes under load, of
// one that dies and comes back, of a real redis-server; sizes, keys, and that the terminal is as it
// was, whatever ends the program. How numbers and lines are made is in unit/cli/top/.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  caseMsMax,
  freePort,
  type LocalNode,
  redisInstalled,
  respClient,
  runMscache,
  spawnNode,
  startNode,
  startRedis,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { nodeCommand } from "../support/programs.ts";
import { quoted, Terminal, tmuxInstalled } from "../support/tmux.ts";

setDefaultTimeout(caseMsMax);

const repository = join(import.meta.dir, "../..");

/**
 * `mscache top ...` between two lines of a shell, as a user runs it. The number of its process is
 * in `pidFile`.
 */
function top(args: readonly string[], options = {}, pidFile = "/dev/null"): Promise<Terminal> {
  const program = [...nodeCommand, "top", "--interval", "0.2", ...args];
  const command = quoted(["sh", "-c", 'echo $$ >"$0"; exec "$@"', pidFile, ...program]);
  const script = `cd ${quoted([repository])}; echo BEFORE; ${command}; S=$?; stty -a; echo ENDED $S`;
  return Terminal.start(script, options);
}

/** Sends SETs and GETs, of which half find something, until it is disposed of. */
async function load(port: number): Promise<AsyncDisposable> {
  const client = await respClient(port);
  let isOver = false;
  const work = (async () => {
    while (!isOver) {
      client.sendAll([
        ["SET", "k", "v"],
        ["GET", "k"],
        ["GET", "missing"],
      ]);
      for (let i = 0; i < 3; i++) await client.reply();
      // Real time has to pass for there to be a rate.
      await Bun.sleep(2);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await work;
      await client[Symbol.asyncDispose]();
    },
  };
}

/** Waits for the program's end and returns the screen; the terminal must be as it was. */
async function ended(terminal: Terminal, status: number): Promise<string> {
  const screen = await terminal.shows(`ENDED ${status}`);
  expect(screen).toContain("BEFORE");
  expect(await terminal.state("alternate_on")).toBe("0");
  expect(await terminal.state("cursor_flag")).toBe("1");
  expect(screen).toMatch(/[ ;]icanon/);
  expect(screen).toMatch(/[ ;]echo[ ;]/);
  return screen;
}

let node: LocalNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node[Symbol.asyncDispose]());

describe.skipIf(!tmuxInstalled())("in a terminal; tmux is not installed if skipped", () => {
  test("it shows rates of a node under load, its commands and its clients", async () => {
    await using _ = await load(node.port);
    await using terminal = await top([node.address], { columns: 130, rows: 30 });
    const line = `>${node.address} *leader +[1-9]\\S* +[45]\\d\\.\\d% .*[1-9]\\d*\\s*$`;
    const screen = await terminal.shows(new RegExp(line, "m"));
    expect(await terminal.state("alternate_on")).toBe("1");
    expect(screen).toMatch(/NODE +ROLE +REQ\/S +HITS +MEMORY +FULL .* LAG TURN\/S/);
    await terminal.shows(/^get +[1-9]\d* +\d+\.\d% +\d+\.\d\d +0$/m);
    await terminal.shows(/^127\.0\.0\.1:\d+ .* (get|set) default$/m);
  });

  test("keys choose a node, sort, pause, help, and quit", async () => {
    await using other = await startNode();
    await using terminal = await top([node.address, other.address]);
    await terminal.shows(`>${node.address}`);
    await terminal.press("Down");
    await terminal.shows(`>${other.address}`);
    await terminal.press("k");
    await terminal.shows(`>${node.address}`);
    await terminal.press("Right", "r");
    await terminal.shows("by NODE reversed  2 nodes");
    await terminal.press("p");
    await terminal.shows("PAUSED");
    await terminal.press("?");
    await terminal.shows("sort by another column");
    await terminal.press("Escape");
    await terminal.shows(`>${node.address}`);
    await terminal.press("q");
    await ended(terminal, 0);
  });

  test("a node that dies is down since then, and comes back", async () => {
    await using terminal = await (async () => {
      await using dying = await spawnNode();
      const shown = await top([dying.address, node.address]);
      await shown.shows(new RegExp(`${dying.address} +leader +\\d`));
      dying.process.kill("SIGKILL");
      await shown.shows(new RegExp(`${dying.address} leader +down since \\d\\d:\\d\\d:\\d\\d: `));
      expect(await shown.screen()).toMatch(new RegExp(` ${node.address} +leader +\\d`));
      await using again = await spawnNode(["--listenaddr", dying.address]);
      await shown.shows(new RegExp(`${again.address} +leader +\\d`));
      return shown;
    })();
    await terminal.press("C-c");
    await ended(terminal, 0);
  });

  test("a node that hangs keeps nobody from seeing the others", async () => {
    await using hanging = await spawnNode();
    await using terminal = await top([hanging.address, node.address]);
    await terminal.shows(new RegExp(`${hanging.address} +leader +\\d`));
    hanging.process.kill("SIGSTOP");
    try {
      await terminal.shows(new RegExp(`${hanging.address} leader +down since .*no reply`));
      expect(await terminal.screen()).toMatch(new RegExp(` ${node.address} +leader +\\d`));
    } finally {
      hanging.process.kill("SIGCONT");
    }
    await terminal.shows(new RegExp(`${hanging.address} +leader +\\d`));
  });

  test("it follows the size of the terminal, down to a few lines of 60 columns", async () => {
    await using terminal = await top([node.address], { columns: 130, rows: 40 });
    await terminal.shows("SLOW COMMAND");
    await terminal.resize(60, 12);
    const narrow = await terminal.shows(/ROLE +REQ\/S +HITS +MEMORY +FULL +P99\n/);
    expect(narrow).toContain(`>${node.address}`);
    expect(narrow).not.toContain("SLOW COMMAND");
    await terminal.resize(60, 4);
    await terminal.shows(/^mscache top[^\n]*\n NODE[^\n]*\n>127[^\n]*\nup\/down[^\n]*\n*$/);
    await terminal.resize(130, 40);
    await terminal.shows("SLOW COMMAND");
    await terminal.press("q");
    await ended(terminal, 0);
  });

  test.each(["TERM", "HUP"])("SIG%s leaves the terminal as it was", async (signal) => {
    await using directory = await temporaryDirectory();
    const pidFile = `${directory.path}/pid`;
    await using terminal = await top([node.address], {}, pidFile);
    await terminal.shows(`>${node.address}`);
    process.kill(Number(await Bun.file(pidFile).text()), `SIG${signal}`);
    await ended(terminal, 0);
  });

  test.each(["exception", "rejection"])(
    "an unexpected %s leaves the terminal as it was",
    async (kind) => {
      const fixture = join(import.meta.dir, "faulty-view-fixture.ts");
      const command = quoted([process.execPath, fixture, kind]);
      const script = `echo BEFORE; ${command}; S=$?; stty -a; echo ENDED $S`;
      await using terminal = await Terminal.start(script, { columns: 130 });
      const screen = await ended(terminal, 3);
      expect(screen).toContain("PASSED ON Error: a fault of the test");
      expect(screen).not.toContain("mscache top");
    },
  );

  test("Ctrl-Z gives the terminal back, and fg takes it again", async () => {
    const command = quoted([...nodeCommand, "top", node.address]);
    const shell = `cd ${quoted([repository])}; PS1=ready: bash --norc -i`;
    await using terminal = await Terminal.start(shell);
    await terminal.shows("ready:");
    await terminal.press(command, "Enter");
    await terminal.shows(`>${node.address}`);
    await terminal.press("C-z");
    await terminal.shows("Stopped");
    expect(await terminal.state("alternate_on")).toBe("0");
    await terminal.press("fg", "Enter");
    await terminal.shows(`>${node.address}`);
    await terminal.press("q");
    await waitFor(async () => (await terminal.state("alternate_on")) === "0");
  });

  test("what clients call themselves and send is escaped", async () => {
    await using client = await respClient(node.port);
    await client.call("CONFIG", "SET", "slowlog-log-slower-than", "0");
    await client.call("GET", "\x1b[2Jevil\x07");
    await client.call("CONFIG", "SET", "slowlog-log-slower-than", "-1");
    await using terminal = await top([node.address], { columns: 130 });
    await terminal.press("3");
    await terminal.shows("GET \\x1b[2Jevil\\x07");
  });

  test.skipIf(!redisInstalled())("of a redis-server, what it does not tell is a dash", async () => {
    await using redis = await startRedis();
    await using _ = await load(redis.port);
    await using terminal = await top([redis.address, node.address], { columns: 130 });
    await terminal.shows(new RegExp(`>${redis.address} *leader +[1-9].* - +- *$`, "m"));
    await terminal.shows(/^Redis \d+\.\d+\.\d+, up /m);
    await terminal.shows(/^get +[1-9]/m);
  });
});

describe("without a terminal", () => {
  test("it prints one look and exits", async () => {
    await using _ = await load(node.port);
    const { status, out, errors } = await runMscache(["top", node.address, "--interval", "0.3"]);
    expect([status, errors]).toEqual([0, ""]);
    const [titles = "", line = ""] = out.split("\n");
    expect(titles).toMatch(/^NODE +ROLE +REQ\/S/);
    expect(line).toMatch(new RegExp(`^${node.address} *leader +[1-9]`));
    expect(out).not.toContain("\x1b");
  });

  test("--json has numbers, and a node that is down fails the command", async () => {
    await using _ = await load(node.port);
    const absent = `127.0.0.1:${await freePort()}`;
    const { status, out, errors } = await runMscache([
      ...["top", "--json", "--interval", "0.3", node.address, absent],
    ]);
    expect([status, errors]).toEqual([1, "mscache: 1 of 2 nodes cannot be reached\n"]);
    const [up, down] = JSON.parse(out).nodes;
    expect(up).toMatchObject({ node: node.address, up: true, role: "leader", lag: null });
    expect(up.requests).toBeGreaterThan(0);
    expect(up.hits).toBeWithin(0.4, 0.6);
    expect(up.p99Us).toBeGreaterThan(0);
    expect(up.commands.map(({ name }: { name: string }) => name)).toContain("get");
    expect(down).toMatchObject({ node: absent, up: false });
    expect(down.reason).toContain("connection refused");
  });

  test("--group finds the leader and the followers of a node, and their lag", async () => {
    await using follower = await startNode({
      leaderAddr: { host: "127.0.0.1", port: node.port },
    });
    await waitFor(async () => {
      await using client = await respClient(node.port);
      return `${await client.call("INFO", "replication")}`.includes("state=online");
    });
    const args = ["top", follower.address, "--group", "--json", "--interval", "0.2"];
    const { nodes } = JSON.parse((await runMscache(args)).out);
    const seen = nodes.map((one: { node: string; role: string }) => [one.node, one.role]);
    expect(seen).toEqual([
      [follower.address, "follower"],
      [node.address, "leader"],
    ]);
    expect(nodes[0].lag.bytes).toBeWithin(0, 1_000_000);
    expect(nodes[1].lag.bytes).toBeWithin(0, 1_000_000);
  });

  test.each([["0"], ["61"], ["soon"]])("--interval %s is refused", async (seconds) => {
    const { status, errors } = await runMscache(["top", "--interval", seconds]);
    expect(status).toBe(2);
    expect(errors).toContain(`"${seconds}" is not a number of seconds from 0.1 to 60`);
  });
});
