/**
 * What CLIENT LIST tells of the memory of a client: the fields and their order, and in each state
 * the numbers that grow. redis-server is the judge of what a field means; how many bytes a buffer
 * takes is each server's own.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, type TestNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { oracle, oursWithThreads } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

type Fields = Record<string, string>;

const fieldsOf = (line: string): Fields =>
  Object.fromEntries(line.split(" ").map((field) => field.split("=") as [string, string]));

/** The fields of another client, as `asker` sees them. */
async function fieldsBy(asker: Peer, id: string): Promise<Fields> {
  const line = await asker.ask("CLIENT", "LIST", "ID", id);
  return fieldsOf(line.slice(1).trim());
}

const idOf = async (peer: Peer) => (await peer.ask("CLIENT", "ID")).slice(1);

const order =
  "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem " +
  "rbs rbp obl oll omem tot-mem events cmd user redir resp";

for (const contestant of [oracle, oursWithThreads(1), oursWithThreads(2)]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    let server: TestNode;
    beforeAll(async () => {
      // What is still in the journal, or in the backlog, waits for nobody in particular.
      const size = contestant === oracle ? "--repl-backlog-size" : "--journal-size";
      server = await contestant.start([size, "1mb"]);
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test("has the fields of Redis 7.0 in its order, and what is newer behind them", async () => {
      await using peer = await Peer.connect(server.port);
      const names = Object.keys(fieldsOf((await peer.ask("CLIENT", "INFO")).slice(1)));
      expect(names.slice(0, order.split(" ").length)).toEqual(order.split(" "));
    });

    test("counts the command that asks, and no output", async () => {
      await using peer = await Peer.connect(server.port);
      const line = await peer.ask("CLIENT", "LIST", "ID", await idOf(peer));
      const bytes = `*4\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n$2\r\nID\r\n`.length;
      const { id, qbuf, events, ...fields } = fieldsOf(line.slice(1).trim());
      expect(Number(qbuf)).toBe(bytes + `$${`${id}`.length}\r\n${id}\r\n`.length);
      expect(Number(fields["argv-mem"])).toBe("CLIENTLISTID".length + `${id}`.length);
      expect(fields).toMatchObject({ obl: "0", oll: "0", omem: "0", "multi-mem": "0" });
      expect(Number(fields["tot-mem"])).toBeGreaterThan(1_000);
      expect(events).toBe("r");
      expect(Number(fields.fd)).toBeGreaterThan(0);
    });

    test("is in ACL LOG as it was while the refused command ran", async () => {
      await using asker = await Peer.connect(server.port);
      await using peer = await Peer.connect(server.port);
      const id = await idOf(peer);
      await asker.ask("ACL", "SETUSER", "u", "on", "nopass", "+get");
      await peer.ask("AUTH", "u", "any");
      expect(await peer.ask("GET", "secret")).toStartWith("-NOPERM");
      const log = await asker.ask("ACL", "LOG", "1");
      const fields = fieldsOf(/\$client-info \$([^$]*user=u[^$]*)/.exec(log)?.[1] ?? "");
      const listed = await fieldsBy(asker, id);
      expect(fields).toMatchObject({ id, fd: listed.fd, user: "u", cmd: "get", events: "r" });
      expect(Number(fields.qbuf)).toBe("*2\r\n$3\r\nGET\r\n$6\r\nsecret\r\n".length);
      expect(fields["argv-mem"]).toBe("9");
      expect(fields).toMatchObject({ "multi-mem": "0", obl: "0", oll: "0", omem: "0" });
      expect(Number(fields["tot-mem"])).toBeGreaterThan(1_000);
    });

    test("holds nothing for an idle client but the client", async () => {
      await using asker = await Peer.connect(server.port);
      await using idle = await Peer.connect(server.port);
      const fields = await fieldsBy(asker, await idOf(idle));
      expect(fields).toMatchObject({ qbuf: "0", "argv-mem": "0", "multi-mem": "0", multi: "-1" });
      expect(fields).toMatchObject({ obl: "0", oll: "0", omem: "0" });
      const [mine, other] = [await fieldsBy(asker, await idOf(asker)), fields];
      expect(other.fd).not.toBe(mine.fd);
    });

    test("counts an unfinished command, its arguments apart from the rest", async () => {
      await using asker = await Peer.connect(server.port);
      await using slow = await Peer.connect(server.port);
      const id = await idOf(slow);
      slow.write(`*3\r\n$3\r\nSET\r\n$5\r\nhello\r\n$1000\r\n${"x".repeat(300)}`);
      const fields = await waitFor(async () => {
        const seen = await fieldsBy(asker, id);
        return seen["argv-mem"] === "0" ? null : seen;
      });
      expect(fields).toMatchObject({ qbuf: "300", "argv-mem": "8" });
      expect(Number(fields["tot-mem"])).toBeGreaterThan(1_308);
    });

    test("counts what a transaction has queued", async () => {
      await using asker = await Peer.connect(server.port);
      await using peer = await Peer.connect(server.port);
      const id = await idOf(peer);
      await peer.ask("MULTI");
      await peer.ask("SET", "k", "x".repeat(20_000));
      const fields = await fieldsBy(asker, id);
      expect(fields.multi).toBe("1");
      expect(Number(fields["multi-mem"])).toBeGreaterThan(20_000);
      expect(Number(fields["tot-mem"])).toBeGreaterThan(20_000);
    });

    test("counts what a client does not read: in its buffer, and behind it", async () => {
      await using asker = await Peer.connect(server.port);
      await using slow = await Peer.connect(server.port);
      await asker.ask("SET", "large", "x".repeat(1_000_000));
      const id = await idOf(slow);
      slow.pause();
      for (let i = 0; i < 40; i++) slow.send("GET", "large");
      const fields = await waitFor(async () => {
        const seen = await fieldsBy(asker, id);
        const isFull = Number(seen.omem) > 20_000_000 && `${seen.events}`.includes("w");
        return isFull ? seen : null;
      });
      expect(Number(fields.oll)).toBeGreaterThan(0);
      expect(Number(fields["tot-mem"])).toBeGreaterThan(Number(fields.omem));
      slow.resume();
      await slow.replies(40);
      await waitFor(async () => (await fieldsBy(asker, id)).omem === "0");
      const after = await fieldsBy(asker, id);
      expect(after).toMatchObject({ obl: "0", oll: "0", events: "r" });
    });

    test("counts what waits for a follower", async () => {
      await using asker = await Peer.connect(server.port);
      await using follower = await Peer.connect(server.port);
      const id = await idOf(follower);
      follower.pause();
      await asker.ask("SET", "large", "y".repeat(1_000_000));
      follower.send("PSYNC", "?", "-1");
      await waitFor(async () => (await fieldsBy(asker, id)).flags === "S");
      const value = "z".repeat(1_000_000);
      await waitFor(async () => {
        await asker.ask("SET", "large", value);
        return Number((await fieldsBy(asker, id)).omem) > 4_000_000;
      });
      const { "tot-mem": all, omem } = await fieldsBy(asker, id);
      expect(Number(all)).toBeGreaterThan(Number(omem));
    });
  });
}
