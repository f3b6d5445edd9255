// Makes README.md's picture of the dashboard: a leader, two followers and a follower of one of
// them, under a load that looks like a shop's, a minute and a half of it, and Debian's chromium.
//   bun scripts/screenshot.ts [FILE [dark]]     scripts/release/dashboard.png without FILE
// It judges nothing; test/admin/dashboard.test.ts does.

import { join } from "node:path";
import { chromium } from "playwright-core";
import { connect } from "../src/index.ts";
import { freePort } from "./bench/servers.ts";

const root = join(import.meta.dir, "..");
const file = process.argv[2] ?? join(import.meta.dir, "release/dashboard.png");
const loadMs = 90_000;
const clients = 6;
const products = 30_000;
const size = { width: 1280, height: 900 };
const colorScheme = process.argv[3] === "dark" ? "dark" : "light";

const processes: Bun.Subprocess[] = [];
const leader = freePort();
const http = freePort();

try {
  start(leader, "--http", `127.0.0.1:${http}`, "--threads", "2", "--miss-curve", "yes");
  await waitFor(() => fetch(`http://127.0.0.1:${http}/readyz`));
  const follower = freePort();
  for (const port of [follower, freePort()]) start(port, "--leaderaddr", `127.0.0.1:${leader}`);
  start(freePort(), "--leaderaddr", `127.0.0.1:${follower}`);
  await using browser = await chromium.launch({
    executablePath: Bun.which("chromium") ?? "",
    args: ["--no-sandbox"],
  });
  const page = await browser.newPage({ viewport: size, colorScheme });
  await page.goto(`http://127.0.0.1:${http}`);
  const end = performance.now() + loadMs;
  const loads = Array.from({ length: clients }, (_, i) => load(i, end));
  await page.waitForTimeout(loadMs - 3_000);
  await page.screenshot({ path: file, fullPage: true });
  await Promise.all(loads);
  console.log(file);
} finally {
  for (const child of processes) child.kill();
}

function start(port: number, ...more: readonly string[]): void {
  const options = ["--listenaddr", `127.0.0.1:${port}`, "--max-memory", "16mb"];
  const slow = ["--slowlog-log-slower-than", "3000", "--log-level", "error"];
  const command = [process.execPath, join(root, "src/main.ts"), ...options, ...slow, ...more];
  processes.push(Bun.spawn(command, { stdio: ["ignore", "inherit", "inherit"] }));
}

/** Reads of popular products, a write for each miss, carts that expire, and a few large pages. */
async function load(number: number, end: number): Promise<void> {
  await using client = await connect(`127.0.0.1:${leader}`);
  for (let turn = 0; performance.now() < end; turn++) {
    const wave = 20 + Math.round(12 * Math.sin(performance.now() / 7_000));
    await Promise.all(Array.from({ length: wave }, () => shop(client)));
    const page = `page:/category/${number}`;
    if (turn % 5 === 0 && (await client.get(page)) === null) {
      await client.set(page, "<p>".repeat(6_000 * (number + 1)));
    }
    await Bun.sleep(8);
  }
}

async function shop(client: Awaited<ReturnType<typeof connect>>): Promise<void> {
  const product = Math.floor(products * Math.random() ** 4);
  const key = `product:${product}`;
  if ((await client.get(key)) === null) {
    await client.set(key, JSON.stringify({ product, text: "t".repeat(400 + (product % 1200)) }));
  }
  if (Math.random() < 0.05) {
    await client.set(`cart:${product}`, "c".repeat(300), { ttl: 3_000 + (product % 5_000) });
  }
}

async function waitFor(ask: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await ask();
      return;
    } catch (error) {
      if (tries === 200) throw error;
      await Bun.sleep(100);
    }
  }
}
