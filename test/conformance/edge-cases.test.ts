/**
 * Edge cases that a random sequence hardly meets or may not contain: the connection commands, their
 * subcommands and their mistakes, compared reply by reply with a real redis-server.
 * Each script runs on a fresh connection of its own; what must differ is normalised by name.
 * Invariant: a line of a script is one inline command, and its whole reply is compared.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { forAllCases, oracle, ours } from "../support/servers.ts";
import { partsOf, type Reply, show, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

const scripts: Readonly<Record<string, string>> = {
  "HELLO switches and reports": `
    HELLO
    HELLO 3
    HELLO
    HELLO 2
    HELLO 3 SETNAME edge
    CLIENT GETNAME`,
  "HELLO refuses": `
    HELLO 1
    HELLO 4
    HELLO x
    HELLO ""
    HELLO 3 AUTH
    HELLO 3 AUTH default
    HELLO 3 AUTH nobody secret
    HELLO 3 AUTH default anything
    HELLO 3 SETNAME
    HELLO 3 SETNAME "a b"
    HELLO 3 NONSENSE
    HELLO 2 SETNAME edge AUTH nobody x
    CLIENT GETNAME`,
  "AUTH without a password set": `
    AUTH
    AUTH secret
    AUTH default secret
    AUTH nobody secret
    AUTH a b c`,
  "SELECT knows one database": `
    SELECT
    SELECT 0
    SELECT 1
    SELECT -1
    SELECT x
    SELECT 2147483648
    SELECT 0 0`,
  "CLIENT names": `
    CLIENT GETNAME
    CLIENT SETNAME edge
    CLIENT GETNAME
    CLIENT SETNAME "with space"
    CLIENT SETNAME "line\\nbreak"
    CLIENT GETNAME
    CLIENT SETNAME ""
    CLIENT GETNAME
    CLIENT SETNAME
    CLIENT SETNAME a b
    CLIENT GETNAME x`,
  "CLIENT LIST and INFO refuse": `
    CLIENT LIST TYPE
    CLIENT LIST TYPE nonsense
    CLIENT LIST ID
    CLIENT LIST ID x
    CLIENT LIST ID 0
    CLIENT LIST ID 99999999
    CLIENT LIST NONSENSE 1
    CLIENT LIST TYPE pubsub
    CLIENT INFO x`,
  "CLIENT KILL refuses": `
    CLIENT KILL
    CLIENT KILL 1.2.3.4:5
    CLIENT KILL ID
    CLIENT KILL ID x
    CLIENT KILL ID -1
    CLIENT KILL ID 0
    CLIENT KILL ID 99999999
    CLIENT KILL ADDR 1.2.3.4:5
    CLIENT KILL LADDR 1.2.3.4:5
    CLIENT KILL TYPE nonsense
    CLIENT KILL TYPE pubsub
    CLIENT KILL USER nobody
    CLIENT KILL SKIPME maybe
    CLIENT KILL SKIPME
    CLIENT KILL ID 99999999 SKIPME yes
    CLIENT KILL ID 99999999 NONSENSE 1
    CLIENT KILL TYPE pubsub ADDR`,
  "CLIENT REPLY, NO-EVICT and the unknown": `
    CLIENT REPLY
    CLIENT REPLY LOUD
    CLIENT REPLY ON
    CLIENT NO-EVICT
    CLIENT NO-EVICT on
    CLIENT NO-EVICT OFF
    CLIENT NO-EVICT maybe
    CLIENT ID x
    CLIENT
    CLIENT NONSENSE
    CLIENT "non\\r\\nsense" a b`,
  "CONFIG mistakes": `
    CONFIG
    CONFIG GET
    CONFIG SET
    CONFIG SET maxmemory
    CONFIG SET no-such-parameter 1
    CONFIG SET maxmemory plenty
    CONFIG SET maxmemory -1
    CONFIG SET maxmemory 512mb maxmemory 512mb
    CONFIG SET maxmemory 512mb no-such-parameter 1
    CONFIG SET No-Such-Parameter 1
    CONFIG SET "no\\x00such" 1
    CONFIG SET maxmemory 512mb port
    CONFIG GET no-such-parameter
    CONFIG GET
    CONFIG NONSENSE
    CONFIG GET port*x`,
  "CONFIG memory sizes": `
    CONFIG SET maxmemory 300mb
    CONFIG GET maxmemory
    CONFIG SET maxmemory 314572800
    CONFIG GET MAXMEMORY
    CONFIG SET MaxMemory 300000k
    CONFIG GET maxmemory
    CONFIG SET maxmemory 300000kb
    CONFIG GET maxmemory maxmemory
    CONFIG SET maxmemory 1gb
    CONFIG GET maxmemory`,
  "CONFIG GET of what tools ask for": `
    CONFIG GET save
    CONFIG GET appendonly
    CONFIG GET databases`,
  "COMMAND and its subcommands": `
    COMMAND COUNT x
    COMMAND INFO nosuch
    COMMAND INFO nosuch alsonot
    COMMAND DOCS nosuch
    COMMAND NONSENSE
    COMMAND GETKEYS
    COMMAND GETKEYS CLIENT NOSUCH
    COMMAND GETKEYS CLIENT LIST
    COMMAND GETKEYS CLIENT LIST x
    COMMAND GETKEYS GET
    COMMAND GETKEYS NOSUCH a
    COMMAND GETKEYS SET key value
    COMMAND GETKEYS MSET a 1 b 2
    COMMAND GETKEYS PING`,
  "PING, ECHO, TIME and QUIT by arity": `
    PING
    PING a
    PING a b
    ECHO
    ECHO a b
    TIME x
    DBSIZE x
    RANDOMKEY x
    QUIT`,
  "RESET and QUIT with too much": `
    RESET x
    RESET`,
  "CLIENT UNBLOCK refuses": `
    CLIENT UNBLOCK
    CLIENT UNBLOCK x
    CLIENT UNBLOCK 1 NONSENSE
    CLIENT UNBLOCK 1 ERROR x`,
  "GETRANGE of ends beyond 53 bits": `
    SET k abc
    GETRANGE k -9223372036854775806 -9223372036854775807
    GETRANGE k -9223372036854775807 -9223372036854775806
    GETRANGE k -9223372036854775807 -9223372036854775807
    GETRANGE k -9223372036854775808 9223372036854775807
    SUBSTR k -9007199254740993 -9007199254740994
    DEL k`,
  "INFO of sections": `
    INFO nosuchsection
    INFO nosuchsection northis
    HELLO 3
    INFO nosuchsection`,
  "REPLICAOF and SLAVEOF mistakes": `
    REPLICAOF
    REPLICAOF NO
    REPLICAOF NO ONE x
    SLAVEOF no one
    REPLICAOF no one
    REPLICAOF 127.0.0.1 notaport
    REPLICAOF 127.0.0.1 0
    REPLICAOF 127.0.0.1 65536
    REPLICAOF 127.0.0.1 -1
    ROLE
    REPLICAOF NO ONE
    ROLE x`,
  REPLCONF: `
    REPLCONF
    REPLCONF listening-port
    REPLCONF "option\\n" x
    REPLCONF "an\\r\\noption\\r\\n\\n" x
    REPLCONF "\\r\\n" x
    REPLCONF listening-port x
    REPLCONF listening-port 6380
    REPLCONF capa eof
    REPLCONF capa eof capa psync2
    REPLCONF capa nonsense
    REPLCONF ip-address 10.0.0.1
    REPLCONF nonsense 1
    REPLCONF listening-port 1 nonsense`,
  "PSYNC by arity": `
    PSYNC
    PSYNC ?
    PSYNC ? x`,
  "SCAN cursors and options": `
    SCAN "5\\x00" x
    SCAN
    SCAN x
    SCAN 0 MATCH
    SCAN 0 COUNT 0
    SCAN 0 COUNT -5
    SCAN 0 COUNT x
    SCAN 0 NONSENSE
    SCAN 0 NONSENSE 1
    SCAN 18446744073709551616`,
  "times at the edge of a number": `
    SET k v
    EXPIRE k 9223372036854775807
    EXPIRE k 9223372036854775
    EXPIRE k -9223372036854775808
    SET k v
    PEXPIRE k 9223372036854775807
    EXPIREAT k 9223372036854775807
    EXPIREAT k 9007199254740
    PEXPIRETIME k
    PEXPIREAT k 9007199254740991
    PEXPIRETIME k
    EXPIRETIME k
    EXPIRE k 100 NX XX
    EXPIRE k 100 NX GT
    EXPIRE k 100 GT LT
    EXPIRE k 100 NONSENSE
    SET k v EX 9223372036854775807
    SET k v PX 9223372036854775807
    SET k v EXAT -1
    SET k v PXAT 0
    SETEX k 0 v
    PSETEX k -1 v
    GETEX k EX 0
    GETEX k EXAT 9223372036854775807
    PEXPIREAT k 9223372036854775807
    PEXPIREAT k 9223372036854775807 GT
    EXPIREAT k 9223372036854775 XX
    PEXPIRE k 9223372036854775
    SET k v PX 9223372036854775
    SET k v EXAT 9223372036854775
    SET k v EXAT 9223372036854776
    SET k v PXAT 9223372036854775807
    GETEX k PXAT 9223372036854775807
    PSETEX k 9223372036854775 v
    GET k
    DEL k`,
  "floats as long doubles print them": `
    SET f 0.1
    INCRBYFLOAT f 0.2
    INCRBYFLOAT f 1e3
    INCRBYFLOAT f -1000.3
    SET f 10.50
    INCRBYFLOAT f 0.1
    SET f 5.0e3
    INCRBYFLOAT f 2.0e2
    SET f 3
    INCRBYFLOAT f 1.000000000000000005
    SET f 17179869184
    INCRBYFLOAT f 0.0000001
    SET f -0
    INCRBYFLOAT f 0
    SET f 1
    INCRBYFLOAT f -1
    INCRBYFLOAT f inf
    INCRBYFLOAT f nan
    INCRBYFLOAT f 0x1p3
    INCRBYFLOAT f 1e400
    SET f 1e4000
    INCRBYFLOAT f 1
    SET f " 1"
    INCRBYFLOAT f 1
    SET f "1 "
    INCRBYFLOAT f 1
    INCRBYFLOAT f " 1"
    SET f ""
    INCRBYFLOAT f 1`,
};

describe.skipIf(oracle.isMissing)("against redis-server", () => {
  const reference = forAllCases(() => oracle.start());
  const node = forAllCases(() => ours.start());

  test.each(Object.entries(scripts))("%s", async (_, script) => {
    const lines = script.trim().split("\n");
    await using left = await Peer.connect(reference().port);
    await using right = await Peer.connect(node().port);
    const wanted: string[] = [];
    const got: string[] = [];
    for (const line of lines.map((text) => text.trim())) {
      wanted.push(`${line} -> ${await answer(left, line)}`);
      got.push(`${line} -> ${await answer(right, line)}`);
    }
    expect(got).toEqual(wanted);
  });
});

async function answer(peer: Peer, line: string): Promise<string> {
  peer.write(`${line}\r\n`);
  const reply = await peer.reply();
  const shown = show(line.startsWith("HELLO") ? withoutIdentity(reply) : withoutOffset(reply));
  // A follower soon goes from the one state to the other.
  return line === "ROLE" ? shown.replace("$connecting", "$connect") : shown;
}

/** The version and the connection's number differ between any two servers. */
function withoutIdentity(reply: Reply): Reply {
  if (reply.type === "-") return reply;
  const parts = partsOf(reply).map((part, i, all) => {
    const name = i % 2 === 1 ? textOf(all[i - 1] as Reply) : "";
    return name === "version" || name === "id" ? { type: part.type, value: "(differs)" } : part;
  });
  return { type: reply.type, value: parts };
}

/** ROLE tells the replication offset, which depends on who followed before. */
function withoutOffset(reply: Reply): Reply {
  if (reply.type !== "*" || reply.value === null || typeof reply.value === "string") return reply;
  const [role, offset, ...rest] = reply.value;
  if (role?.value !== "master" || offset === undefined) return reply;
  return { type: "*", value: [role, { type: offset.type, value: "(differs)" }, ...rest] };
}
