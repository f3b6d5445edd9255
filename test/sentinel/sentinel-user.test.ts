/**
 * Real Redis Sentinels that log in as a user of their own (`auth-user`), whose rights are those
 * that Redis's documents name, and followers that log in as another one: a killed leader is failed
 * over.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { leaderName, startGuarded } from "../support/sentinels.ts";
import { redisNote } from "../support/servers.ts";

setDefaultTimeout(2 * caseMsMax);

const sentinelRules =
  "on >watch resetchannels &__sentinel__:hello +multi +slaveof +ping +exec +subscribe " +
  "+config|rewrite +role +publish +info +client|setname +client|kill +script|kill";

const configuration = [
  "max-memory 64mb",
  `user sentinel ${sentinelRules}`,
  "user copy on >follow +psync +replconf +ping",
  "leader-user copy",
  "leader-password follow",
  "",
].join("\n");

test.skipIf(!redisInstalled())(
  `a leader is failed over by Sentinels with the rights of a Sentinel alone${redisNote}`,
  async () => {
    await using guarded = await startGuarded(configuration, [
      `auth-user ${leaderName} sentinel`,
      `auth-pass ${leaderName} watch`,
    ]);
    const first = await guarded.settled();
    await using peer = await Peer.connect(first.port);
    const list = await peer.ask("CLIENT", "LIST");
    expect(list).toContain(" user=sentinel ");
    expect(list.match(/ user=copy /g)).toHaveLength(2);
    await first.kill();
    const second = await waitFor(async () => {
      const leader = await guarded.leader();
      return leader !== null && leader !== first ? leader : null;
    });
    await first.start();
    expect(await guarded.settled()).toBe(second);
    await using after = await Peer.connect(second.port);
    // What Sentinel may not do is not what it needed.
    const refused = (await after.ask("ACL", "LOG")).match(/\$object \$\S+ \$username \$sentinel/g);
    expect(new Set(refused)).toEqual(new Set());
  },
);
