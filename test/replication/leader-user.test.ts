/**
 * A follower that logs in to its leader as a user with the rights of a follower and no others, with
 * our nodes and redis-server at either end; and what becomes of its link when that user is changed
 * or deleted.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, redisInstalled, startRedis, waitFor } from "../harness.ts";
import { replicationField } from "../support/line-ups.ts";
import { Peer } from "../support/peer.ts";
import { oursWithThreads, redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const rules = ["on", ">pw", "+psync", "+replconf", "+ping"];

interface Kind {
  readonly name: string;
  start(args?: readonly string[]): Promise<AsyncDisposable & { readonly port: number }>;
  readonly follow: (port: number) => string[];
}

function ourKind(threads: number): Kind {
  const { name, start } = oursWithThreads(threads);
  const login = ["--leader-user", "copy", "--leader-password", "pw"];
  return { name, start, follow: (port) => ["--leaderaddr", `127.0.0.1:${port}`, ...login] };
}

const redisKind: Kind = {
  name: `redis-server${redisNote}`,
  start: (args = []) =>
    startRedis(["--databases", "1", "--repl-diskless-sync-delay", "0", ...args]),
  follow: (port) => [
    ...["--replicaof", "127.0.0.1", `${port}`, "--masteruser", "copy", "--masterauth", "pw"],
  ],
};

const pairs: readonly (readonly [leader: Kind, follower: Kind])[] = [
  [ourKind(1), ourKind(4)],
  [ourKind(4), ourKind(1)],
  [ourKind(1), redisKind],
  [redisKind, ourKind(1)],
];

for (const [leaderKind, followerKind] of pairs) {
  const usesRedis = [leaderKind, followerKind].includes(redisKind);
  test.skipIf(usesRedis && !redisInstalled())(
    `${followerKind.name} follows ${leaderKind.name} as a user that may do nothing else`,
    async () => {
      await using leader = await leaderKind.start();
      await using admin = await Peer.connect(leader.port);
      expect(await admin.ask("ACL", "SETUSER", "copy", ...rules)).toBe("+OK");
      await admin.ask("ACL", "SETUSER", "default", ">secret");
      await admin.ask("SET", "a", "1");
      await using follower = await followerKind.start(followerKind.follow(leader.port));
      const status = () => replicationField(follower.port, "master_link_status");
      await waitFor(async () => (await status()) === "up", { message: "the link" });
      await using reader = await Peer.connect(follower.port);
      expect(await reader.ask("GET", "a")).toBe("$1");
      expect(await admin.ask("CLIENT", "LIST", "TYPE", "replica")).toContain(" user=copy ");
      // Its PSYNC was judged; what it acknowledges by REPLCONF still is.
      expect(await admin.ask("ACL", "SETUSER", "copy", "-psync")).toBe("+OK");
      await admin.ask("SET", "b", "2");
      expect(await admin.ask("WAIT", "1", "60000")).toBe(":1");
      expect(await reader.ask("GET", "b")).toBe("$2");
      expect(await admin.ask("ACL", "DELUSER", "copy")).toBe(":1");
      await waitFor(async () => (await status()) === "down", { message: "the end of the link" });
      await admin.ask("SET", "c", "3");
      await admin.ask("ACL", "SETUSER", "copy", ...rules);
      await waitFor(async () => (await reader.ask("GET", "c")) === "$3", { message: "a new link" });
    },
  );
}
