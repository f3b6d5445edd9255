// When output is coloured, by terminal and environment. What a terminal makes of the codes is not
// looked at.

import { describe, expect, test } from "bun:test";
import { wantsColor } from "../../../src/base/wants-color.ts";
import { paletteOf } from "../../../src/cli/colors.ts";

const terminal = { isTTY: true };
const file = { isTTY: false };

describe("output is coloured", () => {
  test.each([
    ["in a terminal", terminal, {}, true],
    ["not in a file or a pipe", file, {}, false],
    ["not with NO_COLOR", terminal, { NO_COLOR: "1" }, false],
    ["with an empty NO_COLOR, which counts as none", terminal, { NO_COLOR: "" }, true],
    ["in a pipe with FORCE_COLOR", file, { FORCE_COLOR: "1" }, true],
    ["with an empty FORCE_COLOR as well", file, { FORCE_COLOR: "" }, true],
    ["not with FORCE_COLOR=0", terminal, { FORCE_COLOR: "0" }, false],
    ["with FORCE_COLOR beside NO_COLOR", file, { FORCE_COLOR: "1", NO_COLOR: "1" }, true],
    ["not in a terminal that knows no codes", terminal, { TERM: "dumb" }, false],
  ])("%s", (_, stream, environment, expected) => {
    expect(wantsColor(stream, environment)).toBe(expected);
  });
});

describe("a palette", () => {
  test("sets a style and takes back only that", () => {
    expect(paletteOf(terminal, {}).red("lost")).toBe("\x1b[31mlost\x1b[39m");
    const { bold, cyan } = paletteOf(terminal, {});
    expect(bold(`a ${cyan("b")} c`)).toBe("\x1b[1ma \x1b[36mb\x1b[39m c\x1b[22m");
  });

  test("leaves the text alone without colours", () => {
    for (const paint of Object.values(paletteOf(file, {}))) expect(paint("lost")).toBe("lost");
  });
});
