// The log's format, its level and the one-line rule, read from the standard error of a child
// process.

import { expect, test } from "bun:test";
import { join } from "node:path";

const log = join(import.meta.dir, "../../../src/base/log.ts");

async function logged(script: string): Promise<string[]> {
  const code = `import { Log } from ${JSON.stringify(log)};\n${script}`;
  const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe", stderr: "pipe" });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(out).toBe("");
  return errors.trimEnd().split("\n");
}

test("each line has time, level and message, and repeated lines are kept", async () => {
  const lines = await logged(
    'const log = new Log(() => "info"); for (let i = 0; i < 20; i++) log.info("ready");',
  );
  expect(lines).toHaveLength(20);
  for (const line of lines) {
    expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info {2}ready$/);
  }
});

test("the level can be changed while the program runs", async () => {
  const all = 'log.debug("d"); log.info("i"); log.warn("w"); log.error("e");';
  const levels = ["info", "debug", "error", "warn"].map((level) => `level = "${level}"; ${all}`);
  const script = ['let level = "info"; const log = new Log(() => level);', ...levels];
  const words = (await logged(script.join("\n"))).map((line) => line.at(-1)).join("");
  expect(words).toBe("iwe" + "diwe" + "e" + "we");
});

test("a message cannot forge a second line or color the terminal", async () => {
  const [line, ...rest] = await logged('new Log(() => "info").warn("a\\r\\nb\\u001b[31m");');
  expect(line).toEndWith("warn  a\\x0d\\x0ab\\x1b[31m");
  expect(rest).toEqual([]);
});
