// The handlers of mscache/next by the contract of Next.js 16, between two clients, as between two
// processes. What Next.js itself makes of them is in next-app.test.ts.

import { expect, test } from "bun:test";
import {
  createIsrHandler,
  createUseCacheHandler,
  type NextCacheEntry,
  type NextHandlerOptions,
} from "../../../src/client/adapters/next-handlers.ts";
import type { Client } from "../../../src/client/client.ts";
import { waitFor } from "../../harness.ts";
import type { Untyped } from "../../integrations/stock.ts";
import { eachServer } from "../../support/client-servers.ts";
import { connectPatiently } from "../../support/patient-client.ts";

const bytes = new Uint8Array([0, 255, 10, 13, 128]);

/** As Next.js has it: by its clock, with a stream that is read once. */
function entryOf(about: Partial<NextCacheEntry> = {}): NextCacheEntry {
  const timestamp = performance.timeOrigin + performance.now();
  const value = new Blob([bytes]).stream();
  return { value, tags: [], stale: 30, revalidate: 60, expire: 600, timestamp, ...about };
}

const put = (handler: Untyped, key: string, about?: Partial<NextCacheEntry>) =>
  handler.set(key, Promise.resolve(entryOf(about)));
const bytesOf = async (entry: NextCacheEntry | undefined) =>
  entry && new Uint8Array(await new Response(entry.value as Untyped).arrayBuffer());

/** Whether Next.js renders it anew: what is older than its `revalidate`, of which 60 is usual. */
function isOld({ lastModified, cacheControl }: Untyped): boolean {
  const { revalidate = 60 } = cacheControl ?? {};
  return revalidate !== false && Date.now() - lastModified > revalidate * 1000;
}

/** The same handler in two processes. */
function twice<Handler>(make: (options: NextHandlerOptions) => Handler, [one, other]: Client[]) {
  const prefix = `${crypto.randomUUID()}:`;
  const errors: Untyped[] = [];
  const options = { prefix, onError: (error: unknown) => errors.push(error) };
  const handlers = [one, other].map((client) => make({ ...options, client: client as Client }));
  return { here: handlers[0] as Handler, there: handlers[1] as Handler, prefix, errors };
}
const isr = (options: NextHandlerOptions) => new (createIsrHandler(options))();

eachServer("what Next.js caches", (node) => {
  async function clients() {
    const both = [
      await connectPatiently(node().address),
      await connectPatiently(node().address),
    ] as const;
    const close = async () => void (await Promise.all(both.map((client) => client.close())));
    return { both: [...both], client: both[0], [Symbol.asyncDispose]: close };
  }

  test('"use cache" gets its entries back in every process, each time as a new stream', async () => {
    await using room = await clients();
    const { here, there, prefix, errors } = twice(createUseCacheHandler, room.both);
    const stored = entryOf({ tags: ["a"], expire: Infinity, revalidate: Infinity });
    const { value: _, ...about } = stored;
    expect(await there.get("key", [])).toBeUndefined();
    await here.set("key", Promise.resolve(stored));
    for (const handler of [here, there, here]) {
      const found = await handler.get("key", ["/path"]);
      expect(found).toMatchObject(about);
      expect(await bytesOf(found)).toEqual(bytes);
    }
    await put(here, "short", { expire: 100 });
    expect(await room.client.ttl(`${prefix}use:entry:short`)).toBeWithin(50_000, 100_001);
    expect(await there.getExpiration(["/path"])).toBe(Infinity);
    expect(await there.refreshTags()).toBeUndefined();
    expect(errors).toEqual([]);
  });

  test('"use cache" waits for what is still computed, and keeps nothing that fails', async () => {
    await using room = await clients();
    const { here, errors } = twice(createUseCacheHandler, room.both);
    const pending = Promise.withResolvers<NextCacheEntry>();
    const set = here.set("slow", pending.promise);
    const found = here.get("slow", []);
    pending.resolve(entryOf());
    expect(await bytesOf(await found)).toEqual(bytes);
    await set;
    async function* broken() {
      yield bytes;
      throw new Error("the render was aborted");
    }
    await put(here, "broken", { value: broken() });
    await here.set("rejected", Promise.reject(new Error("never rendered")));
    await put(here, "dynamic", { expire: 0 });
    for (const key of ["broken", "rejected", "dynamic"]) {
      expect(await here.get(key, [])).toBeUndefined();
    }
    expect(errors.map(({ message }) => message)).toEqual([
      "the render was aborted",
      "never rendered",
    ]);
  });

  test("a tag that is updated is gone in every process, and what comes later is not", async () => {
    await using room = await clients();
    const { here, there } = twice(createUseCacheHandler, room.both);
    for (const [key, tags] of Object.entries({ a: ["x", "y"], b: ["y"], c: ["z"], d: [] })) {
      await put(here, key, { tags });
    }
    await here.updateTags(["x", "z"]);
    const has = async (key: string, soft: string[] = []) =>
      (await there.get(key, soft)) !== undefined;
    expect([await has("a"), await has("b"), await has("c")]).toEqual([false, true, false]);
    await waitFor(async () => {
      await put(here, "a", { tags: ["x", "y"] });
      return has("a");
    });
    await here.updateTags(["_N_T_/page"]);
    expect([await has("d", ["_N_T_/page"]), await has("d", ["_N_T_/layout"])]).toEqual([
      false,
      true,
    ]);
  });

  test("a tag with a profile is stale, and gone when its time is up", async () => {
    await using room = await clients();
    const { here, there } = twice(createUseCacheHandler, room.both);
    await put(here, "a", { tags: ["x"] });
    await put(here, "b", { tags: ["y"] });
    await put(here, "c", { tags: ["z"] });
    await here.updateTags(["x"], { expire: 3600 });
    await here.updateTags(["y"], {});
    for (const key of ["a", "b"]) {
      const stale = await there.get(key, []);
      expect(stale).toMatchObject({ revalidate: -1, expire: 600 });
      expect(await bytesOf(stale)).toEqual(bytes);
    }
    expect((await there.get("c", ["y"]))?.revalidate).toBe(-1);
    await here.updateTags(["z"], { expire: 0 });
    expect(await there.get("c", [])).toBeUndefined();
    await here.updateTags(["x"]);
    expect(await there.get("a", [])).toBeUndefined();
    await here.updateTags(["x"], { expire: 3600 });
    expect(await there.get("a", [])).toBeUndefined();
  });

  test("marking a tag is one command, however many entries have it", async () => {
    await using room = await clients();
    const { here, there } = twice(createUseCacheHandler, room.both);
    const keys = Array.from({ length: 100 }, (_, index) => `entry ${index}`);
    await Promise.all(keys.map((key) => put(here, key, { tags: ["many"] })));
    const calls = async () =>
      [...(await room.client.info("commandstats")).matchAll(/cmdstat_(\w+):calls=(\d+)/g)]
        .filter(([, name]) => !/^(info|hello|client|role)/.test(`${name}`))
        .reduce((sum, [, , count]) => sum + Number(count), 0);
    const before = await calls();
    await here.updateTags(["many"]);
    expect((await calls()) - before).toBe(1);
    const found = await Promise.all(keys.map((key) => there.get(key, [])));
    expect(found.filter((entry) => entry !== undefined)).toEqual([]);
  });

  test("an entry whose tags' records were evicted is gone, and does not come back", async () => {
    await using room = await clients();
    const { here, there, prefix } = twice(createUseCacheHandler, room.both);
    const longAgo = performance.timeOrigin + performance.now() - 120_000;
    for (const kind of ["gone", "stale"]) {
      await put(here, "old", { tags: ["x"], timestamp: longAgo });
      expect(await there.get("old", [])).toBeDefined();
      await room.client.delete(`${prefix}use:${kind}:x`);
      expect(await there.get("old", [])).toBeUndefined();
      await put(here, "new", { tags: ["x"] });
      expect(await there.get("new", [])).toBeDefined();
      const revived = await there.get("old", []);
      // Without the record of what is stale, it is not known to be gone.
      expect(revived?.revalidate).toBe(kind === "gone" ? undefined : -1);
      await room.client.deleteMany([`${prefix}use:gone:x`, `${prefix}use:stale:x`]);
    }
  });

  test("pages, routes, fetches, images and redirects come back as they were", async () => {
    await using room = await clients();
    const { here, there, errors } = twice(isr, room.both);
    const page = {
      kind: "APP_PAGE",
      html: "<p>\ud83d\ude00</p>",
      rscData: Buffer.from(bytes),
      segmentData: new Map([
        ["/_tree", Buffer.from(bytes)],
        ["/empty", Buffer.alloc(0)],
      ]),
      postponed: undefined,
      headers: { "x-next-cache-tags": "a,b", list: ["1", "2"] },
      status: 200,
    };
    const values = [
      page,
      { kind: "APP_ROUTE", body: Buffer.from(bytes), status: 200, headers: {} },
      { kind: "PAGES", html: "<p>", pageData: { props: { deep: [null, 1] } }, status: 404 },
      { kind: "FETCH", data: { headers: {}, body: "e30=", url: "/" }, tags: [], revalidate: 60 },
      { kind: "IMAGE", etag: "e", upstreamEtag: "u", buffer: Buffer.from(bytes), extension: "png" },
      { kind: "REDIRECT", props: { destination: "/" } },
      null,
    ];
    for (const [index, value] of values.entries()) {
      const cacheControl = { revalidate: 60, expire: 600 };
      await here.set(`/${index}`, value, { cacheControl });
      const found = await there.get(`/${index}`, { kind: value?.kind });
      expect(found).toEqual({ lastModified: expect.any(Number), value, cacheControl } as Untyped);
      expect(Date.now() - (found?.lastModified ?? 0)).toBeWithin(-100, 60_000);
    }
    const found = (await there.get("/0")) as Untyped;
    expect(Buffer.isBuffer(found.value.rscData)).toBe(true);
    expect(Buffer.isBuffer(found.value.segmentData.get("/_tree"))).toBe(true);
    expect(await there.get("/none")).toBeNull();
    expect(here.resetRequestCache()).toBeUndefined();
    expect(errors).toEqual([]);
  });

  test("pages and fetches are gone or stale by their tags, those of the path included", async () => {
    await using room = await clients();
    const { here, there } = twice(isr, room.both);
    const headers = { "x-next-cache-tags": "_N_T_/layout,posts" };
    const page = { kind: "APP_PAGE", html: "<p>", headers };
    const put = async () => {
      await here.set("/page", page, { cacheControl: { revalidate: 60, expire: 600 } });
      await here.set("/static", page, { cacheControl: { revalidate: false } });
      await here.set("/fetch", { kind: "FETCH", revalidate: 60 }, { tags: ["posts"] });
    };
    const context = { kind: "FETCH", tags: ["posts"], softTags: ["_N_T_/page"], revalidate: 60 };
    const look = async () => {
      const found = [there.get("/page"), there.get("/static"), there.get("/fetch", context)];
      return (await Promise.all(found)).map((entry) => entry && (isOld(entry) ? "stale" : "fresh"));
    };
    await put();
    expect(await look()).toEqual(["fresh", "fresh", "fresh"]);
    await here.revalidateTag("posts", { expire: 600 });
    expect(await look()).toEqual(["stale", "stale", "stale"]);
    await waitFor(async () => {
      await put();
      return (await look()).join() === "fresh,fresh,fresh";
    });
    await here.revalidateTag(["_N_T_/page"]);
    expect(await look()).toEqual(["fresh", "fresh", null]);
    await here.revalidateTag(["posts", "other"]);
    expect(await look()).toEqual([null, null, null]);
  });

  test("what others have written, or broken, is a miss", async () => {
    await using room = await clients();
    const { here, prefix, errors } = twice(isr, room.both);
    await here.set("/page", { kind: "APP_ROUTE", body: Buffer.from(bytes) }, {});
    const key = `${prefix}isr:entry:/page`;
    const whole = (await room.client.getBytes(key)) as Uint8Array;
    const broken = [new Uint8Array(0), whole.subarray(0, whole.length - 1), whole.subarray(1)];
    for (const value of [...broken, "text", '{"version":1}']) {
      await room.client.set(key, value);
      expect(await here.get("/page")).toBeNull();
    }
    expect(errors).toEqual([]);
  });

  test("a client that fails makes misses, but a tag that may not be marked rejects", async () => {
    const client = await connectPatiently(node().address);
    const cached = twice(createUseCacheHandler, [client, client]);
    const pages = twice(isr, [client, client]);
    await client.close();
    expect(await cached.here.get("key", ["/path"])).toBeUndefined();
    expect(await pages.here.get("/page")).toBeNull();
    await put(cached.here, "key");
    await pages.here.set("/page", null);
    const codes = [...cached.errors, ...pages.errors].map(({ code }) => code);
    expect(codes).toEqual(["CLOSED", "CLOSED", "CLOSED", "CLOSED"]);
    const marks = [cached.here.updateTags(["a"]), pages.here.revalidateTag("a")];
    for (const mark of marks) expect(await mark.catch(({ code }) => code)).toBe("CLOSED");
  });
});

test("a handler refuses a prefix that is no text and a lifetime that is too short", () => {
  const client = { atLeader: () => undefined } as unknown as Client;
  expect(() => createIsrHandler({ client, ttl: 1000 })).toThrow("ttl must be from 60000 to");
  expect(() => createUseCacheHandler({ client, prefix: 1 as never })).toThrow("prefix must be");
});
