// The prompt of `mscache cli` in a real terminal (tmux): keys are pressed, and the screen is looked
// at. What single replies look like is compared with redis-cli's in redis-cli.test.ts.

import { describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnNode, startNode, type TestNode, temporaryDirectory, waitFor } from "../harness.ts";
import { nodeCommand } from "../support/programs.ts";
import { forAllCases, ours } from "../support/servers.ts";
import { quoted, Terminal, tmuxInstalled } from "../support/tmux.ts";

/** A prompt with this environment; the screen says how it ended. */
function prompt(
  node: Pick<TestNode, "address">,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Terminal> {
  const command = quoted([...nodeCommand, "cli", "--addr", node.address, ...args]);
  return Terminal.start(`${command}; echo "ended with $?"`, {
    columns: 80,
    rows: 24,
    environment: { NO_COLOR: "1", ...environment },
  });
}

/** A prompt that is ready, without a history. */
async function openPrompt(
  node: Pick<TestNode, "address">,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Terminal> {
  const window = await prompt(node, args, { MSCACHE_CLI_HISTORY: "", ...environment });
  await window.shows(/>$/);
  return window;
}

describe.skipIf(!tmuxInstalled())("the prompt; tmux is not installed if skipped", () => {
  const node = forAllCases(() => ours.start());
  const ready = () => `${node().address}>`;

  test("runs lines and shows types and quoted values", async () => {
    await using window = await openPrompt(node());
    await window.enter('SET greeting "h\\x00\\xffi"');
    await window.endsWith(ready());
    await window.enter("GET greeting");
    expect(await window.endsWith(ready())).toContain('\n"h\\x00\\xffi"\n');
    await window.enter("GET 'unclosed");
    await window.shows("Invalid argument(s)");
  });

  test("edits wide characters, and Ctrl-C gives a line up", async () => {
    await using window = await openPrompt(node());
    await window.type("ECHO 漢字é");
    await window.press("Left", "Left", "BSpace");
    await window.type("ü");
    await window.endsWith(`${ready()} ECHO ü字é`);
    await window.press("C-a");
    await window.type("GET ");
    await window.press("C-k");
    await window.endsWith(`${ready()} GET`);
    await window.press("C-c");
    await window.shows(/GET .*\^C\n.*>$/);
  });

  test("a line longer than the terminal is wrapped, and drawn again at another width", async () => {
    await using window = await openPrompt(node());
    const word = "abcdefghij".repeat(12);
    await window.type(`ECHO ${word}`);
    const rows = (columns: number) =>
      `${ready()} ECHO ${word}`.match(new RegExp(`.{1,${columns}}`, "g"))?.join("\n") ?? "";
    await window.endsWith(rows(80));
    await window.press("Home");
    await window.press("Delete");
    await window.type("E");
    await window.endsWith(rows(80));
    await window.press("Enter");
    await window.shows(`"${word.slice(0, 70)}`);
  });

  test("hints at what may follow, and Tab completes commands and options", async () => {
    await using window = await openPrompt(node(), [], { FORCE_COLOR: "1" });
    await window.type("expire k ");
    await window.endsWith(`${ready()} expire k seconds [NX | XX | GT | LT]`);
    expect(await window.screen({ styled: true })).toContain("\x1b[2mseconds");
    await window.type("10 g");
    await window.press("Tab");
    await window.endsWith(`${ready()} expire k 10 gt`);
    await window.press("C-u");
    await window.type("CONFIG RES");
    await window.press("Tab");
    await window.endsWith(`${ready()} CONFIG RESETSTAT`);
    await window.press("C-u");
    await window.type("getr");
    await window.press("Tab");
    await window.endsWith(`${ready()} getrange key start end`);
    await window.press("C-u");
    await window.type("geto");
    await window.press("Tab");
    await window.endsWith(`${ready()} geto`);
  });

  test("shows MULTI and the database in the prompt", async () => {
    await using window = await openPrompt(node(), ["-n", "2"]);
    await window.endsWith(`${node().address}[2]>`);
    await window.enter("MULTI");
    await window.endsWith(`${node().address}[2](TX)>`);
    await window.enter("SELECT 3");
    await window.endsWith(`${node().address}[3](TX)>`);
    await window.enter("DISCARD");
    await window.endsWith(`${node().address}[2]>`);
    await window.enter("SELECT 0");
    await window.endsWith(ready());
  });

  test("SUBSCRIBE and MONITOR show what comes until Ctrl-C", async () => {
    await using window = await openPrompt(node());
    await using other = await openPrompt(node());
    await window.enter("SUBSCRIBE news");
    await window.endsWith("3) (integer) 1");
    await other.enter("PUBLISH news extra");
    await window.endsWith('3) "extra"');
    await window.press("C-c");
    await window.endsWith(ready());
    await window.enter("MONITOR");
    await window.shows(/MONITOR\nOK$/);
    await other.enter("ECHO watched");
    await window.shows(/\[0 .*\] "ECHO" "watched"/);
    await window.press("C-c");
    await window.enter("PING");
    await window.shows(/PING\nPONG\n/);
  });

  test("Ctrl-C gives up a command that waits, and Ctrl-D ends the prompt", async () => {
    await using window = await openPrompt(node());
    await window.enter("CLIENT PAUSE 600000 WRITE");
    await window.shows("OK");
    await window.enter("SET paused 1");
    await waitFor(async () => (await window.state("cursor_x")) === "0", {
      message: "the line to be entered",
    });
    await window.press("C-c");
    await window.shows(/\^C\n.*>$/);
    await window.enter("CLIENT UNPAUSE");
    await window.shows(/UNPAUSE\nOK/);
    await window.press("C-d");
    await window.endsWith("ended with 0");
  });

  test("HELP, a repetition and CLEAR are its own", async () => {
    await using window = await openPrompt(node());
    await window.enter("help setex");
    await window.shows("SETEX key seconds value");
    await window.enter("3 INCR counted");
    await window.shows(/1\n\(integer\) 2\n\(integer\) 3\n/);
    await window.enter("clear");
    await window.shows(/^[^\n]*>$/);
    await window.enter("quit");
    await window.endsWith("ended with 0");
  });

  test("Ctrl-Z gives the terminal to the shell, and fg gives it back", async () => {
    const command = quoted([...nodeCommand, "cli", "--addr", node().address]);
    await using window = await Terminal.start("exec bash --norc", {
      environment: { NO_COLOR: "1", MSCACHE_CLI_HISTORY: "", PS1: "shell$ " },
    });
    await window.shows(/\$$/);
    await window.enter(command);
    await window.endsWith(ready());
    await window.type("ECHO begun");
    await window.press("C-z");
    await window.shows(/Stopped.*\$$/s);
    await window.enter("fg");
    await window.endsWith(`${ready()} ECHO begun`);
    await window.press("Enter");
    await window.shows('"begun"');
  });

  test("runs each line of what is pasted, however many there are", async () => {
    await using window = await openPrompt(node());
    const count = 2200;
    await window.paste("INCR pasted\n".repeat(count));
    await window.shows(new RegExp(`^\\(integer\\) ${count}$`, "m"));
    await window.enter("GET pasted");
    await window.shows(`"${count}"`);
  });

  test("invalidations of client tracking appear above the line", async () => {
    await using window = await openPrompt(node(), ["-3"]);
    await window.enter("CLIENT TRACKING ON");
    await window.shows("OK");
    await window.enter("GET tracked");
    await window.shows("(nil)");
    await window.type("begun");
    await using other = await openPrompt(node());
    await other.enter("SET tracked 1");
    await window.endsWith(`-> invalidate: 'tracked'\n${ready()} begun`);
  });
});

describe.skipIf(!tmuxInstalled())(
  "the prompt outlives the server; tmux is not installed if skipped",
  () => {
    test("and logs in again, to the same database", async () => {
      await using stack = new AsyncDisposableStack();
      const first = stack.use(await spawnNode(["--password", "secret"]));
      const window = stack.use(await openPrompt(first));
      await window.enter("AUTH secret");
      await window.shows("OK");
      await window.enter("SELECT 1");
      await window.endsWith(`${first.address}[1]>`);
      first.process.kill("SIGKILL");
      await first.process.exited;
      await window.endsWith("not connected>");
      await window.enter("GET a");
      await window.shows(/Could not connect to .*: connection refused/);
      await window.endsWith("not connected>");
      stack.use(await spawnNode(["--password", "secret", "--listenaddr", first.address]));
      await window.enter("SET a 1");
      await window.endsWith(`not connected> SET a 1\nOK\n${first.address}[1]>`);
      await window.enter("SHUTDOWN NOSAVE");
      await window.endsWith("not connected>");
    });

    test("and CONNECT goes to another one", async () => {
      await using one = await startNode();
      await using two = await startNode();
      await using window = await openPrompt(one);
      await window.enter(`connect 127.0.0.1 ${two.port}`);
      await window.endsWith(`${two.address}>`);
    });
  },
);

describe.skipIf(!tmuxInstalled())("the history; tmux is not installed if skipped", () => {
  const node = forAllCases(() => ours.start());
  const ready = () => `${node().address}>`;

  test("goes over from one prompt to the next, readable by its owner alone", async () => {
    await using directory = await temporaryDirectory();
    const environment = { XDG_STATE_HOME: directory.path };
    const path = join(directory.path, "mscache", "cli-history");
    {
      await using window = await prompt(node(), [], environment);
      await window.endsWith(ready());
      await window.enter("SET remembered 1");
      await window.shows("OK");
      await window.enter("AUTH secret");
      await window.shows("(error)");
      await window.enter("ECHO second");
      await window.shows('"second"');
      await window.press("C-d");
      await window.endsWith("ended with 0");
    }
    expect(readFileSync(path, "utf8")).toBe("SET remembered 1\nECHO second\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await using window = await prompt(node(), [], environment);
    await window.endsWith(ready());
    await window.press("Up", "Up");
    await window.endsWith(`${ready()} SET remembered 1`);
    await window.press("Down", "Down");
    await window.endsWith(ready());
    await window.press("C-r");
    await window.type("remem");
    await window.endsWith("(reverse-i-search)`remem': SET remembered 1");
    await window.press("Enter");
    await window.shows(/SET remembered 1\nOK/);
  });

  test("is cut to its last thousand lines when it has twice as many", async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "history");
    const lines = Array.from({ length: 2001 }, (_, i) => `ECHO ${i}`);
    writeFileSync(path, `${lines.join("\n")}\n`);
    await using window = await openPrompt(node(), [], { MSCACHE_CLI_HISTORY: path });
    await window.press("Up");
    await window.endsWith(`${ready()} ECHO 2000`);
    expect(readFileSync(path, "utf8")).toBe(`${lines.slice(-1000).join("\n")}\n`);
  });
});
