// The completions in the shells that they are for: each shell loads its script and says what it
// offers for a line. bash is everywhere; without zsh, fish or tmux their cases are skipped, but not
// in CI.

import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { subcommands } from "../../src/cli/commands.ts";
import { options } from "../../src/config/config.ts";
import { runMscache, temporaryDirectory } from "../harness.ts";
import { quoted, Terminal, tmuxInstalled } from "../support/tmux.ts";

/** Whether the shell is here. In CI its absence is a mistake of the set-up. */
function hasShell(name: string): boolean {
  const isThere = Bun.which(name) !== null;
  if (!isThere && process.env.CI === "true") throw new Error(`${name} is not installed`);
  return isThere;
}

const scripts = new Map<string, string>();

beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { status, out, errors } = await runMscache(["completions", shell]);
    expect([status, errors]).toEqual([0, ""]);
    scripts.set(shell, out);
  }
});

/** What a shell prints that has loaded its script in a directory with two files. */
async function run(shell: string, args: readonly string[], program: string): Promise<string> {
  await using directory = await temporaryDirectory();
  for (const name of ["node.crt", "two words.rdb"]) writeFileSync(join(directory.path, name), "");
  const whole = `${scripts.get(shell)}\n${program}`;
  const child = Bun.spawn([shell, ...args, whole], {
    cwd: directory.path,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect([await child.exited, errors]).toEqual([0, ""]);
  return out;
}

describe.skipIf(!hasShell("bash"))("bash", () => {
  /** What is offered for the last of the words, one line of words after the other. */
  async function offered(...lines: readonly (readonly string[])[]): Promise<string[][]> {
    const calls = lines.map((words) => {
      const list = quoted(["mscache", ...words]);
      return `COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _mscache; printf '%s\\n' "\${COMPREPLY[@]}" --`;
    });
    const out = await run("bash", ["--norc", "-c"], calls.join("\n"));
    const blocks = out.split(/^--\n/m).slice(0, -1);
    return blocks.map((block) => block.split("\n").filter((line) => line !== ""));
  }

  test("offers the subcommands, and the options of each", async () => {
    const names = Object.keys(subcommands);
    const [first, partial, ...ofEach] = await offered(
      [""],
      ["mo"],
      ...names.map((name) => [name, "--"]),
    );
    expect(first).toEqual(names);
    expect(partial).toEqual(["monitor"]);
    const definitions = await Promise.all(names.map((name) => subcommands[name]?.load()));
    const expected = definitions.map((loaded) => {
      const entries = Object.entries(
        (loaded?.default.args ?? {}) as Record<string, { type: string }>,
      );
      const flags = entries.filter(([, { type }]) => type !== "positional");
      return [...flags.map(([name]) => `--${name}`), "--help"];
    });
    expect(ofEach).toEqual(expected);
  });

  test("offers the options of a node without its subcommand", async () => {
    const [found = []] = await offered(["--"]);
    const names = Object.values(options).map(({ name }) => `--${name}`);
    expect(found).toEqual([...names, "--help"]);
  });

  test("offers the values of an option: words, files, or nothing that it knows", async () => {
    const found = await offered(
      ["--eviction", ""],
      ["bench", "--protocol", "=", "m"],
      ["bench", "--protocol", "="],
      ["--snapshot-file", "two"],
      ["get", "--tls-ca", ""],
      ["get", "--addr", ""],
      ["cli", "-n", ""],
      ["completions", ""],
      ["import", "no"],
      ["get", "a", ""],
    );
    expect(found).toEqual([
      ["s3fifo", "none"],
      ["memcache"],
      ["resp", "memcache"],
      ["two words.rdb"],
      expect.arrayContaining(["node.crt", "two words.rdb"]),
      [],
      [],
      ["bash", "zsh", "fish"],
      ["node.crt"],
      [],
    ]);
  });
});

describe.skipIf(!hasShell("fish"))("fish (skipped if it is not installed)", () => {
  async function offered(line: string): Promise<string[]> {
    const out = await run("fish", ["--no-config", "-c"], `complete -C ${quoted([line])}`);
    return out.split("\n").flatMap((one) => (one === "" ? [] : [one.split("\t")[0] ?? ""]));
  }

  test("offers subcommands, options and values", async () => {
    expect((await offered("mscache ")).sort()).toEqual(Object.keys(subcommands).sort());
    expect(await offered("mscache --evi")).toEqual(["--eviction"]);
    expect((await offered("mscache --eviction ")).sort()).toEqual(["none", "s3fifo"]);
    expect(await offered("mscache get --password")).toEqual(["--password"]);
    expect(await offered("mscache get --evi")).toEqual([]);
    expect(await offered("mscache get --tls-ca no")).toEqual(["node.crt"]);
    expect((await offered("mscache completions ")).sort()).toEqual(["bash", "fish", "zsh"]);
  });
});

describe.skipIf(!hasShell("zsh") || !tmuxInstalled())(
  "zsh in tmux (skipped if one is not installed)",
  () => {
    test("offers subcommands, options and values", async () => {
      await using directory = await temporaryDirectory();
      const script = join(directory.path, "completions");
      writeFileSync(script, scripts.get("zsh") ?? "");
      writeFileSync(join(directory.path, "node.crt"), "");
      await using window = await Terminal.start("exec zsh -f", { columns: 100, rows: 40 });
      await window.enter(`cd ${quoted([directory.path])}; PS1='z> '; LISTMAX=0`);
      await window.enter("autoload -Uz compinit; compinit -u -d dump; source ./completions; clear");
      await window.shows(/^z>$/);
      await window.type("mscache moni");
      await window.press("Tab");
      await window.endsWith("z> mscache monitor");
      await window.press("C-u");
      await window.type("mscache --evic");
      await window.press("Tab");
      await window.type("non");
      await window.press("Tab");
      await window.shows(/z> mscache --eviction[= ]none$/);
      await window.press("C-u");
      await window.type("mscache get --tls-ca no");
      await window.press("Tab");
      await window.endsWith("z> mscache get --tls-ca node.crt");
      await window.press("C-u");
      await window.type("mscache cli --json --res");
      await window.press("Tab", "Tab");
      await window.shows("Speak RESP3");
    });
  },
);

test("another shell is named with those that there are", async () => {
  expect(await runMscache(["completions", "tcsh"])).toEqual({
    status: 2,
    out: "",
    errors: 'mscache: "tcsh" is none of bash, zsh, fish\n',
  });
});
