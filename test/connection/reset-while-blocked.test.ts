/**
 * A client that leaves its replies unread until the node reads no more from it, and then breaks off
 * at the worst moment: the node has just been told that the socket takes more, and writes. The
 * failed write is all that tells of the end, as the socket is not read.
 * SIGSTOP lets the events of several sockets come in one turn of the node's loop, in a known order.
 */
import { expect, test } from "bun:test";
import { waitFor } from "../harness.ts";
import { infoNumber } from "../support/info-number.ts";
import { Peer } from "../support/peer.ts";
import { ours } from "../support/servers.ts";

const MiB = 1024 * 1024;

/** Takes what the system still has for it, until nothing more comes. */
async function readAllSent(socket: Bun.Socket<{ received: number }>): Promise<void> {
  socket.resume();
  let before = -1;
  await waitFor(() => {
    const isAll = before === socket.data.received;
    before = socket.data.received;
    return isAll && before > 0;
  });
}

test.skipIf(process.platform !== "linux")(
  "a client that breaks off while it is not read is forgotten",
  async () => {
    await using server = await ours.start([
      "--max-client-memory",
      "16mb",
      "--enable-debug-command",
      "local",
    ]);
    await using operator = await Peer.connect(server.port);
    await using sleeper = await Peer.connect(server.port);
    expect(await operator.ask("SET", "v", Buffer.alloc(MiB, "v"))).toBe("+OK");
    const client = await Bun.connect({
      hostname: "127.0.0.1",
      port: server.port,
      data: { received: 0 },
      socket: {
        data(socket, { length }) {
          socket.data.received += length;
        },
      },
    });
    client.pause();
    client.write("GET v\r\n".repeat(60));
    // Above half of what all clients may hold it is not read.
    await waitFor(async () => (await infoNumber(operator, "mem_clients_normal")) > 8 * MiB);
    server.process.kill("SIGSTOP");
    operator.write("PING\r\n");
    sleeper.write("DEBUG SLEEP 1\r\n");
    await readAllSent(client);
    server.process.kill("SIGCONT");
    // Now its event is among those that the loop goes through, behind the sleep.
    expect(await operator.shown()).toBe("+PONG");
    client.terminate();
    expect(await sleeper.shown()).toBe("+OK");
    for (const [field, value] of [
      ["connected_clients", 2],
      ["mem_clients_normal", 0],
    ] as const) {
      await waitFor(async () => (await infoNumber(operator, field)) === value, {
        timeoutMs: 60_000,
        message: `${field} to be ${value}`,
      });
    }
  },
);
