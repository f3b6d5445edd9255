/**
 * The command line in a terminal of 40 columns, with keys, values and names that hold sequences
 * which terminals obey: nothing of them is obeyed, no progress is left behind, and lines that have
 * no room break or are cut without harm. Wider screens are in the tests of each subcommand.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  caseMsMax,
  type LocalNode,
  type RespClient,
  respClient,
  runMscache,
  startNode,
  waitFor,
} from "../harness.ts";
import { nodeCommand } from "../support/programs.ts";
import { quoted, Terminal, tmuxInstalled } from "../support/tmux.ts";

setDefaultTimeout(caseMsMax);

/** It clears the screen, colours what follows, and writes a line of its own. */
const hostile = "\x1b[2J\x1b[31m\x9b31m\u202e\x07\r\nOWNED";

describe.skipIf(!tmuxInstalled())("40 columns (skipped without tmux)", () => {
  let node: LocalNode;
  let client: RespClient;

  beforeAll(async () => {
    node = await startNode();
    client = await respClient(node.port);
    await client.call("SET", hostile, hostile);
    await client.call("SET", "plain", `${hostile} ä`);
    await client.call("SET", `long:${"k".repeat(100)}`, "v".repeat(300));
  }, caseMsMax);

  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
  }, caseMsMax);

  /** Between two lines of a shell. */
  function run(...args: string[]): Promise<Terminal> {
    const command = quoted([...nodeCommand, ...args]);
    const script = `cd ${quoted([join(import.meta.dir, "../..")])}; echo BEFORE; ${command}; echo ENDED`;
    return Terminal.start(script, { columns: 40, rows: 40 });
  }

  test("get shows a value without obeying it, and a pipe has its bytes", async () => {
    await using terminal = await run("get", "plain", "--addr", node.address);
    const screen = await terminal.shows("ENDED");
    // The mark of direction is text, as an accent is; keys and names have it escaped.
    expect(screen.split("\n")).toEqual([
      "BEFORE",
      "\\x1b[2J\\x1b[31m\\xc2\\x9b31m\u202e\\x07",
      "OWNED ä",
      "ENDED",
    ]);
    expect(await terminal.screen({ styled: true })).not.toContain("\x1b[31m");
    const { out } = await runMscache(["get", "plain", "--addr", node.address]);
    expect(out).toBe(`${hostile} ä`);
  });

  test("keys leaves nothing of its progress, and each key on lines of its own", async () => {
    await using terminal = await run("keys", "--biggest", "5", "--addr", node.address);
    const screen = await terminal.shows("ENDED");
    expect(screen).toStartWith("BEFORE\n# the biggest");
    expect(screen).not.toMatch(/^OWNED/m);
    expect(screen.replaceAll("\n", "")).toContain(
      "\\x1b[2J\\x1b[31m\\x9b31m\\u202e\\x07\\r\\nOWNED",
    );
  });

  test("monitor, cli and top show names and arguments without obeying them", async () => {
    await using monitor = await run("monitor", node.address);
    await using prompt = await run("cli", "--addr", node.address);
    await using top = await run("top", "--interval", "0.2", node.address);
    await prompt.shows(">");
    await prompt.type("MGET plain nosuch");
    await prompt.press("Enter");
    const seen = await prompt.shows("(nil)");
    expect(seen.replaceAll("\n", "")).toContain("\\x1b[2J\\x1b[31m\\xc2\\x9b31m");
    await waitFor(async () => {
      await client.call("GET", hostile);
      return /GET/.test(await monitor.screen());
    });
    const shown = (await monitor.shows("OWNED")).replaceAll("\n", "");
    expect(shown).toContain("\\x1b[2J\\x1b[31m\\xc2\\x9b31m");
    const frame = await top.shows("CLIENT");
    expect(frame).toStartWith("mscache top");
    for (const line of frame.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(40);
    for (const terminal of [monitor, prompt]) {
      const screen = await terminal.screen({ styled: true });
      expect(screen).toContain("BEFORE");
      expect(screen).not.toMatch(/^OWNED/m);
    }
  });
});
