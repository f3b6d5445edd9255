/**
 * A hundred clients of the admin HTTP server that are slow, silent or send garbage: the data port
 * answers meanwhile, and they are gone when their time is over.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, respClient, waitFor } from "../harness.ts";
import { startAdminNode } from "../support/admin-bed.ts";
import { rawConnection } from "../support/raw-connection.ts";

setDefaultTimeout(caseMsMax);

const openings = [
  "",
  "GET /metrics HTTP/1.1\r\nHost: ",
  "PUT /v1/keys/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000000\r\n\r\n",
  "\x16\x03\x01\x02\x00\x01\x00",
  "*1\r\n$4\r\nPING\r\n",
];

test("a hundred slow or garbage HTTP clients do not disturb the data port", async () => {
  await using node = await startAdminNode();
  await using client = await respClient(node.port);
  const crowd = await Promise.all(Array.from({ length: 100 }, () => rawConnection(node.httpPort)));
  crowd.forEach((raw, i) => {
    raw.write(openings[i % openings.length]);
  });
  for (let i = 0; i < 500; i++) {
    expect(await client.call("INCR", "n")).toBe(i + 1);
    for (const raw of crowd) if (!raw.isClosed && i % 50 === 0) raw.write("x");
  }
  expect((await node.ask("/healthz")).status).toBe(200);
  await waitFor(() => crowd.every((raw) => raw.isClosed), { message: "the crowd to be gone" });
  expect(await client.call("INCR", "n")).toBe(501);
});
