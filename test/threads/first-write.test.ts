/**
 * A write of one thread that began before a follower came and ends after it: it is in the snapshot,
 * as it is not in the stream. The thread is made slow in the middle of its write.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../src/config/config.ts";
import { startServer } from "../../src/node/server.ts";
import { caseMsMax, startNode, temporaryDirectory, waitFor } from "../harness.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

test.skipIf(process.platform !== "linux")(
  "the first write of an empty leader reaches a follower that joins in its middle",
  async () => {
    await using directory = await temporaryDirectory();
    const begun = join(directory.path, "begun");
    const flags = { listenaddr: "127.0.0.1:0", threads: "2", "log-level": "error" };
    const config = loadConfig({ ...flags, "max-memory": "16mb" }, {}, () => "");
    const workerEntry = new URL("./slow-write-worker-fixture.ts", import.meta.url);
    await using leader = await startServer(config, { workerEntry });
    await using writer = await Peer.connect(leader.port);
    writer.send("SET", "slow", begun);
    await waitFor(() => existsSync(begun), { message: "the write to begin" });
    await using stack = new AsyncDisposableStack();
    const leaderAddr = { host: "127.0.0.1", port: leader.port };
    // Several, as the connection of one may fall to the thread that is slow.
    const followers = await Promise.all([1, 2, 3].map(() => startNode({ leaderAddr })));
    for (const follower of followers) stack.use(follower);
    expect(await writer.shown()).toBe("+OK");
    for (const { port } of followers) {
      await using reader = await Peer.connect(port);
      await waitFor(async () => (await reader.ask("GET", "slow")) === `$${begun}`);
    }
  },
);
