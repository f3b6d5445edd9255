/**
 * Certificates that are exchanged while clients stay: by CONFIG SET, and by SIGHUP after their
 * files were replaced. With one data thread and with two, which change together.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { caseMsMax, respClient, spawnNode, waitFor } from "../harness.ts";
import type { Certificate } from "../support/certificates.ts";
import { repetitions } from "../support/repetitions.ts";
import {
  shownName,
  startTls,
  type TlsBed,
  tlsBed,
  tlsClient,
  tlsFlags,
} from "../support/tls-bed.ts";

setDefaultTimeout(caseMsMax);

let bed: TlsBed;
let second: Certificate;
beforeAll(async () => {
  bed = await tlsBed();
  second = await bed.authority.issue("second");
});
afterAll(() => bed[Symbol.asyncDispose]());

function setPair({ cert, key }: Certificate): [string, ...string[]] {
  return ["CONFIG", "SET", "tls-cert-file", cert, "tls-key-file", key];
}

describe.each(["1", `${repetitions(2, 3)}`])("with %s data threads", (threads) => {
  test("new clients see the new certificate, and those that are there stay", async () => {
    await using server = await startTls(bed, { threads });
    await using old = await tlsClient(server.tlsPort, bed);
    await old.call("SET", "key", "value");
    expect(await shownName(server.tlsPort, bed)).toBe("node");
    expect(await old.call(...setPair(second))).toBe("OK");
    for (let i = 0; i < 9; i++) expect(await shownName(server.tlsPort, bed)).toBe("second");
    expect(await old.call("GET", "key")).toBe("value");
    expect(await old.call("CONFIG", "GET", "tls-cert-file")).toEqual([
      "tls-cert-file",
      second.cert,
    ]);
  });

  test("a bad pair changes nothing, and the answer says why", async () => {
    await using server = await startTls(bed, { threads });
    await using client = await respClient(server.port);
    const fault = "CONFIG SET failed (possibly related to argument 'tls-cert-file') - ";
    expect(await client.call(...setPair({ cert: second.cert, key: bed.node.key }))).toEqual({
      error: `ERR ${fault}tls-key-file: "${bed.node.key}" is not the key of the certificate "${second.cert}"`,
    });
    expect(await client.call(...setPair({ cert: "/nowhere", key: second.key }))).toEqual({
      error: `ERR ${fault}tls-cert-file: "/nowhere" cannot be read: no such file or directory (ENOENT)`,
    });
    expect(await client.call("CONFIG", "GET", "tls-key-file")).toEqual([
      "tls-key-file",
      bed.node.key,
    ]);
    expect(await shownName(server.tlsPort, bed)).toBe("node");
  });

  test("who must show a certificate changes with CONFIG SET, too", async () => {
    await using server = await startTls(bed, { threads });
    await using old = await tlsClient(server.tlsPort, bed);
    expect(await old.call("CONFIG", "SET", "tls-auth-clients", "yes")).toBe("OK");
    for (let i = 0; i < 3; i++) {
      await using stranger = await tlsClient(server.tlsPort, bed).catch(() => null);
      // By TLS 1.3 the client's own handshake is done before the node looks at its certificate.
      const answer = await stranger?.call("PING").catch(() => null);
      expect(answer ?? null).toBe(null);
    }
    const { client: certificate } = bed;
    await using known = await tlsClient(server.tlsPort, bed, { certificate });
    expect(await known.call("PING")).toBe("PONG");
    expect(await old.call("PING")).toBe("PONG");
  });

  test("under load no command is lost and no connection refused", async () => {
    await using server = await startTls(bed, { threads });
    await using operator = await respClient(server.port);
    let isOver = false;
    let expected = 0;
    const stayer = async () => {
      await using client = await tlsClient(server.tlsPort, bed);
      while (!isOver) {
        client.sendAll(Array.from({ length: 100 }, () => ["INCR", "n"]));
        for (let i = 0; i < 100; i++) expect((await client.reply()).type).toBe(":");
        expected += 100;
      }
    };
    const comer = async () => {
      while (!isOver) {
        await using client = await tlsClient(server.tlsPort, bed);
        expect(typeof (await client.call("INCR", "n"))).toBe("number");
        expected++;
      }
    };
    const all = [stayer(), stayer(), comer(), comer(), comer()];
    const changes = async () => {
      for (let i = 0; i < repetitions(20, 200); i++) {
        expect(await operator.call(...setPair(i % 2 === 0 ? second : bed.node))).toBe("OK");
      }
      isOver = true;
    };
    await Promise.all([...all, changes()]);
    expect(await operator.call("GET", "n")).toBe(`${expected}`);
  });

  test("a node that has exchanged certificates still ends with all its clients", async () => {
    const server = await startTls(bed, { threads });
    await using old = await tlsClient(server.tlsPort, bed);
    await old.call(...setPair(second));
    await using young = await tlsClient(server.tlsPort, bed);
    await young.call("PING");
    await server.close();
    await old.raw.closed();
    await young.raw.closed();
  });
});

test("a pair beside a setting that is refused is forgotten with it", async () => {
  const main = join(import.meta.dir, "../../src/main.ts");
  const few = ["bash", "-c", 'ulimit -n 100; exec "$@"', "bash", process.execPath, main];
  const args = Object.entries(tlsFlags(bed)).flatMap(([name, value]) => [`--${name}`, value]);
  await using node = await spawnNode(args, { command: few });
  const tlsPort = Number(/, 127\.0\.0\.1:(\d+) \(TLS\)/.exec(node.log())?.[1]);
  await using client = await respClient(node.port);
  const refused = await client.call(...setPair(second), "maxclients", "1000");
  expect(refused).toMatchObject({ error: expect.stringContaining("not able to handle") });
  expect(await client.call("CONFIG", "SET", "timeout", "0")).toBe("OK");
  expect(await shownName(tlsPort, bed)).toBe("node");
});

test("SIGHUP reads replaced files again; one with a fault is left out, and the log says so", async () => {
  const own = { cert: join(bed.directory, "own.crt"), key: join(bed.directory, "own.key") };
  const put = ({ cert, key }: Certificate) => {
    copyFileSync(key, own.key);
    copyFileSync(cert, own.cert);
  };
  put(bed.node);
  const flags = { ...tlsFlags(bed), "tls-cert-file": own.cert, "tls-key-file": own.key };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  await using node = await spawnNode(args);
  const tlsPort = Number(/, 127\.0\.0\.1:(\d+) \(TLS\)/.exec(node.log())?.[1]);
  await using client = await tlsClient(tlsPort, bed);
  expect(await shownName(tlsPort, bed)).toBe("node");
  put(second);
  node.process.kill("SIGHUP");
  await waitFor(async () => (await shownName(tlsPort, bed)) === "second");
  copyFileSync(bed.client.key, own.key);
  node.process.kill("SIGHUP");
  const wrong = `the certificates stay as they were: tls-key-file: "${own.key}" is not the key`;
  await waitFor(() => node.log().includes(wrong));
  expect(await shownName(tlsPort, bed)).toBe("second");
  expect(await client.call("PING")).toBe("PONG");
  const secret = readFileSync(second.key, "utf8").split("\n")[1] ?? "";
  expect(node.log()).not.toContain(secret);
});

test("the log says at start that the certificate has expired", async () => {
  const expired = await bed.authority.issue("old", { days: -1 });
  const flags = { ...tlsFlags(bed), "tls-cert-file": expired.cert, "tls-key-file": expired.key };
  await using node = await spawnNode(
    Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
  );
  await waitFor(() => node.log().includes("is ready")); // the last line of a start
  expect(node.log()).toMatch(/clients will refuse the certificate of this node: it expired on 20/);
});
