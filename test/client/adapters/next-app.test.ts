// An application of Next.js 16 that is built by Next.js itself, in Bun, and served by two processes
// over one node, with the files that src/client/adapters/README.md shows. In long runs alone: the
// install has 340 MB, and each build takes from ten seconds to a minute.

import { expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { installStock } from "../../../scripts/stock-packages.ts";
import { freePort, type RespClient, respClient, startNode, waitFor } from "../../harness.ts";
import { collectText } from "../../support/collected-text.ts";
import { whenLong } from "../../support/repetitions.ts";

const root = join(import.meta.dir, "../../..");
const guide = await Bun.file(join(root, "src/client/adapters/README.md")).text();
const section = guide.slice(guide.indexOf("## Next.js"), guide.indexOf("## Bun.serve"));
/** The files of the guide, which begin with their names. */
const shown = [...section.matchAll(/^```js\n\/\/ (\S+)\n(.*?)^```/gms)];

/**
 * What the application is: a page, a route with "use cache", one that marks what is old, and a page
 * with a remote cache and server actions, which alone may call updateTag() and refresh().
 */
const application: Readonly<Record<string, string>> = {
  "package.json": '{ "name": "site", "private": true }',
  "app/layout.jsx": `export default function Layout({ children }) {
    return <html><body>{children}</body></html>;
  }`,
  "app/page.jsx": "export default function Page() { return <p>home</p>; }",
  "app/cached/route.js": `import { cacheLife, cacheTag } from "next/cache";
  async function compute(name) {
    "use cache";
    cacheTag("computed");
    cacheLife({ stale: 60, revalidate: 600, expire: 3600 });
    return [await (await fetch(process.env.ORIGIN + "/" + name)).text(), process.env.NAME];
  }
  export async function GET(request) {
    const name = new URL(request.url).searchParams.get("name");
    return new Response((await compute(name)).join(" by "));
  }`,
  "app/mark/route.js": `import { revalidatePath, revalidateTag } from "next/cache";
  export async function POST(request) {
    const { path, tag, profile } = await request.json();
    if (path) revalidatePath(path); else revalidateTag(tag, profile);
    return new Response("marked");
  }`,
  "app/board/page.jsx": `import { cacheLife, cacheTag, refresh, revalidateTag, updateTag } from "next/cache";
  import { connection } from "next/server";
  import { Suspense } from "react";
  async function entries() {
    "use cache: remote";
    cacheTag("board");
    cacheLife({ stale: 60, revalidate: 600, expire: 3600 });
    return [await (await fetch(process.env.ORIGIN + "/board")).text(), process.env.NAME];
  }
  async function Board() {
    await connection();
    return <p>{(await entries()).join(" by ")}</p>;
  }
  export default function Page() {
    async function update() { "use server"; updateTag("board"); }
    async function expire() { "use server"; revalidateTag("board", "max"); }
    async function renew() { "use server"; refresh(); }
    return <>
      <form id="update" action={update} />
      <form id="expire" action={expire} />
      <form id="renew" action={renew} />
      <Suspense><Board /></Suspense>
    </>;
  }`,
};

const components = "cacheComponents: true,\n  partialPrefetching: true";
/** The two ways to cache, with the page of each and with who has rendered what the build knows. */
const ways = [
  {
    config: components,
    builder: "build",
    // Without the Suspense, partialPrefetching leaves what depends on the URL to the browser.
    page: `import { cacheLife, cacheTag } from "next/cache";
  import { Suspense } from "react";
  export function generateStaticParams() { return [{ id: "1" }]; }
  async function post(id) {
    "use cache";
    cacheTag("posts", "post-" + id);
    cacheLife({ stale: 60, revalidate: 600, expire: 3600 });
    return [await (await fetch(process.env.ORIGIN + "/post/" + id)).text(), process.env.NAME];
  }
  async function Post({ params }) {
    const { id } = await params;
    return <p>{(await post(id)).join(" by ")}</p>;
  }
  export default function Page({ params }) {
    return <Suspense><Post params={params} /></Suspense>;
  }`,
  },
  {
    config: "experimental: { useCache: true }",
    builder: "first",
    page: `export const revalidate = 3600;
  export function generateStaticParams() { return [{ id: "1" }]; }
  export default async function Page({ params }) {
    const { id } = await params;
    const tags = ["posts", "post-" + id];
    const from = process.env.ORIGIN + "/post/" + id;
    const answer = await fetch(from, { next: { tags }, cache: "force-cache" });
    return <p>{await answer.text() + " by " + process.env.NAME}</p>;
  }`,
  },
];

test("the guide shows the files that the application has", () => {
  expect(shown.map(([, name]) => name)).toEqual([
    "cache-handler.mjs",
    "use-cache-handler.mjs",
    "next.config.mjs",
  ]);
});

whenLong(() => {
  test.each(ways)("two processes share what they render with $config", async (way) => {
    await using node = await startNode();
    await using site = await makeSite(node.address, way);
    let asked = 0;
    await using origin = Bun.serve({ port: 0, fetch: () => new Response(`${++asked}`) });
    const variables = { ORIGIN: origin.url.origin, BUILD: "1", NEXT_TELEMETRY_DISABLED: "1" };
    await using build = site.next(["build"], { ...variables, NAME: "build" });
    expect({ code: await build.exited, log: build.log() }).toMatchObject({ code: 0 });
    await using first = await serveSite(site, { ...variables, NAME: "first" });
    await using second = await serveSite(site, { ...variables, NAME: "second" });

    // What the build has computed is there for both.
    expect(await first.get("/post/1")).toBe(`1 by ${way.builder}`);
    expect(await second.get("/post/1")).toBe(`1 by ${way.builder}`);
    expect(await first.get("/post/2")).toBe("2 by first");
    expect(await second.get("/post/2")).toBe("2 by first");
    await first.mark({ tag: "post-2", profile: { expire: 0 } });
    expect(await second.get("/post/2")).toBe("3 by second");
    expect(await first.get("/post/2")).toBe("3 by second");
    // Stale: served once more, and rendered anew behind it.
    await first.mark({ tag: "posts", profile: "max" });
    expect(await second.get("/post/2")).toBe("3 by second");
    await waitFor(async () => (await second.get("/post/2")) === "4 by second");
    expect(await first.get("/post/2")).toBe("4 by second");
    await first.mark({ path: "/post/2" });
    expect(await second.get("/post/2")).toBe("5 by second");
    expect(await first.get("/post/2")).toBe("5 by second");

    // "use cache": Next.js stores what a process has computed behind its answer.
    await using reader = await respClient(node.port);
    const isStored = (text: string) => waitFor(() => hasValueWith(reader, text));
    expect(await first.get("/cached?name=a")).toBe("6 by first");
    await isStored('["6","first"]');
    expect(await second.get("/cached?name=a")).toBe("6 by first");
    await first.mark({ tag: "computed", profile: { expire: 0 } });
    expect(await second.get("/cached?name=a")).toBe("7 by second");
    await isStored('["7","second"]');
    expect(await first.get("/cached?name=a")).toBe("7 by second");
    await second.mark({ tag: "computed", profile: "max" });
    expect(await first.get("/cached?name=a")).toBe("7 by second");
    // The one that computes is asked: the other would compute as well, as long as it gets the old.
    await waitFor(async () => (await first.get("/cached?name=a")) === "8 by first");
    await isStored('["8","first"]');
    expect(await second.get("/cached?name=a")).toBe("8 by first");
    await second.mark({ path: "/cached" });
    expect(await first.get("/cached?name=a")).toBe("9 by first");
    await isStored('["9","first"]');
    expect([await second.get("/cached?name=a"), asked]).toEqual(["9 by first", 9]);

    if (way.config === components) await tryActions(first, second, () => asked);
    expect([build, first, second].flatMap(({ log }) => complaintsIn(log()))).toEqual([]);
  });
});

// ---- helpers ------------------------------------------------------------------------------------

type Site = Awaited<ReturnType<typeof serveSite>>;

async function hasValueWith(reader: RespClient, text: string): Promise<boolean> {
  const keys = (await reader.call("KEYS", "*")) as string[];
  const values = (await reader.call("MGET", ...keys)) as (string | null)[];
  return values.some((value) => value?.includes(text));
}

/**
 * What one process updates in a server action, the other sees. Not tried with `useCache`, which is
 * deprecated: there Next.js computes once more after an action, so the counts are others.
 */
async function tryActions(first: Site, second: Site, asked: () => number): Promise<void> {
  // "use cache: remote", and what server actions alone may call.
  expect(await first.get("/board")).toBe("10 by first");
  expect(await second.get("/board")).toBe("10 by first");
  // The answer to updateTag() shows the writer what it wrote, and all others see it from then on.
  expect(await second.act("/board", "update")).toBe("11 by second");
  expect(await first.get("/board")).toBe("11 by second");
  expect(await first.act("/board", "update")).toBe("12 by first");
  expect(await second.get("/board")).toBe("12 by first");
  // refresh() is about what the browser holds: nothing that is cached is computed anew.
  expect(await second.act("/board", "renew")).toBe("12 by first");
  expect(await first.get("/board")).toBe("12 by first");
  // With a profile, who calls it in an action sees what it wrote, and all others from then on.
  expect(await second.act("/board", "expire")).toBe("13 by second");
  expect(await first.get("/board")).toBe("13 by second");
  // In a route it makes the tag stale: served once more, and computed anew behind it.
  await first.mark({ tag: "board", profile: "max" });
  expect(await second.get("/board")).toBe("13 by second");
  await waitFor(async () => (await second.get("/board")) === "14 by second");
  expect([await first.get("/board"), asked()]).toEqual(["14 by second", 14]);
}

/**
 * What Next.js warns of or fails at; `useCache` alone is deprecated and tried all the same, as it
 * is the way of applications that are not moved yet.
 */
function complaintsIn(log: string): string[] {
  const lines = log.split("\n").filter((line) => /⚠|⨯|error/i.test(line));
  return lines.filter((line) => !expectedComplaints.some((part) => line.includes(part)));
}

/** That one of both ways is deprecated, and in CI, that no earlier build was kept. */
const expectedComplaints = ["experimental.useCache", "No build cache found"];

type Variables = Readonly<Record<string, string>>;

/** The application beside the packages that it needs; mscache is a copy, as if installed. */
async function makeSite(address: string, { config, page }: Readonly<Record<string, string>>) {
  const packages = installStock("next", join(root, "test/integrations/next"));
  const path = await mkdtemp(join(packages, "site-"));
  for (const part of ["src", "package.json"]) {
    await cp(join(root, part), join(path, "node_modules/mscache", part), { recursive: true });
  }
  const files: Record<string, string | undefined> = {
    ...application,
    "app/post/[id]/page.jsx": page,
    ...Object.fromEntries(shown.map(([, name, code]) => [name, code])),
  };
  for (const [name, code = ""] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    const placed = code.replace("127.0.0.1:5000", address).replace(components, config ?? "");
    await Bun.write(join(path, name), placed);
  }
  const program = join(packages, "node_modules/next/dist/bin/next");
  const next = (args: readonly string[], variables: Variables) => {
    const child = Bun.spawn([process.execPath, "--bun", program, ...args], {
      cwd: path,
      env: { ...process.env, ...variables, NODE_ENV: "production" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, errors] = [collectText(child.stdout), collectText(child.stderr)];
    const log = () => `${output()}\n${errors()}`;
    const stop = async () => {
      child.kill();
      await child.exited;
    };
    return { exited: child.exited, log, [Symbol.asyncDispose]: stop };
  };
  const remove = () => rm(path, { recursive: true, force: true });
  return { next, [Symbol.asyncDispose]: remove };
}

async function serveSite(site: Awaited<ReturnType<typeof makeSite>>, variables: Variables) {
  const port = await freePort();
  const server = site.next(["start", "--hostname", "127.0.0.1", "--port", `${port}`], variables);
  const at = (path: string) => `http://127.0.0.1:${port}${path}`;
  const shownIn = (text: string) => /<p>(.*?)<\/p>/.exec(text)?.[1] ?? text;
  const get = async (path: string) => shownIn(await (await fetch(at(path))).text());
  /** Sends a form of a page as a browser without JavaScript does; what the answer shows. */
  const act = async (path: string, form: string) => {
    const html = await (await fetch(at(path))).text();
    const [, inputs = ""] = new RegExp(`<form id="${form}"(.*?)</form>`, "s").exec(html) ?? [];
    const body = new FormData();
    for (const [input] of inputs.matchAll(/<input[^>]*>/g)) {
      const [, name = ""] = /name="([^"]*)"/.exec(input) ?? [];
      body.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? "");
    }
    const headers = { origin: `http://127.0.0.1:${port}` };
    return shownIn(await (await fetch(at(path), { method: "POST", body, headers })).text());
  };
  const mark = async (body: object) => {
    const answer = await fetch(at("/mark"), { method: "POST", body: JSON.stringify(body) });
    expect(await answer.text()).toBe("marked");
  };
  await waitFor(async () => (await get("/")) === "home", { message: "Next.js to serve" });
  return { get, act, mark, log: server.log, [Symbol.asyncDispose]: server[Symbol.asyncDispose] };
}
