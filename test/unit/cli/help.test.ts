// The layout of --help for the width of a terminal: no line is longer than it, whichever the
// subcommand, and nothing that a row says is lost by wrapping. test/cli/run.test.ts asks a process.

import { describe, expect, test } from "bun:test";
import { subcommands } from "../../../src/cli/commands.ts";
import { nodeHelp, subcommandHelp } from "../../../src/cli/help.ts";
import { helpRows } from "../../../src/cli/help-layout.ts";
import { options } from "../../../src/config/config.ts";

const widths = [60, 80, 100];
const words = (text: string) => text.split(/\s+/).filter((word) => word !== "");
const longest = (text: string) => Math.max(...text.split("\n").map((line) => line.length));

describe("rows", () => {
  test("what a name means stands beside it, and is wrapped under itself", () => {
    const rows = helpRows([["--ttl SECONDS", `${"much ".repeat(8)}text`]], 56);
    expect(rows).toEqual([
      "  --ttl SECONDS  much much much much much much much much",
      "                 text",
    ]);
  });

  test("a long name has a line of its own and narrows no other", () => {
    const long = `--${"l".repeat(40)}`;
    const rows = helpRows(
      [
        [long, "is long"],
        ["--a", "is short"],
      ],
      80,
    );
    expect(rows).toEqual([`  ${long}`, "       is long", "  --a  is short"]);
  });

  test("in a narrow terminal, what names mean stands below them", () => {
    const rows = helpRows([["--password TEXT", "Password of the user"]], 40);
    expect(rows).toEqual(["  --password TEXT", "      Password of the user"]);
  });

  test("a name that means nothing ends where it ends", () => {
    expect(
      helpRows(
        [
          ["a", ""],
          ["bc", "text"],
        ],
        80,
      ),
    ).toEqual(["  a", "  bc  text"]);
  });
});

test.each(widths)("no line of the help for a node is longer than %d columns", (width) => {
  const help = nodeHelp(width);
  expect(longest(help)).toBeLessThanOrEqual(width);
  const said = words(help).join(" ");
  for (const { name, doc } of Object.values(options)) {
    expect(said).toContain(`--${name} `);
    expect(said).toContain(words(doc.replaceAll("`", "")).join(" "));
  }
});

test.each(Object.keys(subcommands).filter((name) => name !== "serve"))(
  "no line of the help for %s is longer than the terminal, and all flags are there",
  async (name) => {
    const command = (await subcommands[name]?.load())?.default ?? {};
    for (const width of widths) {
      const help = subcommandHelp(name, command, width);
      expect(longest(help)).toBeLessThanOrEqual(width);
      for (const [flag, { type, description = "" }] of Object.entries(command.args ?? {})) {
        expect(help).toContain(type === "positional" ? flag.toUpperCase() : `--${flag}`);
        expect(words(help).join(" ")).toContain(description);
      }
    }
  },
);

test("a wide terminal gets no lines that are hard to follow", () => {
  expect(nodeHelp(400)).toBe(nodeHelp(100));
});
