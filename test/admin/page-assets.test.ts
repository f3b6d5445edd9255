/**
 * The files of the dashboard as HTTP serves them: types, caching, and whom the guard keeps out.
 * What browsers make of them is in dashboard.test.ts; here nothing runs a script.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { type AdminNode, startAdminNode } from "../support/admin-bed.ts";

setDefaultTimeout(caseMsMax);

let node: AdminNode;
beforeAll(async () => {
  node = await startAdminNode({ password: "secret" });
});
afterAll(() => node[Symbol.asyncDispose]());

/** The files that the page names. */
async function assetPaths(): Promise<string[]> {
  const page = await (await node.ask("/")).text();
  return [...new Set([...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = ""]) => path))];
}

test("page, script, style and icon need no login, and have their types", async () => {
  const page = await node.ask("/");
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(page.headers.get("content-security-policy")).toStartWith("default-src 'self';");
  const types = (await assetPaths()).map(async (path) => {
    const answer = await node.ask(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    return answer.headers.get("content-type");
  });
  expect((await Promise.all(types)).sort()).toEqual([
    "image/svg+xml",
    "text/css; charset=utf-8",
    "text/javascript; charset=utf-8",
  ]);
});

test("a browser keeps the files, asks for the page again, and keeps no data", async () => {
  const page = await node.ask("/");
  expect(page.headers.get("cache-control")).toBe("no-cache");
  const tag = page.headers.get("etag") ?? "";
  expect((await node.ask("/", { headers: { "If-None-Match": tag } })).status).toBe(304);
  for (const path of await assetPaths()) {
    const { headers } = await node.ask(path);
    expect(headers.get("cache-control")).toBe("max-age=31536000, immutable");
  }
  expect((await node.ask("/v1/info")).headers.get("cache-control")).toBe("no-store");
});

test("files are packed for who unpacks them", async () => {
  const path = (await assetPaths()).find((each) => each.endsWith(".js")) ?? "";
  const plain = await node.ask(path, { headers: { "Accept-Encoding": "identity" } });
  const asking = { headers: { "Accept-Encoding": "gzip" }, decompress: false };
  const packed = await node.ask(path, asking);
  expect(plain.headers.get("content-encoding")).toBeNull();
  expect(packed.headers.get("content-encoding")).toBe("gzip");
  const bytes = Bun.gunzipSync(await packed.arrayBuffer());
  expect(new TextDecoder().decode(bytes)).toBe(await plain.text());
});

test("the guard counts: a link of another site may lead to the page, a script of it gets nothing", async () => {
  const [asset = ""] = await assetPaths();
  const foreign = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors" };
  const link = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate" };
  expect((await node.ask("/", { headers: foreign })).status).toBe(403);
  expect((await node.ask(asset, { headers: foreign })).status).toBe(403);
  expect((await node.ask("/", { headers: link })).status).toBe(200);
  expect((await node.ask("/", { headers: { Host: "evil.example" } })).status).toBe(421);
});

test("there is nothing else, and nothing to write", async () => {
  expect((await node.ask("/chunk-absent.js")).status).toBe(404);
  expect((await node.ask("/", { method: "POST" })).status).toBe(405);
  const head = await node.ask("/", { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
});
