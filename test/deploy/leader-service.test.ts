/**
 * The one address for writes on Kubernetes: a real HAProxy with the configuration of leader.yaml
 * passes connections on to whichever node leads, and ends those to a node that was demoted. Names
 * and ports of the cluster are replaced by those of nodes in this process.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { caseMsMax, freePort, temporaryDirectory, waitFor } from "../harness.ts";
import { type AdminNode, startAdminNode } from "../support/admin-bed.ts";
import { Peer } from "../support/peer.ts";

setDefaultTimeout(caseMsMax);

const haproxy = Bun.which("haproxy");
if (haproxy === null && process.env.CI === "true") throw new Error("haproxy is not installed");

const manifest = join(import.meta.dir, "../../scripts/deploy/kubernetes/leader.yaml");

async function configuration(nodes: readonly AdminNode[], port: number, healthPort: number) {
  const documents = Bun.YAML.parse(await Bun.file(manifest).text()) as {
    kind: string;
    data: Record<string, string>;
  }[];
  const map = documents.find(({ kind }) => kind === "ConfigMap");
  const text = (map?.data["haproxy.cfg"] ?? "")
    .replace("bind :5000", `bind 127.0.0.1:${port}`)
    .replace("bind :8404", `bind 127.0.0.1:${healthPort}`)
    // Each node has its own port for health here.
    .replace("check port 9121 ", "check ")
    .replace(/^ *server mscache-2 .*\n/m, "");
  return nodes.reduce(
    (all, node, i) =>
      all.replace(
        `mscache-${i}.mscache-nodes:5000`,
        `127.0.0.1:${node.port} port ${node.httpPort}`,
      ),
    text,
  );
}

/** The port of the node that a new connection comes to; "" if there is none. */
async function reached(port: number): Promise<string> {
  await using peer = await Peer.connect(port);
  return /tcp_port:(\d+)/.exec(await peer.ask("INFO", "server"))?.[1] ?? "";
}

test.skipIf(haproxy === null)(
  "clients reach the leader, and the next one when it changes",
  async () => {
    await using first = await startAdminNode();
    const follows = { leaderaddr: `127.0.0.1:${first.port}` };
    await using second = await startAdminNode(follows);
    const [port, healthPort] = [await freePort(), await freePort()];
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "haproxy.cfg");
    await Bun.write(file, await configuration([first, second], port, healthPort));
    const check = Bun.spawnSync([haproxy ?? "", "-c", "-f", file]);
    expect([check.exitCode, check.stderr.toString()]).toEqual([0, ""]);
    const child = Bun.spawn([haproxy ?? "", "-db", "-f", file], { stderr: "ignore" });
    await using stack = new AsyncDisposableStack();
    stack.defer(async () => {
      child.kill("SIGKILL");
      await child.exited;
    });

    // As long as the pod is not ready, no client comes.
    const readiness = `http://127.0.0.1:${healthPort}/readyz`;
    await waitFor(async () => (await fetch(readiness)).status === 200);
    expect(await reached(port)).toBe(String(first.port));
    await using writer = await Peer.connect(port);
    expect(await writer.ask("SET", "key", "value")).toBe("+OK");
    expect(await writer.ask("WAIT", "1", "60000")).toBe(":1");

    await using to = await Peer.connect(second.port);
    expect(await to.ask("REPLICAOF", "NO", "ONE")).toBe("+OK");
    await using from = await Peer.connect(first.port);
    expect(await from.ask("REPLICAOF", "127.0.0.1", String(second.port))).toBe("+OK");
    await writer.raw.closed();
    // For some checks, HAProxy may count both or none.
    await waitFor(async () => {
      const isReady = (await fetch(readiness)).status === 200;
      return isReady && (await reached(port)) === String(second.port);
    });
    await using again = await Peer.connect(port);
    expect(await again.ask("GET", "key")).toBe("$value");
    expect(await again.ask("SET", "key", "other")).toBe("+OK");
  },
);
