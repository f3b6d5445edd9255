/**
 * Stores of sessions and of login data, unchanged, on our node: what their documents show.
 * Leaves out rate limits and locks, which have files of their own.
 */
import { expect, setDefaultTimeout } from "bun:test";
import type { AddressInfo, Server } from "node:net";
import { caseMsMax } from "../harness.ts";
import { type Bench, integration, stock, type Untyped } from "./stock.ts";

setDefaultTimeout(caseMsMax);

/** A browser with one cookie jar. */
type Browser = (path: string) => Promise<string>;

async function browse(bench: Bench, server: Server): Promise<Browser> {
  bench.after(() => server.close());
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  let cookie = "";
  return async (path) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie } });
    const given = answer.headers.getSetCookie().map((text) => text.split(";")[0]);
    if (given.length > 0) cookie = given.join("; ");
    return await answer.text();
  };
}

integration(
  "connect-redis keeps the sessions of express",
  { sends: "GET SET EXPIRE DEL MGET SCAN", unknown: 1 },
  async (bench) => {
    const { RedisStore } = await stock("connect-redis");
    const { createClient } = await stock("redis");
    const { default: express } = await stock("express");
    const { default: session } = await stock("express-session");
    const client = createClient({ url: bench.url });
    await client.connect();
    bench.after(() => client.close());
    const store = new RedisStore({ client, prefix: "myapp:" });
    const app = express();
    app.use(session({ store, resave: false, saveUninitialized: false, secret: "keyboard cat" }));
    app.get("/visit", (request: Untyped, response: Untyped) => {
      request.session.views = (request.session.views ?? 0) + 1;
      response.send(`${request.session.views}`);
    });
    app.get("/look", (request: Untyped, response: Untyped) => {
      response.send(`${request.session.views}`);
    });
    app.get("/leave", (request: Untyped, response: Untyped) => {
      request.session.destroy(() => response.send("bye"));
    });
    const visit = await browse(bench, app.listen(0, "127.0.0.1"));
    const other = await browse(bench, app.listen(0, "127.0.0.1"));
    expect(await visit("/visit")).toBe("1");
    expect(await visit("/visit")).toBe("2");
    expect(await other("/visit")).toBe("1");
    expect(await visit("/look")).toBe("2");
    const all: Untyped[] = await store.all();
    expect(all.map(({ views }) => views).sort()).toEqual([1, 2]);
    const [key = ""] = (await bench.ask("KEYS", "myapp:*")) as string[];
    expect(await bench.ask("TTL", key)).toBeGreaterThan(86_000);
    expect(await visit("/leave")).toBe("bye");
    expect(await store.length()).toBe(1);
    await store.clear();
    expect(await bench.ask("DBSIZE")).toBe(0);
  },
);

integration("koa-redis keeps the sessions of koa", { sends: "GET SETEX DEL" }, async (bench) => {
  const { default: Koa } = await stock("koa");
  const { default: session } = await stock("koa-session");
  const { default: redisStore } = await stock("koa-redis");
  const store = redisStore({ host: "127.0.0.1", port: bench.port });
  bench.after(() => store.quit());
  const app = new Koa();
  app.keys = ["some secret hurr"];
  app.use(session({ store, maxAge: 60_000 }, app));
  app.use((context: Untyped) => {
    if (context.path === "/leave") context.session = null;
    else context.session.views = (context.session.views ?? 0) + 1;
    context.body = `${context.session?.views}`;
  });
  const visit = await browse(bench, app.listen(0, "127.0.0.1"));
  expect(await visit("/")).toBe("1");
  expect(await visit("/")).toBe("2");
  const [key = ""] = (await bench.ask("KEYS", "*")) as string[];
  expect(JSON.parse(`${await bench.ask("GET", key)}`).views).toBe(2);
  expect(await bench.ask("PTTL", key)).toBeWithin(1, 70_001);
  await visit("/leave");
  expect(await bench.ask("DBSIZE")).toBe(0);
});

integration(
  "better-auth keeps users' sessions in its storage",
  { sends: "GET SETEX GETDEL SCAN DEL EVAL" },
  async (bench) => {
    const { Redis } = await stock("ioredis");
    const { betterAuth } = await stock("better-auth");
    const { memoryAdapter } = await stock("better-auth/adapters/memory");
    const { redisStorage } = await stock("@better-auth/redis-storage");
    const client = new Redis(bench.port);
    bench.after(() => client.quit());
    const secondaryStorage = redisStorage({ client });
    const auth = betterAuth({
      baseURL: "http://localhost:3000",
      secret: "a secret of thirty-two characters",
      database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
      secondaryStorage,
      emailAndPassword: { enabled: true },
    });
    const body = { email: "user@example.com", password: "password1234", name: "User" };
    const { headers, response } = await auth.api.signUpEmail({ body, returnHeaders: true });
    expect(response.user.email).toBe("user@example.com");
    const cookie = headers
      .getSetCookie()
      .map((text: string) => text.split(";")[0])
      .join("; ");
    const session = await auth.api.getSession({ headers: new Headers({ cookie }) });
    expect(session.user.name).toBe("User");
    expect(await bench.ask("DBSIZE")).toBeGreaterThan(0);
    await auth.api.signOut({ headers: new Headers({ cookie }) });
    expect(await auth.api.getSession({ headers: new Headers({ cookie }) })).toBeNull();

    await secondaryStorage.set("once", "code", 60);
    expect(await secondaryStorage.getAndDelete("once")).toBe("code");
    expect(await secondaryStorage.get("once")).toBeNull();
    const count = () => secondaryStorage.increment("attempts", 60);
    expect([await count(), await count()]).toEqual([1, 2]);
    expect(await bench.ask("TTL", "better-auth:attempts")).toBeWithin(1, 61);
    await secondaryStorage.set("a", "1");
    expect(await secondaryStorage.listKeys()).toContain("a");
    await secondaryStorage.clear();
    expect(await bench.ask("DBSIZE")).toBe(0);
  },
);
