// The log's two formats, its level and the one-line rule, read from the standard error of a child
// process or from a sink.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { stderrLineBytesMax } from "../../../src/base/limits.ts";
import { Log, type LogFields } from "../../../src/base/log.ts";

const module = join(import.meta.dir, "../../../src/base/log.ts");

async function logged(script: string, more: Record<string, string> = {}): Promise<string[]> {
  const code = `import { Log } from ${JSON.stringify(module)};\n${script}`;
  const child = Bun.spawn([process.execPath, "-e", code], {
    env: { ...process.env, ...more },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(out).toBe("");
  return errors.trimEnd().split("\n");
}

test("each line has time, level and message, and repeated lines are kept", async () => {
  const lines = await logged(
    'const log = new Log({ logLevel: "info", logFormat: "text" }); for (let i = 0; i < 20; i++) log.info("ready");',
  );
  expect(lines).toHaveLength(20);
  for (const line of lines) {
    expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info {2}ready$/);
  }
});

test("the level can be changed while the program runs", async () => {
  const all = 'log.debug("d"); log.info("i"); log.warn("w"); log.error("e");';
  const levels = ["info", "debug", "error", "warn"].map(
    (level) => `style.logLevel = "${level}"; ${all}`,
  );
  const script = [
    'const style = { logLevel: "info", logFormat: "text" }; const log = new Log(style);',
    ...levels,
  ];
  const words = (await logged(script.join("\n"))).map((line) => line.at(-1)).join("");
  expect(words).toBe("iwe" + "diwe" + "e" + "we");
});

test("the level is coloured where colours are wanted, and never in JSON", async () => {
  const warn = (format: string) =>
    `new Log({ logLevel: "info", logFormat: "${format}" }).warn("careful");`;
  const wanted = { FORCE_COLOR: "1" };
  expect((await logged(warn("text"), wanted))[0]).toEndWith("Z \x1b[33mwarn \x1b[0m careful");
  expect((await logged(warn("text")))[0]).toEndWith("Z warn  careful");
  const [line = ""] = await logged(warn("json"), wanted);
  expect(JSON.parse(line)).toMatchObject({ level: "warn", message: "careful" });
});

test("a message cannot forge a second line or color the terminal", async () => {
  const [line, ...rest] = await logged(
    'new Log({ logLevel: "info", logFormat: "text" }).warn("a\\r\\nb\\u001b[31m");',
  );
  expect(line).toEndWith("warn  a\\x0d\\x0ab\\x1b[31m");
  expect(rest).toEqual([]);
});

/** The one line that a log in JSON writes of this. */
function jsonLine(message: string, fields?: LogFields): string {
  const lines: string[] = [];
  new Log({ logLevel: "info", logFormat: "json" }, (line) => lines.push(line)).warn(
    message,
    fields,
  );
  expect(lines).toHaveLength(1);
  return lines.join("");
}

test("a JSON line has time, level and message, and the numbers of the event", () => {
  const line = jsonLine("saved", { event: "snapshot-saved", path: "/data/x", bytes: 9, ms: 1 });
  expect(line).toEndWith("}\n");
  expect(JSON.parse(line)).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    level: "warn",
    message: "saved",
    ...{ event: "snapshot-saved", path: "/data/x", bytes: 9, ms: 1 },
  });
});

test("no text makes a JSON line two, colors the terminal, or is changed on its way", () => {
  for (const text of ['a\r\n{"level":"error"}', "\u001b[31m \u009b31m \u007f", "\ud800 \u2028 é"]) {
    const line = jsonLine(text, { reason: text });
    const codes = [...line.slice(0, -1)].map((character) => character.codePointAt(0) ?? 0);
    expect(codes.filter((code) => code < 0x20 || (code >= 0x7f && code < 0xa0))).toEqual([]);
    expect(JSON.parse(line)).toMatchObject({ message: text, reason: text });
  }
});

test("a JSON line that would be too long has shorter texts, and parses", () => {
  for (const letter of ["x", "é", "\u0007", '"', "\ud83d\ude00"]) {
    const long = letter.repeat(stderrLineBytesMax);
    const line = jsonLine(long, { event: "client-closed", client: "10.0.0.1:5", reason: long });
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(stderrLineBytesMax);
    const { message, ...rest } = JSON.parse(line);
    expect(message).toStartWith(letter.repeat(100));
    expect(message).toEndWith("...");
    expect(rest).toMatchObject({ event: "client-closed", client: "10.0.0.1:5" });
  }
});
