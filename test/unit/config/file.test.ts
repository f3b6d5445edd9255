// Rewriting a configuration file: what it keeps, what it changes, and that the result parses to
// the same values. sentinel/config-rewrite.test.ts covers CONFIG REWRITE itself.

import { describe, expect, test } from "bun:test";
import { loadConfig } from "../../../src/config/config.ts";
import { parseConfigFile, rewriteConfigFile, type Written } from "../../../src/config/file.ts";
import { Random, seedFor } from "../../support/seed.ts";

const fileText = "# The cache.\n\nmax-clients 5\n  log-level   warn\n# Last words.\n";

function rewrite(text: string, ...written: [string, Written][]): string {
  const bytes = rewriteConfigFile(Buffer.from(text), "x.conf", new Map(written));
  return Buffer.from(bytes).toString();
}

describe("rewriting", () => {
  test("changes a value in its place and keeps comments, blank lines and order", () => {
    const text = rewrite(fileText, ["max-clients", { value: "7" }]);
    expect(text).toBe(fileText.replace("max-clients 5", "max-clients 7"));
  });

  test("appends a setting without a line, also to an empty file", () => {
    expect(rewrite(fileText, ["threads", { value: "2" }])).toBe(`${fileText}threads 2\n`);
    expect(rewrite("", ["threads", { value: "2" }])).toBe("threads 2\n");
  });

  test("leaves one line of a name that occurs twice", () => {
    const text = rewrite("threads 1\n# b\nthreads 2\n", ["threads", { value: "3" }]);
    expect(text).toBe("# b\nthreads 3\n");
  });

  test("marks a pinned setting once, however often it is written", () => {
    const once = rewrite(fileText, ["leaderaddr", { value: "a:1", isPinned: true }]);
    const twice = rewrite(once, ["leaderaddr", { value: "b:2", isPinned: true }]);
    expect(twice).toBe(once.replace("a:1", "b:2"));
    expect(parseConfigFile(twice, "").find(({ isPinned }) => isPinned)?.setting?.value).toBe("b:2");
  });

  test("writes every value so that it parses back unchanged", () => {
    const random = new Random(seedFor("CONFIG_FILE_SEED"));
    const alphabet = ["a", " ", '"', "\\", "\n", "\r", "#", "é", "\t", "\u2028", "\u00a0"];
    for (let i = 0; i < 2_000; i++) {
      const length = random.between(0, 6);
      const value = Array.from({ length }, () => random.pick(alphabet)).join("");
      const text = rewrite(fileText, ["password", { value }]);
      const line = parseConfigFile(text, "").find(({ setting }) => setting?.name === "password");
      expect(line?.setting?.value).toBe(value);
    }
  });
});

describe("bytes that are not changed", () => {
  const written = new Map<string, Written>([["max-clients", { value: "é" }]]);
  const rewritten = (text: string) => {
    return Buffer.from(rewriteConfigFile(Buffer.from(text, "latin1"), "", written)).toString(
      "latin1",
    );
  };
  const value = "max-clients \xc3\xa9";

  test.each([
    ["of another encoding", "# \xe9\xff\nmax-clients 5\n", `# \xe9\xff\n${value}\n`],
    ["that are the start of a character", "# \xc3\nmax-clients 5\n", `# \xc3\n${value}\n`],
    ["of Windows' line ends", "# a\r\nmax-clients 5\r\n#\r\n", `# a\r\n${value}\r\n#\r\n`],
    ["of mixed line ends", "# a\nmax-clients 5\r\n", `# a\n${value}\r\n`],
    ["behind a byte order mark", "\xef\xbb\xbfmax-clients 5\n#", `${value}\n#`],
    ["without a last line end", "max-clients 5\n# a", `${value}\n# a`],
    ["zero", "#\0\nmax-clients 5", `#\0\n${value}`],
    ["with a new line behind them", "# a", `# a\n${value}\n`],
    ["with a new line of Windows behind them", "#\r\n# a", `#\r\n# a\r\n${value}\r\n`],
    ["none", "", `${value}\n`],
  ])("stay: %s", (_, before, after) => {
    expect(rewritten(before)).toBe(after);
    expect(rewritten(after)).toBe(after);
  });
});

describe("a pinned leader", () => {
  const load = (text: string, flags = {}, environment = {}) =>
    loadConfig({ config: "x.conf", ...flags }, environment, () => text).leaderAddr;
  const flags = { leaderaddr: "old:1" };
  const environment = { MSCACHE_LEADERADDRESS: "older:1" };
  const pinned = (value: string) => rewrite("", ["leaderaddr", { value, isPinned: true }]);

  test("overrides flag and environment, which override an ordinary line", () => {
    expect(load(pinned("new:2"), flags, environment)).toEqual({ host: "new", port: 2 });
    expect(load("leaderaddr new:2\n", flags)).toEqual({ host: "old", port: 1 });
  });

  test("may be empty: a promoted node restarts as a leader", () => {
    expect(load(pinned(""), flags, environment)).toBeNull();
  });
});
