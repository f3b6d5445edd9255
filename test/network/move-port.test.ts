/**
 * CONFIG SET of `port`, `tls-port` and `bind`: new clients come by the new place, those that are
 * there stay, and a change that fails leaves the old one open. With one data thread and with two;
 * redis-server judges what it has in common.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { caseMsMax, freePort, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours, oursWithThreads } from "../support/servers.ts";
import { type TlsBed, tlsBed, tlsClient, tlsFlags } from "../support/tls-bed.ts";

setDefaultTimeout(caseMsMax);

const failed = (name: string) =>
  `-ERR CONFIG SET failed (possibly related to argument '${name}') - `;

async function isRefused(port: number, host = "127.0.0.1"): Promise<boolean> {
  return await Peer.connect(port, host).then(
    async (peer) => {
      await peer[Symbol.asyncDispose]();
      return false;
    },
    (error) => error.code === "ECONNREFUSED",
  );
}

/** As many clients as let each thread have some. */
async function expectServed(port: number): Promise<void> {
  const peers = await Promise.all(Array.from({ length: 24 }, () => Peer.connect(port)));
  for (const peer of peers) expect(await peer.ask("PING")).toBe("+PONG");
  for (const peer of peers) await peer[Symbol.asyncDispose]();
}

for (const contestant of [oracle, oursWithThreads(1), oursWithThreads(2)]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    test("moves to another port, and keeps its clients", async () => {
      await using server = await contestant.start();
      await using there = await Peer.connect(server.port);
      for (let i = 0; i < 2; i++) {
        const port = await freePort();
        expect(await there.ask("CONFIG", "SET", "port", port)).toBe("+OK");
        await expectServed(port);
        expect(await isRefused(server.port)).toBe(true);
        expect(await there.ask("CONFIG", "GET", "port")).toBe(`*[$port $${port}]`);
        expect(await there.ask("INFO", "server")).toContain(`tcp_port:${port}`);
        expect(await there.ask("PING")).toBe("+PONG");
      }
    });

    test("stays where it is if the port is taken, with all else that was set", async () => {
      await using server = await contestant.start();
      await using other = await contestant.start();
      await using there = await Peer.connect(server.port);
      const before = await there.ask("CONFIG", "GET", "port");
      const pairs = ["maxclients", "77", "port", `${other.port}`];
      const answer = await there.ask("CONFIG", "SET", ...pairs);
      expect(answer).toStartWith(`${failed("port")}Unable to listen on this port`);
      expect(await there.ask("CONFIG", "GET", "port")).toBe(before);
      expect(await there.ask("CONFIG", "GET", "maxclients")).not.toContain("77");
      await expectServed(server.port);
      expect(await there.ask("CONFIG", "SET", "port", "70000")).toStartWith(failed("port"));
      expect(await there.ask("CONFIG", "SET", "port", server.port)).toBe("+OK");
      await expectServed(server.port);
    });

    test("listens on other addresses at the same port, or at another", async () => {
      await using server = await contestant.start();
      await using there = await Peer.connect(server.port);
      const set = (...pairs: string[]) => there.ask("CONFIG", "SET", ...pairs);
      const isOpen = async (host: string, port = server.port) => !(await isRefused(port, host));
      expect(await set("bind", "127.0.0.2 127.0.0.3")).toBe("+OK");
      expect(await isRefused(server.port)).toBe(true);
      expect(await isOpen("127.0.0.2")).toBe(true);
      expect(await there.ask("CONFIG", "GET", "bind")).toBe("*[$bind $127.0.0.2 127.0.0.3]");
      expect(await set("bind", "*")).toBe("+OK");
      await expectServed(server.port);
      expect(await isOpen("127.0.0.4")).toBe(true);
      expect(await set("bind", "127.0.0.1 127.0.0.2")).toBe("+OK");
      expect(await isRefused(server.port, "127.0.0.4")).toBe(true);
      expect(await isOpen("127.0.0.2")).toBe(true);
      const port = await freePort();
      expect(await set("bind", "127.0.0.1", "port", `${port}`)).toBe("+OK");
      await expectServed(port);
      expect(await isRefused(server.port)).toBe(true);
      expect(await isRefused(port, "127.0.0.2")).toBe(true);
      expect(await there.ask("PING")).toBe("+PONG");
    });

    test("stays on its addresses if it cannot listen on the others", async () => {
      await using server = await contestant.start();
      await using there = await Peer.connect(server.port);
      const before = await there.ask("CONFIG", "GET", "bind", "maxclients");
      for (const bind of ["999.999.999.999", "127.0.0.2 203.0.113.9"]) {
        const answer = await there.ask("CONFIG", "SET", "maxclients", "77", "bind", bind);
        expect(answer).toStartWith(`${failed("bind")}Failed to bind to specified addresses`);
        expect(await there.ask("CONFIG", "GET", "bind", "maxclients")).toBe(before);
        await expectServed(server.port);
        expect(await isRefused(server.port, "127.0.0.2")).toBe(true);
      }
    });
  });
}

describe("by TLS", () => {
  let bed: TlsBed;
  beforeAll(async () => {
    bed = await tlsBed();
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  const secure = (port: number) => tlsClient(port, bed);

  test.each([1, 2])("a port begins, moves and ends, with %d data threads", async (threads) => {
    await using server = await oursWithThreads(threads).start();
    await using there = await Peer.connect(server.port);
    const { "tls-port": _, ...files } = tlsFlags(bed);
    const pairs = Object.entries(files).flat();
    const [one, other] = [await freePort(), await freePort()];
    const missing = ["tls-port", `${one}`];
    expect(await there.ask("CONFIG", "SET", ...missing)).toContain("needs --tls-cert-file");
    expect(await isRefused(one)).toBe(true);
    expect(await there.ask("CONFIG", "SET", "tls-port", one, ...pairs)).toBe("+OK");
    await using early = await secure(one);
    expect(await early.call("PING")).toBe("PONG");
    expect(await there.ask("CONFIG", "SET", "tls-port", server.port)).toStartWith(
      `${failed("tls-port")}Unable to listen on this port: cannot listen on`,
    );
    expect(await there.ask("CONFIG", "SET", "tls-port", other)).toBe("+OK");
    await waitFor(() => isRefused(one));
    for (let i = 0; i < 8; i++) {
      await using client = await secure(other);
      expect(await client.call("PING")).toBe("PONG");
    }
    expect(await there.ask("CONFIG", "SET", "port", 0)).toBe("+OK");
    expect(await isRefused(server.port)).toBe(true);
    expect(await there.ask("CONFIG", "GET", "port")).toBe("*[$port $0]");
    expect(await there.ask("CONFIG", "SET", "tls-port", 0)).toBe(
      `${failed("port")}without tls-port the node would have no port at all`,
    );
    expect(await there.ask("CONFIG", "SET", "port", server.port, "tls-port", 0)).toBe("+OK");
    expect(await isRefused(other)).toBe(true);
    await expectServed(server.port);
    expect(await early.call("PING")).toBe("PONG");
  });

  test.each([1, 2])("two ports are exchanged, with %d data threads", async (threads) => {
    await using server = await oursWithThreads(threads).start();
    await using there = await Peer.connect(server.port);
    const { "tls-port": _, ...files } = tlsFlags(bed);
    const [plain, other] = [`${server.port}`, `${await freePort()}`];
    const set = (...pairs: string[]) => there.ask("CONFIG", "SET", ...pairs);
    expect(await set("tls-port", other, ...Object.entries(files).flat())).toBe("+OK");
    for (const refused of [
      ["port", other],
      ["tls-port", plain],
      ["port", other, "tls-port", other],
    ]) {
      expect(await set(...refused)).toContain("Unable to listen on this port: cannot listen on");
    }
    expect(await set("port", other, "tls-port", plain)).toBe("+OK");
    await expectServed(Number(other));
    for (let i = 0; i < 8; i++) {
      await using client = await secure(Number(plain));
      expect(await client.call("PING")).toBe("PONG");
    }
    expect(await set("tls-port", other, "port", plain, "bind", "*")).toBe("+OK");
    await expectServed(Number(plain));
    await using client = await secure(Number(other));
    expect(await client.call("CONFIG", "GET", "bind")).toEqual(["bind", "0.0.0.0"]);
  });

  test("the ports are in the file that CONFIG REWRITE writes", async () => {
    const path = join(bed.directory, "node.conf");
    const files = Object.entries(tlsFlags(bed)).map(([name, value]) => `${name} ${value}`);
    await writeFile(path, `${files.join("\n")}\n`);
    await using server = await ours.start(["--config", path]);
    await using there = await Peer.connect(server.port);
    const port = await freePort();
    expect(await there.ask("CONFIG", "SET", "tls-port", port)).toBe("+OK");
    expect(await there.ask("CONFIG", "SET", "port", 0)).toBe("+OK");
    expect(await there.ask("CONFIG", "REWRITE")).toBe("+OK");
    const text = await readFile(path, "utf8");
    expect(text).toContain(`tls-port ${port}\n`);
    expect(text).toContain("tls-only yes\n");
  });
});
