/**
 * MULTI, EXEC, DISCARD, WATCH and UNWATCH on the wire: every mistake that Redis has a text for, and
 * random transactions of two connections that watch each other's keys, compared with redis-server.
 * FLUSHALL is not among the random commands: a watched key that is not there may conflict with it
 * here.
 * Invariant: the cases that are written out hold for redis-server, too.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { Random, seedFor } from "../support/seed.ts";
import { contestants, forAllCases, oracle, ours, redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const aborted = "-EXECABORT Transaction discarded because of previous errors.";

/** Lines and their replies; the same connection sends all of them. */
const talks: Record<string, readonly (readonly [line: string, reply: string])[]> = {
  "a transaction answers with the replies of its commands in order": [
    ["MULTI", "+OK"],
    ["SET a 1", "+QUEUED"],
    ["INCR a", "+QUEUED"],
    ["MGET a none", "+QUEUED"],
    ["EXEC", "*[+OK :2 *[$2 $null]]"],
  ],
  "an empty transaction answers with an empty array": [
    ["MULTI", "+OK"],
    ["EXEC", "*[]"],
  ],
  "a command that fails when it runs does not stop the others": [
    ["SET a x", "+OK"],
    ["MULTI", "+OK"],
    ["INCR a", "+QUEUED"],
    ["SET a 5", "+QUEUED"],
    ["EXEC", "*[-ERR value is not an integer or out of range +OK]"],
    ["GET a", "$5"],
  ],
  "a command that cannot be queued aborts the transaction": [
    ["MULTI", "+OK"],
    ["SET a 1", "+QUEUED"],
    ["SET a", "-ERR wrong number of arguments for 'set' command"],
    ["SET b 1", "+QUEUED"],
    ["EXEC", aborted],
    ["EXISTS a b", ":0"],
  ],
  "an unknown command and subcommand abort the transaction": [
    ["MULTI", "+OK"],
    ["NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: "],
    ["EXEC", aborted],
    ["MULTI", "+OK"],
    ["CONFIG NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP."],
    ["EXEC", aborted],
  ],
  "MULTI and WATCH inside a transaction are refused and do no harm": [
    ["MULTI", "+OK"],
    ["MULTI", "-ERR MULTI calls can not be nested"],
    ["WATCH a", "-ERR WATCH inside MULTI is not allowed"],
    ["UNWATCH", "+QUEUED"],
    ["EXEC", "*[+OK]"],
  ],
  "EXEC and DISCARD want a transaction": [
    ["EXEC", "-ERR EXEC without MULTI"],
    ["DISCARD", "-ERR DISCARD without MULTI"],
  ],
  "DISCARD forgets what was queued": [
    ["MULTI", "+OK"],
    ["SET a 1", "+QUEUED"],
    ["DISCARD", "+OK"],
    ["GET a", "$null"],
    ["EXEC", "-ERR EXEC without MULTI"],
  ],
  "EXEC with an argument is an error that ends the transaction": [
    ["MULTI", "+OK"],
    [
      "EXEC now",
      "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
    ],
    ["EXEC", "-ERR EXEC without MULTI"],
  ],
  "what makes no sense in a transaction is not allowed in one": [
    ["MULTI", "+OK"],
    ["PSYNC ? -1", "-ERR Command not allowed inside a transaction"],
    ["SAVE", "-ERR Command not allowed inside a transaction"],
    ["EXEC", aborted],
  ],
  "commands about the whole server take part in a transaction": [
    ["MULTI", "+OK"],
    ["SET a 1", "+QUEUED"],
    ["CONFIG REWRITE", "+QUEUED"],
    ["SCRIPT KILL", "+QUEUED"],
    ["CLIENT KILL TYPE normal ID 4294967295", "+QUEUED"],
    ["WAIT 1 0", "+QUEUED"],
    ["CONFIG GET appendonly", "+QUEUED"],
    ["GET a", "+QUEUED"],
    [
      "EXEC",
      "*[+OK -ERR The server is running without a config file -NOTBUSY No scripts in execution right " +
        "now. :0 :0 *[$appendonly $no] $1]",
    ],
  ],
  "RESET leaves a transaction": [
    ["MULTI", "+OK"],
    ["SET a 1", "+QUEUED"],
    ["RESET", "+RESET"],
    ["EXEC", "-ERR EXEC without MULTI"],
    ["GET a", "$null"],
  ],
  "a watched key that changes fails the transaction": [
    ["WATCH a b", "+OK"],
    ["SET b 1", "+OK"],
    ["MULTI", "+OK"],
    ["SET a 1", "+QUEUED"],
    ["EXEC", "*null"],
    ["GET a", "$null"],
    ["MULTI", "+OK"],
    ["EXEC", "*[]"],
  ],
  "a SET that has expired already is a change of a watched key, though it was not there": [
    ["WATCH a", "+OK"],
    ["SET a 1 PXAT 1", "+OK"],
    ["MULTI", "+OK"],
    ["EXEC", "*null"],
    ["GET a", "$null"],
    ["WATCH a", "+OK"],
    ["SET a 1 EXAT 1 NX GET", "$null"],
    ["MULTI", "+OK"],
    ["EXEC", "*null"],
  ],
  "what finds no key, and leaves none, is no change of a watched key": [
    ["WATCH a", "+OK"],
    ["GETEX a PXAT 1", "$null"],
    ["EXPIRE a -1", ":0"],
    ["SET a 1 XX PXAT 1", "$null"],
    ["GETDEL a", "$null"],
    ["MOVE a 3", ":0"],
    ["MULTI", "+OK"],
    ["EXEC", "*[]"],
  ],
  "APPEND of nothing is a change of a watched key, SETRANGE of nothing is none": [
    ["SET a 1", "+OK"],
    ["WATCH a", "+OK"],
    ['APPEND a ""', ":1"],
    ["MULTI", "+OK"],
    ["EXEC", "*null"],
    ["WATCH a", "+OK"],
    ['SETRANGE a 0 ""', ":1"],
    ["MULTI", "+OK"],
    ["EXEC", "*[]"],
  ],
  "SHUTDOWN ABORT has nothing to stop, and contradictions are told": [
    ["SHUTDOWN ABORT", "-ERR No shutdown in progress."],
    ["SHUTDOWN SAVE NOSAVE", "-ERR syntax error"],
    ["SHUTDOWN SOON", "-ERR syntax error"],
    ["MULTI", "+OK"],
    ["SHUTDOWN", "-ERR Command not allowed inside a transaction"],
    ["DISCARD", "+OK"],
  ],
};

for (const contestant of [...contestants, threaded()]) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());

    test.each(Object.entries(talks))("%s", async (_, talk) => {
      await using peer = await Peer.connect(server().port);
      await peer.ask("FLUSHALL");
      const replies: [string, string][] = [];
      for (const [line] of talk) replies.push([line, await peer.askRaw(`${line}\r\n`)]);
      expect(replies).toEqual(talk.map(([line, reply]) => [line, reply]));
    });

    test("a transaction sent in one piece, and one byte by byte, answer alike", async () => {
      await using peer = await Peer.connect(server().port);
      const bytes = Buffer.from(
        "MULTI\r\nSET a 1\r\nCONFIG GET appendonly\r\nGET a\r\nEXEC\r\nPING\r\n",
      );
      const wanted = [
        "+OK",
        "+QUEUED",
        "+QUEUED",
        "+QUEUED",
        "*[+OK *[$appendonly $no] $1]",
        "+PONG",
      ];
      for (const size of [bytes.length, 1]) {
        for (let at = 0; at < bytes.length; at += size) peer.write(bytes.subarray(at, at + size));
        for (const reply of wanted) expect(await peer.shown()).toBe(reply);
      }
    });
  });
}

function threaded() {
  const start = () => ours.start(["--threads", "2"]);
  return { name: "mscache with 2 data threads", isMissing: process.platform !== "linux", start };
}

const keys = ["a", "b", "c"];
const verbs = ["SET", "SET", "GET", "INCR", "APPEND", "DEL", "MULTI", "EXEC", "EXEC", "DISCARD"];
const watching = ["WATCH", "UNWATCH", "MGET", "MSET", "SETNX", "NOSUCH", "GETDEL", "DBSIZE"];

function line(random: Random): string[] {
  const verb = random.pick([...verbs, ...watching]);
  const key = random.pick(keys);
  if (["SET", "APPEND", "SETNX", "MSET"].includes(verb))
    return [verb, key, `${random.between(0, 9)}`];
  const isBare = ["MULTI", "EXEC", "DISCARD", "UNWATCH", "DBSIZE"].includes(verb);
  return isBare ? [verb] : [verb, key];
}

for (const protocol of ["2", "3"]) {
  test.skipIf(oracle.isMissing)(
    `random transactions of two connections answer as redis-server's over RESP${protocol}${redisNote}`,
    async () => {
      await using stack = new AsyncDisposableStack();
      const servers = [stack.use(await oracle.start()), stack.use(await ours.start())];
      const random = new Random(seedFor("TRANSACTION_SEED"));
      const pairs: [Peer, Peer][] = [];
      for (let i = 0; i < 2; i++) {
        const pair = await Promise.all(servers.map(({ port }) => Peer.connect(port)));
        for (const peer of pair) await stack.use(peer).ask("HELLO", protocol);
        pairs.push(pair as [Peer, Peer]);
      }
      const history: string[] = [];
      for (let step = 0; step < 4_000; step++) {
        const which = random.between(0, 1);
        const [left, right] = pairs[which] as [Peer, Peer];
        const args = line(random);
        const [wanted, found] = await Promise.all([left.ask(...args), right.ask(...args)]);
        history.push(`${which}: ${args.join(" ")} -> ${wanted}`);
        expect([found, ...history.slice(-20)]).toEqual([wanted, ...history.slice(-20)]);
      }
    },
  );
}
