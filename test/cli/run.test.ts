// The command line as a user sees it: the arguments of a process, its exit status and its output.
// No case needs a node; test/cli.test.ts has the commands that talk to one. Each failure is one
// line on standard error without a stack trace.

import { describe, expect, test } from "bun:test";
import manifest from "../../package.json" with { type: "json" };
import { subcommands } from "../../src/cli/commands.ts";
import { options } from "../../src/config/config.ts";
import { freePort, runMscache, spawnNode, temporaryDirectory, waitFor } from "../harness.ts";

describe("help and version", () => {
  test("--help names every option and every command, and exits 0", async () => {
    const { status, out, errors } = await runMscache(["--help"]);
    expect([status, errors]).toEqual([0, ""]);
    for (const { name } of Object.values(options)) expect(out).toContain(`\n  --${name} `);
    for (const name of Object.keys(subcommands)) expect(out).toContain(`\n  ${name} `);
  });

  test.each([["--version"], ["-v"]])("%s prints the version of the package", async (flag) => {
    expect(await runMscache([flag])).toEqual({
      status: 0,
      out: `${manifest.version}\n`,
      errors: "",
    });
  });

  test.each(Object.keys(subcommands))("%s --help says how it is used", async (name) => {
    const { status, out } = await runMscache([name, "--help"]);
    expect(status).toBe(0);
    expect(out).toContain(name === "serve" ? "mscache [options]" : `mscache ${name}`);
  });

  test("a flag after -- is data and does not request help", async () => {
    const { status, errors } = await runMscache(["get", "--", "a", "--help"]);
    expect([status, errors]).toEqual([
      2,
      'mscache: unexpected argument "--help"; see mscache get --help\n',
    ]);
  });
});

describe("wrong arguments exit 2 with one sentence", () => {
  test.each([
    [["frobnicate"], 'unknown command "frobnicate"; see mscache --help'],
    [["gett", "k"], 'unknown command "gett"; did you mean mscache get? see mscache --help'],
    [
      ["get", "k", "--host", "a"],
      "unknown flag --host; did you mean --addr? see mscache get --help",
    ],
    [
      ["replicate-from", "redis://127.0.0.1:6379", "--addr", "127.0.0.1:5000"],
      "unknown flag --addr; did you mean --to? see mscache replicate-from --help",
    ],
    [["--port", "5000"], "unknown flag --port; did you mean --listenaddr? see mscache --help"],
    [["serve", "now"], 'unexpected argument "now"; see mscache --help'],
    [["--listenaddr"], "--listenaddr needs a value"],
    [["--threads", "none"], '--threads: "none" is not a whole number from 1 to 64'],
    [["--max-memory=1kb"], '--max-memory: "1kb" is below the minimum of 1mb'],
    [["set", "k"], "set needs a value; see mscache set --help"],
    [
      ["set", "k", "v", "--ttl", "soon"],
      '--ttl: "soon" is not a whole number from 1 to 2147483647',
    ],
  ])("%p", async (args, sentence) => {
    const expected = { status: 2, out: "", errors: `mscache: ${sentence}\n` };
    expect(await runMscache(args)).toEqual(expected);
  });

  test("a bad address for a client command", async () => {
    const { status, out, errors } = await runMscache(["ping", "--addr", "nowhere"]);
    expect([status, out]).toEqual([2, ""]);
    expect(errors).toMatch(/^mscache: .*"nowhere".*\n$/);
  });

  test("a port that none can be", async () => {
    const { status, errors } = await runMscache(["get", "k", "--addr", "127.0.0.1:99999"]);
    expect(status).toBe(2);
    expect(errors).toBe('mscache: address "127.0.0.1:99999" has no port from 1 to 65535\n');
  });

  test("a wrong environment variable is named in the sentence", async () => {
    const { status, errors } = await runMscache([], { environment: { MSCACHE_THREADS: "x" } });
    expect([status, errors]).toEqual([
      2,
      'mscache: MSCACHE_THREADS: "x" is not a whole number from 1 to 64\n',
    ]);
  });

  test("a wrong line of the configuration file is reported with its number", async () => {
    await using directory = await temporaryDirectory();
    const file = `${directory.path}/node.conf`;
    await Bun.write(file, "# a node\nlog-level loud\n");
    const { status, errors } = await runMscache(["--config", file]);
    expect(status).toBe(2);
    expect(errors).toBe(
      `mscache: ${file} line 2, log-level: "loud" is not one of debug, info, warn, error\n`,
    );
  });
});

test("an address where nothing listens is one sentence and status 1", async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const { status, out, errors } = await runMscache(["get", "k", "--addr", address]);
  expect([status, out]).toEqual([1, ""]);
  expect(errors).toMatch(new RegExp(`^mscache: [^\\n]*${address}[^\\n]*\\n$`));
});

test.each([
  ["cannot listen on", ["--listenaddr", "none", "--unix-socket", "FILE"]],
  ["the snapshot", ["--listenaddr", "127.0.0.1:0", "--snapshot-file", "FILE"]],
])("a directory that is missing ends the start: %s ...", async (begin, args) => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/absent/file`;
  const { status, errors } = await runMscache(args.map((arg) => arg.replace("FILE", file)));
  expect(status).toBe(1);
  expect(errors).toContain(`mscache: ${begin} ${file}`);
  expect(errors).toEndWith(": its directory does not exist (ENOENT)\n");
});

describe("a server whose errors hold escape sequences", () => {
  const hostile = "\x1b]0;title\x07\x1b[2J";

  /** Whatever it is asked, it answers with that error. */
  function hostileServer() {
    const data = (socket: Bun.Socket) => void socket.write(`-ERR ${hostile}\r\n`);
    return Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data } });
  }

  test.each(["get k", "info", "keys", "doctor", "export -", "monitor", "cli --no-raw GET k"])(
    "mscache %s moves no cursor",
    async (line) => {
      const [name = "", ...args] = line.split(" ");
      using server = hostileServer();
      const address = ["--addr", `127.0.0.1:${server.port}`];
      const { status, out, errors } = await runMscache([name, ...address, ...args]);
      expect(status).toBe(name === "cli" ? 0 : 1); // as redis-cli's without -e
      expect(out + errors).toContain("ERR \\x1b]0;title\\x07\\x1b[2J");
      expect(out + errors).not.toContain("\x1b");
    },
  );
});

test("a node says which of its settings have no effect", async () => {
  const environment = { MSCACHE_MAXMEMORY: "64mb", MSCACHE_SERVICE_PORT: "5000" };
  await using node = await spawnNode(["--snapshot-interval", "60"], { environment });
  await waitFor(() => node.log().includes("MSCACHE_MAX_MEMORY"));
  const warnings = node.log().match(/(?<= warn {2}).*/g);
  expect(warnings).toEqual([
    "--snapshot-interval has no effect without --snapshot-file: nothing is saved",
    "the variable MSCACHE_MAXMEMORY has no effect; did you mean MSCACHE_MAX_MEMORY?",
  ]);
});
