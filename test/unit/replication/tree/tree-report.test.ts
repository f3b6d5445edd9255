/**
 * The two texts of the replication tree, up and down: what is written is read as the same, what is
 * not exactly so is refused as a whole, and nothing is larger than its bounds, whatever a peer is
 * or sends. Replay the fuzzer with TREE_SEED=n.
 */
import { describe, expect, test } from "bun:test";
import { treeDepthMax, treeNodesMax, treeReportBytesMax } from "../../../../src/base/limits.ts";
import {
  type Branch,
  countOf,
  farthestBehind,
  levelsOf,
  trimmed,
  without,
} from "../../../../src/replication/tree/branch.ts";
import { ToldTree } from "../../../../src/replication/tree/told-tree.ts";
import { readReport, reportText } from "../../../../src/replication/tree/tree-report.ts";
import { readWay, wayBy, wayText } from "../../../../src/replication/tree/way-up.ts";
import { Random, seedFor } from "../../../support/seed.ts";

const id = "0123456789abcdef";

function branch(port: number, ...followers: Branch[]): Branch {
  const lags = { lagBytes: 7, lagSeconds: 1 };
  const place = { ip: "10.0.0.1", port, state: "online", offset: 123_456_789_012 };
  return { ...place, ...lags, kind: "ours", id: "", followers };
}

/** A chain of so many followers. */
function chain(length: number): Branch[] {
  return length === 0 ? [] : [branch(length, ...chain(length - 1))];
}

describe("a report", () => {
  test("says what the tree is", () => {
    const loading = { ...branch(4), state: "wait_snapshot", lagBytes: null, lagSeconds: null };
    const copy = { ...branch(5), kind: "copy" as const, ip: "fe80::1%eth0", id: "f".repeat(16) };
    const followers = [branch(1, branch(2, branch(3)), loading), copy, branch(6)];
    const text = reportText(id, { followers, leftOut: 3 });
    expect(readReport(text)).toEqual({ id, leftOut: 3, followers });
    expect(text.split("\n")[3]).toBe("2 ours 10.0.0.1 3 online 123456789012 7 1 -");
  });

  test("of a leaf is one line", () => {
    const text = reportText(id, { followers: [], leftOut: 0 });
    expect(text).toBe(`1 ${id} 0`);
    expect(readReport(text)).toEqual({ id, leftOut: 0, followers: [] });
  });

  test("has no more levels and nodes than a leader takes, and says how many it leaves out", () => {
    const long = readReport(reportText(id, { followers: chain(20), leftOut: 0 }));
    expect(levelsOf(long?.followers ?? [])).toBe(treeDepthMax - 1);
    expect(long?.leftOut).toBe(20 - (treeDepthMax - 1));
    const crowd = Array.from({ length: 2_000 }, (_, i) => branch(i + 1));
    const text = reportText(id, { followers: [branch(1, ...crowd), branch(2)], leftOut: 5 });
    expect(text.length).toBeLessThan(treeReportBytesMax);
    const wide = readReport(text);
    expect(countOf(wide?.followers ?? [])).toBe(treeNodesMax);
    expect(wide?.leftOut).toBe(2_002 - treeNodesMax + 5);
    expect(wide?.followers.map(({ port }) => port)).toEqual([1, 2]); // the upper level is whole
  });

  test("of the longest names fits its bound", () => {
    const host = "h".repeat(255);
    const follower = { ...branch(65_535), ip: host, state: "sending_snapshot", id };
    const numbers = { offset: 1e15 - 1, lagBytes: 1e15 - 1, lagSeconds: 1e15 - 1 };
    const followers = Array.from({ length: treeNodesMax }, () => ({ ...follower, ...numbers }));
    const text = reportText(id, { followers, leftOut: 999_999_999 });
    expect(text.length).toBeLessThanOrEqual(treeReportBytesMax);
    expect(readReport(text)?.followers).toEqual(followers);
  });

  test("is whole although a follower announced and acknowledged nonsense", () => {
    const mad = { ...branch(-5), offset: -1, lagBytes: 2 ** 60, lagSeconds: Number.NaN };
    const read = readReport(reportText(id, { followers: [mad, branch(1e9)], leftOut: 0 }));
    expect(read?.followers).toEqual([
      { ...branch(0), offset: 0, lagBytes: 0, lagSeconds: 0 },
      branch(0),
    ]);
  });

  const good = "0 ours 10.0.0.1 1 online 1 0 0 -";
  test.each([
    "",
    "garbage",
    `2 ${id} 0`,
    `1 ${id.toUpperCase()} 0`,
    `1 ${id} -1`,
    `1 ${id} 0\n`,
    `1 ${id} 0\r\n${good}`,
    `1 ${id} 0\n${good}\n`,
    `1 ${id} 0\n1${good.slice(1)}`,
    `1 ${id} 0\n${good}\n2${good.slice(1)}`,
    `1 ${id} 0\n${good.replace("ours", "mine")}`,
    `1 ${id} 0\n${good.replace("10.0.0.1", "a b")}`,
    `1 ${id} 0\n${good.replace("10.0.0.1", "a,state=online")}`,
    `1 ${id} 0\n${good.replace("10.0.0.1", "a\u001b[31m")}`,
    `1 ${id} 0\n${good.replace("10.0.0.1", "ä")}`,
    `1 ${id} 0\n${good.replace(" 1 online", " 65536 online")}`,
    `1 ${id} 0\n${good.replace("online", "on,line")}`,
    `1 ${id} 0\n${good.replace("online", "<img>")}`,
    `1 ${id} 0\n${good.replace("online 1", "online 1e3")}`,
    `1 ${id} 0\n${Array.from({ length: treeNodesMax + 1 }, () => good).join("\n")}`,
    `1 ${id} 0\n${Array.from({ length: treeDepthMax }, (_, i) => `${i}${good.slice(1)}`).join("\n")}`,
    "x".repeat(treeReportBytesMax + 1),
  ])("that is not exactly one is refused: %j", (text) => {
    expect(readReport(text)).toBeNull();
  });

  test("that was damaged anywhere is refused, or is one within the bounds", () => {
    const random = new Random(seedFor("TREE_SEED"));
    const whole = reportText(id, { followers: [...chain(5), ...chain(3)], leftOut: 0 });
    for (let round = 0; round < 2_000; round++) {
      const at = random.below(whole.length);
      const put = random.pick(["\n", " ", "\r", "0", "9", "-", "\0", "<", whole.slice(0, at)]);
      const damaged = whole.slice(0, at) + put + whole.slice(at + random.below(20));
      const report = readReport(damaged);
      if (report === null) continue;
      expect(countOf(report.followers)).toBeLessThanOrEqual(treeNodesMax);
      expect(levelsOf(report.followers)).toBeLessThan(treeDepthMax);
      expect(readReport(reportText(report.id, report))).toEqual(report);
    }
  });
});

describe("a tree", () => {
  test("keeps its upper levels", () => {
    const followers = [branch(1, branch(2), branch(3, branch(4))), branch(5)];
    const { followers: kept, leftOut } = trimmed({ followers, leftOut: 1 }, 4, 2);
    expect(kept).toEqual([branch(1, branch(2), branch(3)), branch(5)]);
    expect(leftOut).toBe(2);
  });

  test("adds up the lags of a way, and counts levels", () => {
    const followers = [branch(1, branch(2)), { ...branch(3), lagBytes: 9 }];
    expect(farthestBehind(followers)).toBe(14);
    expect(levelsOf(followers)).toBe(2);
    expect(farthestBehind([])).toBe(0);
  });

  test("loses a node that would follow itself, with what is below it", () => {
    const again = { ...branch(2, branch(3)), id };
    expect(without([branch(1, again, branch(4))], id)).toEqual([branch(1, branch(4))]);
  });
});

describe("the reports that a leader keeps", () => {
  test("share a bound, and the last one counts even if it has no room", () => {
    const held = { bytes: 0 };
    const text = reportText(id, { followers: chain(3), leftOut: 0 });
    const first = new ToldTree(held);
    first.take(text);
    expect(first.report?.id).toBe(id);
    expect(held.bytes).toBe(text.length);
    held.bytes += 1024 * 1024 - 2 * text.length; // others have told much
    first.take(text);
    expect(first.report).not.toBeNull();
    first.take(`${text}\n${"x".repeat(2 * text.length)}`);
    expect(first.report).toBeNull();
    expect(held.bytes).toBe(1024 * 1024 - 2 * text.length);
    first.take("x".repeat(treeReportBytesMax + 1));
    expect(held.bytes).toBe(1024 * 1024 - 2 * text.length);
  });
});

describe("the way up", () => {
  const leader = { host: "a.example", port: 6379, isUp: true };

  test("is known to the root if all on it are nodes of ours", () => {
    const root = readWay(wayText("a".repeat(16), null));
    const middle = wayBy(leader, root);
    expect(middle).toEqual({ nodes: [{ ...leader, id: "a".repeat(16) }], isWhole: true });
    const told = readWay(wayText("b".repeat(16), middle));
    const way = wayBy({ host: "::1", port: 1, isUp: false }, told);
    expect(way.isWhole).toBe(true);
    expect(way.nodes.map(({ host, isUp }) => [host, isUp])).toEqual([
      ["::1", false],
      ["a.example", true],
    ]);
  });

  test("ends at a Redis, and at a bound", () => {
    const behindRedis = wayBy(leader, null);
    expect(behindRedis.isWhole).toBe(false);
    expect(readWay(wayText(id, behindRedis))).toEqual({ ...behindRedis, id });
    let way = wayBy(leader, readWay(wayText(id, null)));
    for (let i = 0; i < 20; i++) way = wayBy(leader, readWay(wayText(id, way)));
    expect(way.nodes.length).toBe(8);
    expect(way.isWhole).toBe(false);
  });

  test.each([
    "",
    `1 ${id}`,
    `1 ${id} whole\n`,
    `1 ${id} whole\nup a 65536 -`,
    `1 ${id} whole\nup a\tb 1 -`,
    `1 ${id} whole\nsideways a 1 -`,
    `1 ${id} whole${"\nup a 1 -".repeat(9)}`,
    `1 ${id} whole\nup ${"h".repeat(256)} 1 -`,
  ])("that is not exactly one is refused: %j", (text) => {
    expect(readWay(text)).toBeNull();
  });
});
