// A node as a service of systemd: what it tells the service manager, and when. The manager here is
// a Python script with a datagram socket, which Bun does not have.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { respClient, spawnNode, temporaryDirectory, waitFor } from "../harness.ts";
import { collectText } from "../support/collected-text.ts";

const python = Bun.which("python3");
const unit = join(import.meta.dir, "../../scripts/deploy/mscache.service");
const analyze = Bun.which("systemd-analyze");
const receiver = `
import socket, sys
path = sys.argv[1]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\\0" + path[1:] if path[0] == "@" else path)
print("bound", flush=True)
while True:
    print(manager.recv(4096).decode(), flush=True)
`;

/** Collects what arrives at the socket of this name. */
async function manager(path: string) {
  const child = Bun.spawn([python ?? "", "-c", receiver, path], { stdout: "pipe" });
  const text = collectText(child.stdout);
  const lines = () => text().split("\n").slice(0, -1);
  await waitFor(() => lines().length > 0, { message: "the manager to listen" });
  const end = async () => {
    child.kill("SIGKILL");
    await Promise.all([child.exited, text.end]);
  };
  return { lines, [Symbol.asyncDispose]: end };
}

const isLinux = process.platform === "linux";

test.skipIf(!isLinux || python === null).each(["a file", "an abstract name"])(
  "tells its service manager when it serves and when it stops, by %s",
  async (kind) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, "notify");
    const name = kind === "a file" ? path : `@${path}`;
    await using systemd = await manager(name);
    await using node = await spawnNode([], { environment: { NOTIFY_SOCKET: name } });
    await waitFor(() => systemd.lines().length > 1, { message: "the node to be ready" });
    expect(systemd.lines()).toEqual(["bound", "READY=1"]);
    await using client = await respClient(node.port);
    expect(await client.call("PING")).toBe("PONG");
    node.process.kill("SIGTERM");
    expect(await node.process.exited).toBe(0);
    await waitFor(() => systemd.lines().length > 2, { message: "the node to say that it stops" });
    expect(systemd.lines()).toEqual(["bound", "READY=1", "STOPPING=1"]);
  },
);

test.skipIf(!isLinux).each([
  ["/nowhere/notify", "nobody receives there"],
  ["vsock:2:1234", "no such kind of address"],
])("serves although nobody can be told at %s, and says so", async (name, reason) => {
  await using node = await spawnNode([], { environment: { NOTIFY_SOCKET: name } });
  await waitFor(() => node.log().includes("systemd was not told"), { message: "a warning" });
  expect(node.log()).toContain(`systemd was not told "READY=1" at ${name}: ${reason}`);
  await using client = await respClient(node.port);
  expect(await client.call("PING")).toBe("PONG");
});

test.skipIf(analyze === null)("the unit has no fault that systemd-analyze finds", async () => {
  await using directory = await temporaryDirectory();
  const text = await Bun.file(unit).text();
  const path = join(directory.path, "mscache.service");
  await Bun.write(path, text.replace("/usr/local/bin/mscache", process.execPath));
  const { exitCode, stderr } = Bun.spawnSync([analyze ?? "", "verify", path]);
  const own = stderr
    .toString()
    .split("\n")
    .filter((line) => line.includes("mscache.service"));
  expect({ exitCode, own }).toEqual({ exitCode: 0, own: [] });
});
