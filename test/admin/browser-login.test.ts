/**
 * Logins of browsers: a cookie that scripts cannot read and other sites do not send, and that ends
 * with its user, its connection or a logout. With one data thread and with two.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, type RespClient, respClient, waitFor } from "../harness.ts";
import { type AdminNode, startAdminNode } from "../support/admin-bed.ts";

setDefaultTimeout(caseMsMax);

async function logIn(node: AdminNode, user: string, password: string): Promise<string> {
  const headers = { Authorization: `Basic ${btoa(`${user}:${password}`)}` };
  const response = await node.ask("/v1/login", { method: "POST", headers });
  return response.headers.get("set-cookie") ?? `${response.status}`;
}

async function statusWith(node: AdminNode, cookie: string): Promise<number> {
  const [Cookie] = cookie.split(";");
  return (await node.ask("/v1/keys/k", { headers: { Cookie } })).status;
}

async function administrator(node: AdminNode): Promise<RespClient> {
  const client = await respClient(node.port);
  await client.call("AUTH", "secret");
  await client.call("ACL", "SETUSER", "eve", "on", ">pass", "~*", "+get", "+pttl");
  await client.call("SET", "k", "v");
  return client;
}

describe.each(["1", "2"])("with %s data threads", (threads) => {
  const start = () => startAdminNode({ threads, password: "secret" });

  test("a cookie stands for its user until the logout", async () => {
    await using node = await start();
    await using _client = await administrator(node);
    const cookie = await logIn(node, "eve", "pass");
    expect(cookie).toMatch(
      /^mscache-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/,
    );
    expect(await statusWith(node, cookie)).toBe(200);
    const [Cookie] = cookie.split(";");
    expect((await node.ask("/v1/keys?match=*", { headers: { Cookie } })).status).toBe(403);
    expect(await statusWith(node, cookie.replace(/.;/, "!;"))).toBe(401);
    const left = await node.ask("/v1/logout", { method: "POST", headers: { Cookie } });
    expect(left.headers.get("set-cookie")).toContain("Max-Age=0");
    expect(await statusWith(node, cookie)).toBe(401);
    expect(await logIn(node, "eve", "wrong")).toBe("401");
  });

  test("a change of its user, its end or CLIENT KILL end it", async () => {
    await using node = await start();
    await using client = await administrator(node);
    const changes = [
      ["ACL", "SETUSER", "eve", ">other"],
      ["CLIENT", "KILL", "USER", "eve"],
      ["ACL", "DELUSER", "eve"],
    ] as const;
    for (const change of changes) {
      const cookie = await logIn(node, "eve", "pass");
      expect(await statusWith(node, cookie)).toBe(200);
      await client.call(...change);
      await waitFor(async () => (await statusWith(node, cookie)) === 401);
    }
  });
});
