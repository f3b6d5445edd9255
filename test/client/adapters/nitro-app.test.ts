// A server of Nitro 2, which is that of Nuxt 4 as well, built by Nitro itself for Bun and run by
// two processes over one node, with the files that src/client/adapters/README.md shows. In long
// runs alone: the install has 85 MB. What unstorage makes of the driver is in unstorage.test.ts.

import { expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { installStock } from "../../../scripts/stock-packages.ts";
import { caseMsMax, freePort, startNode, waitFor } from "../../harness.ts";
import { collectText } from "../../support/collected-text.ts";
import { connectPatiently } from "../../support/patient-client.ts";
import { whenLong } from "../../support/repetitions.ts";

const root = join(import.meta.dir, "../../..");
const guide = await Bun.file(join(root, "src/client/adapters/README.md")).text();
const section = guide.slice(guide.indexOf("### Nitro and Nuxt"));
/** The files of the guide, which begin with their names. */
const shown = [...section.matchAll(/^```js\n\/\/ (\S+)\n(.*?)^```/gms)];

/** What the application does with its storage, in the way of Nitro's own documents. */
const application: Readonly<Record<string, string>> = {
  "package.json": '{ "name": "site", "private": true, "type": "module" }',
  "routes/page.ts": `async function compute(event) {
    const { name } = getQuery(event);
    return (await (await fetch(process.env.ORIGIN + "/" + name)).text()) + " by " + process.env.NAME;
  }
  export default defineCachedEventHandler(compute, {
    name: "page", maxAge: 3600, swr: false, getKey: (event) => String(getQuery(event).name),
  });`,
  "routes/sum.ts": `const sum = defineCachedFunction(
    async (n) => ({ n, by: process.env.NAME, asked: await (await fetch(process.env.ORIGIN)).text() }),
    { name: "sum", maxAge: 3600, getKey: (n) => String(n) },
  );
  export default defineEventHandler((event) => sum(Number(getQuery(event).n)));`,
  "routes/item.ts": `export default defineEventHandler(async (event) => {
    const storage = useStorage("cache");
    if (event.method === "PUT") await storage.setItem("item", await readBody(event), { ttl: 60 });
    if (event.method === "DELETE") {
      const keys = await storage.getKeys(String(getQuery(event).base));
      await Promise.all(keys.map((key) => storage.removeItem(key)));
    }
    return { item: await storage.getItem("item"), keys: (await storage.getKeys()).sort() };
  });`,
};

test("the guide shows the files that the application has", () => {
  expect(shown.map(([, name]) => name)).toEqual(["nitro.config.mjs", "plugins/cache.mjs"]);
});

whenLong(() => {
  test("two processes of Nitro share what they cache", async () => {
    await using node = await startNode();
    await using site = await makeSite(node.address);
    let asked = 0;
    await using origin = Bun.serve({ port: 0, fetch: () => new Response(`${++asked}`) });
    const variables = { ORIGIN: origin.url.origin };
    await using build = site.run(site.nitro, ["build"], variables);
    expect({ code: await build.exited, log: build.log() }).toMatchObject({ code: 0 });
    await using first = await serve(site, { ...variables, NAME: "first" });
    await using second = await serve(site, { ...variables, NAME: "second" });

    expect(await first.get("/page?name=a")).toBe("1 by first");
    expect(await second.get("/page?name=a")).toBe("1 by first");
    expect(await second.get("/page?name=b")).toBe("2 by second");
    expect(await first.get("/page?name=b")).toBe("2 by second");
    const sum = { n: 3, by: "second", asked: "3" };
    expect(await second.json("/sum?n=3")).toEqual(sum);
    expect(await first.json("/sum?n=3")).toEqual(sum);

    const put = { method: "PUT", body: JSON.stringify({ a: [1] }) };
    await first.json("/item", put);
    const seen = (await second.json("/item")) as { item: unknown; keys: string[] };
    expect(seen.item).toEqual({ a: [1] });
    expect(seen.keys).toHaveLength(4);
    expect(seen.keys).toContain("item");
    await using client = await connectPatiently(node.address);
    expect((await client.ttl("site:item")) ?? 0).toBeWithin(1, 60_001);

    // What one process removes is gone for the other.
    await first.json("/item?base=nitro:handlers", { method: "DELETE" });
    expect(await second.get("/page?name=a")).toBe("4 by second");
    expect(await first.get("/page?name=a")).toBe("4 by second");
    expect([await first.json("/sum?n=3"), asked]).toEqual([sum, 4]);
    expect([first.log(), second.log()].join("\n")).not.toMatch(/error|warn/i);
  });
});

// ---- helpers ------------------------------------------------------------------------------------

type Variables = Readonly<Record<string, string>>;

/** The application beside the packages that it needs; mscache is a copy, as if installed. */
async function makeSite(address: string) {
  const packages = installStock("nitro", join(root, "test/integrations/nitro"));
  const path = await mkdtemp(join(packages, "site-"));
  for (const part of ["src", "package.json"]) {
    await cp(join(root, part), join(path, "node_modules/mscache", part), { recursive: true });
  }
  const guided = Object.fromEntries(shown.map(([, name, code]) => [name, code]));
  for (const [name, code = ""] of Object.entries({ ...application, ...guided })) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await Bun.write(join(path, name), code.replace("127.0.0.1:5000", address));
  }
  const nitro = join(packages, "node_modules/nitropack/dist/cli/index.mjs");
  const run = (program: string, args: readonly string[], variables: Variables) => {
    const child = Bun.spawn([process.execPath, "--bun", program, ...args], {
      cwd: path,
      env: { ...process.env, ...variables, NODE_ENV: "production" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, errors] = [collectText(child.stdout), collectText(child.stderr)];
    const stop = async () => {
      child.kill("SIGKILL"); // Nitro waits for idle connections of clients
      await child.exited;
    };
    const log = () => `${output()}\n${errors()}`;
    return { exited: child.exited, log, [Symbol.asyncDispose]: stop };
  };
  const remove = () => rm(path, { recursive: true, force: true });
  return {
    run,
    nitro,
    server: join(path, ".output/server/index.mjs"),
    [Symbol.asyncDispose]: remove,
  };
}

async function serve(site: Awaited<ReturnType<typeof makeSite>>, variables: Variables) {
  const port = await freePort();
  const address = { NITRO_HOST: "127.0.0.1", NITRO_PORT: `${port}` };
  const child = site.run(site.server, [], { ...variables, ...address });
  const at = (path: string) => `http://127.0.0.1:${port}${path}`;
  const get = async (path: string) => (await fetch(at(path))).text();
  const json = async (path: string, init: RequestInit = {}): Promise<unknown> =>
    (await fetch(at(path), { ...init, headers: { "content-type": "application/json" } })).json();
  const isUp = () => fetch(at("/none")).then(({ status }) => status === 404);
  await waitFor(isUp, { message: "Nitro to serve", timeoutMs: caseMsMax });
  return { get, json, log: child.log, [Symbol.asyncDispose]: child[Symbol.asyncDispose] };
}
