/**
 * The stream of samples that a dashboard shows: its shape, who may have it and for how long, how
 * many there may be, and that nothing is left of one that its client has left.
 */
import { describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import {
  DoorClosedError,
  DoorConnection,
  ReplyTooLongError,
} from "../../src/node/admin/command-door.ts";
import { caseMsMax, respClient, waitFor } from "../harness.ts";
import { outcome, startAdminNode } from "../support/admin-bed.ts";

setDefaultTimeout(caseMsMax);

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** Everything up to the text, or to the end of the stream. */
async function readUntil(reader: Reader, text: RegExp): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  while (!text.test(all)) {
    const { done, value } = await reader.read();
    if (done) return `${all}<end>`;
    all += decoder.decode(value, { stream: true });
  }
  return all;
}

describe.each(["1", "2"])("with %s data threads", (threads) => {
  test("a sample comes each second, with levels and rates, and lists behind every other one", async () => {
    await using node = await startAdminNode({ threads });
    await using client = await respClient(node.port);
    await client.call("SET", "key", "value");
    const leaving = new AbortController();
    const response = await node.ask("/v1/events", { signal: leaving.signal });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body?.getReader() as Reader;
    // A sample with rates, and behind it commands that ran since the first.
    const ask = setInterval(() => void client.call("GET", "key"), 20);
    const text = await readUntil(reader, /"perSecond":\{.*\n\n.*"command":"get".*\n\n/s);
    clearInterval(ask);
    const lastOf = (name: string) => {
      const found = [...text.matchAll(new RegExp(`^event: ${name}\ndata: (.*)$`, "gm"))];
      return JSON.parse(found.at(-1)?.[1] ?? "null");
    };
    const last = lastOf("sample");
    expect(last).toMatchObject({ items: 1, followers: 0, memory: { limitBytes: 64 * 2 ** 20 } });
    expect(last.perSecond.commands).toBeGreaterThan(0);
    const { last1s, last10s } = last.latencyUsec;
    expect(last1s.commands).toBeGreaterThan(0);
    expect(last1s.p50).toBeGreaterThan(0);
    expect(last10s.p999).toBeGreaterThanOrEqual(last10s.p50);
    const { seconds, commands } = lastOf("commands");
    expect(seconds).toBeGreaterThan(0);
    const get = commands.find(({ command }: { command: string }) => command === "get");
    expect(get.calls).toBeGreaterThan(0);
    expect(get.p999).toBeGreaterThanOrEqual(get.p50);
    for (const name of ["replication", "threads", "miss-curve"]) {
      const list = (await (await node.ask(`/v1/observe/${name}`)).json()) as object;
      expect(Object.keys(lastOf(name)).sort()).toEqual(Object.keys(list).sort());
    }
    const open = async () => String(await client.call("CLIENT", "LIST")).includes("name=http");
    expect(await open()).toBe(true);
    leaving.abort();
    await waitFor(async () => !(await open()), { message: "its connection to end" });
  });

  test("it ends with its user, and is for those who may run INFO", async () => {
    await using node = await startAdminNode({ threads, password: "secret" });
    await using client = await respClient(node.port);
    await client.call("AUTH", "secret");
    await client.call("ACL", "SETUSER", "watcher", "on", ">pass", "+info");
    await client.call("ACL", "SETUSER", "other", "on", ">pass", "+get");
    const as = (user: string) => ({ headers: { Authorization: `Basic ${btoa(`${user}:pass`)}` } });
    expect((await node.ask("/v1/events")).status).toBe(401);
    expect((await node.ask("/v1/events", as("other"))).status).toBe(403);
    const response = await node.ask("/v1/events", as("watcher"));
    const reader = response.body?.getReader() as Reader;
    await readUntil(reader, /event: sample/);
    await client.call("ACL", "DELUSER", "watcher");
    expect(await readUntil(reader, /never/)).toEndWith("<end>");
  });
});

test("a seventeenth stream is refused", async () => {
  await using node = await startAdminNode();
  const ends = new AbortController();
  const { signal } = ends;
  const ask = () => node.ask("/v1/events", { signal });
  const held: Response[] = []; // fetch() leaves a stream whose response is collected as garbage
  for (let i = 0; i < 16; i++) held.push(await ask());
  expect(held.map(({ status }) => status)).toEqual(held.map(() => 200));
  expect((await ask()).status).toBe(503);
  ends.abort();
  await Promise.allSettled(held.map(({ body }) => body?.cancel()));
  await waitFor(async () => (await node.ask("/v1/events")).status === 200);
});

test.each([
  ["GET", "/v1/events", 503, new DoorClosedError("the connection was closed before its reply")],
  ["POST", "/v1/login", 503, new DoorClosedError("the connection is there no longer")],
  ["POST", "/v1/login", 507, new ReplyTooLongError(600)],
])(
  "%s %s answers %d when its connection ends before its reply",
  async (method, path, status, end) => {
    await using node = await startAdminNode({ password: "secret" });
    const run = spyOn(DoorConnection.prototype, "run").mockImplementationOnce(async () => {
      throw end;
    });
    try {
      const headers = { Authorization: `Basic ${btoa("default:secret")}` };
      const response = await node.ask(path, { method, headers });
      expect(await outcome(response)).toEqual([status, end.message]);
    } finally {
      run.mockRestore();
    }
    expect(node.log()).not.toContain("error");
  },
);
