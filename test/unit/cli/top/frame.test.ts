// Frames of the view at every size: never more lines than the terminal has, never one that is
// wider, never a character that it would obey; and that only changed lines are written.

import { describe, expect, test } from "bun:test";
import { paletteOf } from "../../../../src/cli/colors.ts";
import { InfoFields } from "../../../../src/cli/info-fields.ts";
import { type FrameParts, frameLines } from "../../../../src/cli/top/frame.ts";
import type { NodeRow } from "../../../../src/cli/top/node-row.ts";
import { frameUpdate } from "../../../../src/cli/top/screen.ts";
import { firstState, pressed } from "../../../../src/cli/top/view-state.ts";

const esc = "\u001b";
/** What the palette itself writes. */
const style = new RegExp(`${esc}\\[\\d+m`, "g");
const evil = "\x1b[2J\x07\u202e東京";

function row(name: string, state: NodeRow["state"] = "up"): NodeRow {
  const numbers = {
    ...{ requests: 123_456, hits: 0.987, memory: 1.5e9, memoryLimit: 1.6e9, evictions: 0 },
    ...{ expirations: 0.4, clients: 12, p50Us: 3.2, p99Us: 1_500, bytesIn: 5e6, bytesOut: null },
    turns: 70_000,
  };
  const isUp = state === "up";
  return {
    ...{ name, state, sinceMs: 0, reason: isUp ? "" : `refused ${evil}`, role: "leader" },
    ...{ numbers: isUp ? numbers : null, lag: isUp ? { bytes: 5_000_000 } : null },
  };
}

function parts(columns: number, rows: number, color: string): FrameParts {
  const info = new InfoFields("redis_version:7.2.4\nuptime_in_seconds:100\nconnected_clients:3");
  const clients = [
    new Map([
      ["addr", evil],
      ["name", evil],
      ["tot-mem", "99"],
      ["cmd", "get"],
    ]),
  ];
  const slow = [{ atSeconds: 1, tookUs: 5_000, words: ["GET", evil.repeat(9)], address: evil }];
  const now = { atMs: 1_000, info, latency: null, slow, clients };
  return {
    rows: [row("10.0.0.1:5000"), row(`${evil}.example.com:5000`), row("b:1", "down")],
    detail: { before: null, now },
    state: { ...firstState, chosen: "10.0.0.1:5000" },
    size: { columns, rows },
    palette: paletteOf({ isTTY: true }, { FORCE_COLOR: color }),
    nowMs: 0,
    intervalMs: 1_000,
  };
}

const sizes = [0, 1, 2, 5, 15, 30, 59, 60, 80, 100, 137, 300];
const heights = [0, 1, 2, 3, 4, 5, 8, 12, 24, 60];

describe.each(["0", "1"])("with FORCE_COLOR=%s", (color) => {
  test("a frame has the lines of the terminal and none is wider", () => {
    for (const columns of sizes) {
      for (const rows of heights) {
        const frame = parts(columns, rows, color);
        for (const state of [frame.state, { ...frame.state, showsHelp: true }]) {
          const lines = frameLines({ ...frame, state });
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  test("names and arguments move no cursor", () => {
    for (const line of frameLines(parts(200, 60, color))) {
      const plain = line.replaceAll(style, "");
      expect(plain).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });
});

test("columns keep their places while numbers change", () => {
  const lines = (requests: number) => {
    const frame = parts(130, 30, "0");
    const [first] = frame.rows;
    if (first?.numbers == null) throw new Error("a row without numbers");
    const changed = { ...first, numbers: { ...first.numbers, requests } };
    return frameLines({ ...frame, rows: [changed] })[2] ?? "";
  };
  const ends = [0, 7, 4_321, 99_999, 100_001, 2.5e9].map((value) => lines(value));
  expect(new Set(ends.map((line) => line.indexOf("98.7%"))).size).toBe(1);
  expect(new Set(ends.map((line) => Bun.stringWidth(line))).size).toBe(1);
});

test("the chosen node stays in sight among more nodes than lines", () => {
  const rows = Array.from({ length: 40 }, (_, i) => row(`node-${i}:5000`));
  const frame = parts(80, 12, "0");
  const state = { ...frame.state, chosen: "node-33:5000" };
  expect(frameLines({ ...frame, rows, state }).join("\n")).toContain(">node-33:5000");
});

describe("an update of the screen", () => {
  test("has the changed lines alone, in one synchronized write", () => {
    expect(frameUpdate(["a", "b", "c"], ["a", "B", "c"], false)).toBe(
      "\x1b[?2026h\x1b[2;1H\x1b[KB\x1b[?2026l",
    );
  });

  test("is nothing where nothing changed, and clears lines that are no more", () => {
    expect(frameUpdate(["a"], ["a"], false)).toBe("");
    expect(frameUpdate(["a", "b"], ["a"], false)).toBe("\x1b[?2026h\x1b[2;1H\x1b[K\x1b[?2026l");
  });
});

test("a key without a meaning changes nothing, and the choice stays within the rows", () => {
  const rows = [row("a:1"), row("b:1")];
  const start = { ...firstState, chosen: "a:1" };
  expect(pressed(start, "constructor", rows)).toEqual(start);
  expect(pressed(start, "up", rows).chosen).toBe("a:1");
  expect(pressed(start, "end", rows).chosen).toBe("b:1");
  expect(pressed({ ...start, chosen: "b:1" }, "down", rows).chosen).toBe("b:1");
  expect(pressed(start, "down", []).chosen).toBeNull();
});

test("a node with followers of followers says how many are below it, and one in a circle says that", () => {
  const facts = (more: string) => {
    const info = new InfoFields(`redis_version:7.2.4\n${more}`);
    const now = { atMs: 1_000, info, latency: null, slow: null, clients: null };
    return frameLines({ ...parts(137, 24, "0"), detail: { before: null, now } });
  };
  expect(facts("mscache_tree_levels:2\nmscache_tree_nodes:3").join("\n")).toContain(
    "3 nodes below on 2 levels",
  );
  expect(facts("mscache_tree_circle:1").join("\n")).toContain("follows itself in a circle");
  expect(facts("mscache_tree_levels:1\nmscache_tree_nodes:3").join("\n")).not.toContain("below");
});
