// The store of mscache/session under express-session itself, with express in front, and its methods
// alone: our node and redis-server.

import { expect, test } from "bun:test";
import type { AddressInfo } from "node:net";
import { createSessionStore } from "../../../src/client/adapters/session-store.ts";
import type { Client } from "../../../src/index.ts";
import { stock, type Untyped } from "../../integrations/stock.ts";
import { eachServer } from "../../support/client-servers.ts";
import { connectPatiently } from "../../support/patient-client.ts";

const { default: express } = await stock("express");
const { default: session } = await stock("express-session");

/** A method of the store as a promise. */
const ask = (store: Untyped, method: string, ...args: unknown[]): Promise<Untyped> =>
  new Promise((resolve, reject) =>
    store[method](...args, (error: unknown, value: unknown) =>
      error ? reject(error) : resolve(value),
    ),
  );

eachServer("the session store", (node) => {
  test("keeps what express-session puts into it", async () => {
    await using client = await connectPatiently(node().address);
    const store = createSessionStore({ client, Store: session.Store, prefix: "web[*]:" });
    const app = express();
    const cookie = { maxAge: 600_000 };
    const secret = "keyboard cat";
    app.use(session({ store, cookie, secret, resave: false, saveUninitialized: false }));
    app.get("/visit", (request: Untyped, response: Untyped) => {
      request.session.views = (request.session.views ?? 0) + 1;
      response.send(`${request.session.views}`);
    });
    app.get("/renew", (request: Untyped, response: Untyped) =>
      request.session.regenerate(() => response.send("new")),
    );
    app.get("/leave", (request: Untyped, response: Untyped) =>
      request.session.destroy(() => response.send("bye")),
    );
    const server = app.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    let jar = "";
    const browse = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie: jar } });
      jar = answer.headers.get("set-cookie")?.split(";")[0] ?? jar;
      return answer.text();
    };
    expect(await browse("/visit")).toBe("1");
    expect(await browse("/visit")).toBe("2");
    const [stored] = await ask(store, "all");
    // Its originalMaxAge is what is left of it by express-session's clock, at times 599,999.
    expect(stored).toMatchObject({ views: 2, cookie: { path: "/", httpOnly: true } });
    const left = (await client.ttl(`web[*]:${stored.id}`)) ?? 0;
    expect(left > 500_000 && left <= 600_000).toBe(true);
    expect(await browse("/leave")).toBe("bye");
    expect(await ask(store, "length")).toBe(0);
    expect(await browse("/visit")).toBe("1");
    server.closeAllConnections();
    server.close();
  });

  test("answers get, set, touch, destroy, all, length and clear", async () => {
    await using client = await connectPatiently(node().address);
    const store = createSessionStore({ client, Store: session.Store, ttl: 5000, prefix: "own:" });
    await client.set("own", "of somebody else");
    expect(await ask(store, "get", "none")).toBeNull();
    await ask(store, "set", "a", { cookie: {}, user: "ann" });
    expect(await ask(store, "get", "a")).toEqual({ cookie: {}, user: "ann" });
    expect((await client.ttl("own:a")) ?? 0).toBeLessThanOrEqual(5000);
    await ask(store, "touch", "a", { cookie: { expires: new Date(Date.now() + 90_000) } });
    expect((await client.ttl("own:a")) ?? 0).toBeGreaterThan(5000);
    expect((await ask(store, "get", "a")).user).toBe("ann");
    await ask(store, "set", "b", { cookie: { originalMaxAge: 60_000 } });
    expect(await ask(store, "length")).toBe(2);
    expect((await ask(store, "all")).map(({ id }: Untyped) => id).sort()).toEqual(["a", "b"]);
    await ask(store, "set", "b", { cookie: { expires: new Date(1) } });
    expect(await ask(store, "length")).toBe(1);
    await ask(store, "destroy", "a");
    expect(await ask(store, "get", "a")).toBeNull();
    await ask(store, "set", "c", { cookie: {} });
    await ask(store, "clear");
    expect([await ask(store, "length"), await client.get("own")]).toEqual([0, "of somebody else"]);
  });

  test("says of a session that was touched when it ends now, not when it was written", async () => {
    await using client = await connectPatiently(node().address);
    const store = createSessionStore({ client, Store: session.Store, prefix: "touched:" });
    const endingIn = (ms: number) => ({ expires: new Date(Date.now() + ms), originalMaxAge: ms });
    await ask(store, "set", "a", { cookie: endingIn(20_000), user: "ann" });
    await ask(store, "set", "b", { cookie: { expires: null } });
    await ask(store, "touch", "a", { cookie: endingIn(90_000), user: "of a request" });
    const renewed = await ask(store, "get", "a");
    expect(renewed).toMatchObject({ user: "ann", cookie: { originalMaxAge: 20_000 } });
    const inFuture = ({ cookie }: Untyped) => Date.parse(cookie.expires) - Date.now();
    expect(inFuture(renewed)).toBeWithin(21_000, 90_100);
    expect(await ask(store, "get", "b")).toEqual({ cookie: { expires: null } });
    const all = await ask(store, "all");
    expect(inFuture(all.find(({ id }: Untyped) => id === "a"))).toBeWithin(21_000, 90_100);
  });

  test("lists all sessions beside one that cannot be read, and tells who asks for that", async () => {
    await using client = await connectPatiently(node().address);
    const store = createSessionStore({ client, Store: session.Store, prefix: "torn:" });
    await ask(store, "set", "a", { cookie: {}, user: "ann" });
    for (const [id, torn] of Object.entries({ b: '{"cookie":', c: "null", d: "7", e: "" })) {
      await client.set(`torn:${id}`, torn);
    }
    expect(await ask(store, "all")).toEqual([{ cookie: {}, user: "ann", id: "a" }]);
    expect(await ask(store, "length")).toBe(5);
    expect(await ask(store, "get", "b").catch(({ name }) => name)).toBe("SyntaxError");
    expect((await ask(store, "get", "a")).user).toBe("ann");
  });

  test("tells the error of the client to the callback", async () => {
    const client = await connectPatiently(node().address);
    const store = createSessionStore({ client, Store: session.Store });
    await client.close();
    expect(await ask(store, "get", "a").catch(({ code }) => code)).toBe("CLOSED");
  });
});

test("a store refuses a lifetime that no session can have", () => {
  const client = { atLeader: () => undefined } as unknown as Client;
  for (const ttl of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
    const make = () => createSessionStore({ client, Store: session.Store, ttl });
    expect(make).toThrow("ttl must be from 1 to");
  }
});
