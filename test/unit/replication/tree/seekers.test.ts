/**
 * What nodes without a leader's link tell each other when they ask: a node finds itself in it
 * exactly while it follows itself by its present leader. Nodes of tests are ids and a clock; how
 * this looks in real nodes is in test/replication/own-loops.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { seekerMsMax, seekersMax } from "../../../../src/base/limits.ts";
import { Seekers } from "../../../../src/replication/tree/seekers.ts";

const idOf = (n: number) => n.toString(16).padStart(16, "0");

function grove(count: number) {
  const clock = { ms: 1_000 };
  const nodes = Array.from({ length: count }, (_, n) => new Seekers(idOf(n), () => clock.ms));
  const ask = (from: number, to: number) => nodes[to].hear(nodes[from].tell());
  return { clock, nodes, ask };
}

describe("a node", () => {
  test("that asks itself knows it at once", () => {
    const { nodes, ask } = grove(1);
    expect(ask(0, 0)).toBe(true);
    expect(nodes[0].ownLoop).toBe("name");
  });

  test("in a circle of three hears its own id after one round", () => {
    const { nodes, ask } = grove(3);
    expect([ask(0, 1), ask(1, 2)]).toEqual([false, false]);
    expect(ask(2, 0)).toBe(true);
    expect(nodes.map(({ ownLoop }) => ownLoop)).toEqual(["others", null, null]);
    ask(0, 1);
    ask(1, 2);
    expect(nodes.map(({ ownLoop }) => ownLoop)).toEqual(["others", "others", "others"]);
  });

  test("below a circle never hears its own, however long the circle stays", () => {
    const { nodes, ask, clock } = grove(3);
    for (let round = 0; round < 10; round++) {
      ask(2, 0);
      ask(0, 1);
      ask(1, 0);
      clock.ms += 4_000;
    }
    expect([nodes[0].ownLoop, nodes[2].ownLoop]).toEqual(["others", null]);
  });

  test("that follows another leader takes nothing that it asked before for its circle", () => {
    const { nodes, ask, clock } = grove(2);
    ask(0, 1);
    clock.ms += 10;
    nodes[0].startOver();
    clock.ms += 10;
    expect(ask(1, 0)).toBe(false);
    expect(nodes[0].ownLoop).toBeNull();
  });

  test("forgets a circle in which nobody asks any more, though two others pass it on for ever", () => {
    const { nodes, ask, clock } = grove(3);
    ask(0, 1);
    for (let ms = 0; ms <= seekerMsMax; ms += 5_000) {
      clock.ms += 5_000;
      ask(1, 2);
      ask(2, 1);
    }
    expect(nodes[1].tell()).not.toContain(idOf(0));
    ask(0, 0);
    clock.ms += seekerMsMax + 1;
    expect(nodes[0].ownLoop).toBeNull();
  });

  test("tells the latest of many, and its text is always one that others take", () => {
    const { nodes, clock } = grove(2);
    for (let n = 10; n < 10 + 2 * seekersMax; n++) {
      clock.ms++;
      nodes[0].hear(`${idOf(n)}:0`);
    }
    const told = nodes[0].tell();
    expect(told.split(",")).toHaveLength(1 + seekersMax);
    expect(told).toContain(`${idOf(9 + 2 * seekersMax)}:0`);
    expect(told).not.toContain(idOf(10));
    nodes[1].hear(told);
    expect(nodes[1].tell()).toContain(idOf(9 + seekersMax + 1));
  });

  test.each(["", ",", "0", `${idOf(0)}`, `${idOf(0)}:-1`, `${idOf(0)}:0,`, `x${idOf(0)}:0`])(
    "takes nothing of %p",
    (text) => {
      const { nodes } = grove(1);
      expect(nodes[0].hear(text)).toBe(false);
      expect(nodes[0].tell()).toBe(`${idOf(0)}:0`);
    },
  );

  test("takes nothing of a text of more nodes than any node tells", () => {
    const { nodes } = grove(1);
    const text = Array.from({ length: seekersMax + 2 }, () => `${idOf(0)}:100000`).join(",");
    expect(nodes[0].hear(text)).toBe(false);
  });
});
