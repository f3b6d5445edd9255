/**
 * The order of the output of a connection, byte for byte as from redis-server: messages to itself
 * among its replies (RESP3), the confirmations of SUBSCRIBE while CLIENT REPLY is off, and the
 * close of a client that kills itself. Each script is sent in one packet, to one data thread and to
 * two.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, type TestNode, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

/** Every script ends with a reply of this, or with the end of the connection. */
const end = "$3|END|";

const scripts: Readonly<Record<string, string>> = {
  "a message to itself comes before the answer of its PUBLISH": `
    HELLO 3
    SUBSCRIBE c
    PUBLISH c one
    PING
    PUBLISH c two
    GET none`,
  "and before the confirmation that it was unsubscribed from": `
    HELLO 3
    SUBSCRIBE c
    PUBLISH c one
    UNSUBSCRIBE c
    PUBLISH c two`,
  "once for each subscription that fits": `
    HELLO 3
    SUBSCRIBE c
    PSUBSCRIBE c*
    PUBLISH c one
    PUNSUBSCRIBE
    PUBLISH c two`,
  "before RESET": `
    HELLO 3
    SUBSCRIBE c
    PUBLISH c one
    RESET`,
  "CLIENT REPLY OFF mutes replies, and neither confirmations nor messages": `
    HELLO 3
    CLIENT REPLY OFF
    SUBSCRIBE c
    PUBLISH c one
    PING
    NOSUCH
    SUBSCRIBE
    UNSUBSCRIBE c
    CLIENT REPLY ON`,
  "the same in RESP2": `
    CLIENT REPLY OFF
    SUBSCRIBE c
    PSUBSCRIBE d e
    PING
    UNSUBSCRIBE
    PUNSUBSCRIBE
    CLIENT REPLY ON`,
  "the same in a transaction": `
    HELLO 3
    CLIENT REPLY OFF
    MULTI
    SET k v
    SUBSCRIBE c
    GET k
    UNSUBSCRIBE c
    EXEC
    CLIENT REPLY ON`,
  "CLIENT REPLY SKIP is over after a confirmation": `
    CLIENT REPLY SKIP
    SUBSCRIBE c
    PING
    CLIENT REPLY SKIP
    UNSUBSCRIBE
    PING`,
  "CLIENT REPLY SKIP takes the reply to RESET, CLIENT REPLY OFF does not": `
    CLIENT REPLY SKIP
    RESET
    PING
    CLIENT REPLY OFF
    PING
    RESET
    PING`,
  "CLIENT REPLY mutes what goes to the control thread, too": `
    CLIENT REPLY SKIP
    LASTSAVE
    CLIENT REPLY OFF
    LASTSAVE
    NOSUCH
    CLIENT REPLY ON`,
  "who kills itself in a transaction hears nothing more": `
    MULTI
    PING
    CLIENT KILL SKIPME NO ID $ID
    PING
    SET killed yes
    EXEC
    PING`,
  "who kills itself hears that, and nothing more": `
    CLIENT KILL ID $ID SKIPME no
    PING`,
  "who does not mean itself goes on": `
    MULTI
    CLIENT KILL ID $ID
    EXEC`,
};

describe.skipIf(oracle.isMissing)(`as redis-server${redisNote}`, () => {
  const servers = new AsyncDisposableStack();
  let reference: TestNode;
  let nodes: TestNode[];
  beforeAll(async () => {
    reference = servers.use(await oracle.start());
    nodes = [
      servers.use(await ours.start(["--threads", "1"])),
      servers.use(await ours.start(["--threads", "2"])),
    ];
  });
  afterAll(() => servers.disposeAsync());

  test.each(Object.entries(scripts))("%s", async (_, script) => {
    const wanted = await transcript(reference.port, script);
    for (const node of nodes) expect(await transcript(node.port, script)).toBe(wanted);
  });

  test("what follows a CLIENT KILL of itself in a transaction is done all the same", async () => {
    for (const { port } of [reference, ...nodes]) {
      await transcript(port, "MULTI\nCLIENT KILL SKIPME NO ID $ID\nSET killed twice\nEXEC");
      await using peer = await Peer.connect(port);
      const isDone = async () => (await peer.ask("GET", "killed")) === "$twice";
      await waitFor(isDone, { message: "the write behind the CLIENT KILL" });
    }
  });
});

describe("a message to itself in a transaction", () => {
  // Redis 7.0 puts it between the elements of the answer, where no client finds its end; 7.2 does
  // not.
  test.each(["1", "2"])("comes after the answer of EXEC, with %s threads", async (threads) => {
    await using node = await ours.start(["--threads", threads]);
    const answer = await transcript(
      node.port,
      "HELLO 3\nSUBSCRIBE c\nMULTI\nPUBLISH c one\nUNSUBSCRIBE c\nEXEC\nPING",
    );
    expect(answer).toEndWith(
      "*2|:1|>3|$11|unsubscribe|$1|c|:0|>3|$7|message|$1|c|$3|one|+PONG|$3|END|",
    );
  });
});

/**
 * Everything that comes back, with a bar for each line end; without what HELLO tells of the server.
 */
async function transcript(port: number, script: string): Promise<string> {
  await using peer = await Peer.connect(port);
  const id = (await peer.ask("CLIENT", "ID")).slice(1);
  const lines = `${script}\nECHO END`.replaceAll("$ID", id).split("\n");
  peer.write(lines.map((line) => `${line.trim()}\r\n`).join(""));
  const shown = () => peer.raw.unread.toString("latin1").replaceAll("\r\n", "|");
  await waitFor(() => peer.raw.isClosed || shown().endsWith(end), { message: "the whole answer" });
  const all = shown().replace(/^[%*][\s\S]*\|\*0\|/, "HELLO|");
  return peer.raw.isClosed ? `${all}closed` : all;
}
