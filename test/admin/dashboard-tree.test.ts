/**
 * The replication tree on the dashboard, in a real browser: a chain as its root and its middle show
 * it, nodes that go, a Redis that tells nothing, and small screens. The other panels are in
 * dashboard.test.ts.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import {
  caseMsMax,
  noRedis,
  redisInstalled,
  respClient,
  startNode,
  startRedis,
  type TestNode,
  waitFor,
} from "../harness.ts";
import { type AdminNode, startAdminNode } from "../support/admin-bed.ts";
import { browserInstalled, noBrowser, noteAll, startBrowser } from "../support/browser.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

/** The lines of the tree, each with two spaces for a level: "  127.0.0.1:1 | 0 s · 0 B behind". */
const linesOfTree = `[...document.querySelectorAll(".tree-node")].map((line) => {
  let depth = -1;
  for (let at = line; at.className !== "tree-frame"; at = at.parentElement) {
    if (at.tagName === "UL") depth++;
  }
  const [name, remark] = ["name", "remark"].map((part) => line.querySelector("." + part).textContent);
  return "  ".repeat(depth) + name + " | " + remark.replace(/\\s/g, " ").replace(/\\d+ s/, "N s");
})`;

describe.skipIf(!browserInstalled())(`the tree (skipped if ${noBrowser})`, () => {
  let browser: Browser;
  let root: AdminNode;
  let middle: AdminNode;
  let last: TestNode;

  beforeAll(async () => {
    browser = await startBrowser();
    root = await startAdminNode();
    middle = await startAdminNode({ leaderaddr: `127.0.0.1:${root.port}` });
    last = await startNode({ leaderAddr: { host: "127.0.0.1", port: middle.port } });
  }, caseMsMax);

  afterAll(async () => {
    await browser.close();
    for (const node of [last, middle, root]) await node[Symbol.asyncDispose]();
  }, caseMsMax);

  async function untilTree(page: Page, lines: readonly string[]): Promise<void> {
    let seen: string[] = [];
    const isThere = async () => {
      seen = await page.evaluate<string[]>(linesOfTree);
      return seen.join("\n") === lines.join("\n");
    };
    await waitFor(isThere, { message: lines.join("\n"), progress: () => seen.join("\n") });
  }

  test("shows the whole chain from each of its nodes, and a node that goes is gone", async () => {
    await using context = await browser.newContext();
    const [atRoot, atMiddle] = [await context.newPage(), await context.newPage()];
    const notes = [noteAll(atRoot), noteAll(atMiddle)];
    await Promise.all([atRoot.goto(root.url), atMiddle.goto(middle.url)]);
    await untilTree(atRoot, [
      "This node | leader",
      `  ${addressOf(middle)} | N s · 0 B behind`,
      `    ${last.address} | N s · 0 B behind`,
    ]);
    await atRoot.getByText("Each lag is to the node above.").waitFor();
    await untilTree(atMiddle, [
      `${addressOf(root)} | leader, 0 B to apply`,
      "  This node | follower",
      `    ${last.address} | N s · 0 B behind`,
    ]);
    const below = await startNode({ leaderAddr: { host: "127.0.0.1", port: last.port } });
    await atRoot
      .locator(`[data-follower="${last.address}"] [data-follower="${below.address}"]`)
      .waitFor();
    await below[Symbol.asyncDispose]();
    await atRoot.locator(`[data-follower="${below.address}"]`).waitFor({ state: "detached" });
    expect(notes.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test("says that a circle has no leader", async () => {
    await using client = await respClient(root.port);
    await client.call("REPLICAOF", "127.0.0.1", `${last.port}`);
    await using context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(middle.url);
    const sentence = page.getByText("These nodes follow each other in a circle.");
    await sentence.waitFor();
    await client.call("REPLICAOF", "NO", "ONE");
    await sentence.waitFor({ state: "detached" });
    await untilTree(page, [
      `${addressOf(root)} | leader, 0 B to apply`,
      "  This node | follower",
      `    ${last.address} | N s · 0 B behind`,
    ]);
  });

  test.skipIf(!redisInstalled())(
    `does not claim to know what is above and below a Redis (skipped if ${noRedis})`,
    async () => {
      await using above = await startRedis();
      await using node = await startAdminNode({ leaderaddr: above.address });
      await using below = await startRedis(["--replicaof", "127.0.0.1", `${node.port}`]);
      await using context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(node.url);
      await untilTree(page, [
        "Not known | nobody tells",
        `  ${above.address} | leader, 0 B to apply`,
        "    This node | follower",
        `      127.0.0.1:${below.port} | N s · 0 B behind`,
      ]);
      await page.getByText("1 node cannot tell of own followers.").waitFor();
    },
  );

  test.each(["light", "dark"] as const)(
    "of names that look like markup and many levels stays text, and fits 400 px in the %s theme",
    async (colorScheme) => {
      await using node = await startAdminNode();
      await using peer = await Peer.connect(node.port);
      const evil = `<img/src=x/onerror="document.title='owned'">`;
      await peer.ask("REPLCONF", "ip-address", evil, "capa", "mscache-tree", "capa", "eof");
      peer.send("PSYNC", "?", "-1");
      peer.send("REPLCONF", "ACK", "0"); // it has loaded, it says
      const names = [evil, `${evil}${"w".repeat(200)}`, "10.0.0.1"];
      const lines = Array.from({ length: 7 }, (_, depth) => {
        return `${depth} ours ${names[depth % 3]} 65535 online 1 1048576 3 -`;
      });
      peer.send("REPLCONF", "mscache-tree", ["1 00000000000000aa 12", ...lines].join("\n"));
      await using context = await browser.newContext({
        colorScheme,
        viewport: { width: 400, height: 800 },
      });
      const page = await context.newPage();
      const notes = noteAll(page);
      await page.goto(node.url);
      await page.locator(".tree-node", { hasText: "12 more" }).waitFor();
      expect(await page.locator(".tree-node").count()).toBe(10);
      expect(await page.locator("main img").count()).toBe(0);
      expect(await page.title()).not.toContain("owned");
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate<{ violations: axe.Result[] }>(
        "axe.run('[data-panel=replication]')",
      );
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
      const [content, width, frame, room] = await page.evaluate<number[]>(`(() => {
        const { scrollWidth, clientWidth } = document.querySelector(".tree-frame");
        return [document.documentElement.scrollWidth, innerWidth, scrollWidth, clientWidth];
      })()`);
      expect(content).toBeLessThanOrEqual(width ?? 0);
      expect(frame).toBeLessThanOrEqual(room ?? 0);
      expect(notes.errors).toEqual([]);
    },
  );
});

function addressOf({ port }: AdminNode): string {
  return `127.0.0.1:${port}`;
}
