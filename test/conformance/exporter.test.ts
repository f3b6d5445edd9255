/**
 * prometheus-redis-exporter, unchanged, scrapes our node and redis-server: it gets every metric of
 * redis-server's from the node too.
 * Skipped where the exporter is not installed (Debian: prometheus-redis-exporter).
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, freePort, respClient, waitFor } from "../harness.ts";
import { oracle, ours, redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

const program = Bun.which("prometheus-redis-exporter");
const note = program === null ? " (skipped: prometheus-redis-exporter is not installed)" : "";

/** The lines that the exporter serves about this server. */
async function scraped(port: number): Promise<string[]> {
  const address = `127.0.0.1:${await freePort()}`;
  const flags = ["-redis.addr", `redis://127.0.0.1:${port}`, "-web.listen-address", address];
  const child = Bun.spawn([program ?? "", ...flags], { stdout: "ignore", stderr: "ignore" });
  try {
    const text = await waitFor(() => metricsAt(address), { message: "the exporter to listen" });
    return text.split("\n").filter((line) => line.startsWith("redis_"));
  } finally {
    child.kill();
    await child.exited;
  }
}

/** Undefined until it listens. */
async function metricsAt(address: string): Promise<string | undefined> {
  const response = await fetch(`http://${address}/metrics`).catch(() => undefined);
  return response?.text();
}

const nameOf = (line: string): string => line.replace(/[{ ].*/, "");

test.skipIf(program === null || oracle.isMissing)(
  `an exporter gets from a node what it gets from redis-server${note}${redisNote}`,
  async () => {
    await using reference = await oracle.start(["--slowlog-log-slower-than", "0"]);
    await using node = await ours.start(["--slowlog-log-slower-than", "0"]);
    for (const server of [reference, node]) {
      await using client = await respClient(server.port);
      await client.call("SET", "k", "v");
      await client.call("NOSUCH");
    }
    const here = await scraped(node.port);
    expect(here).toContain('redis_exporter_last_scrape_error{err=""} 0');
    const names = new Set(here.map(nameOf));
    const wanted = (await scraped(reference.port)).map(nameOf);
    expect(wanted.length).toBeGreaterThan(100);
    expect(wanted.filter((name) => !names.has(name))).toEqual([]);
    expect(here.some((line) => /^redis_slowlog_length [1-9]/.test(line))).toBe(true);
    expect(here.some((line) => line.startsWith('redis_errors_total{err="ERR"} '))).toBe(true);
    expect(here.some((line) => /redis_latency_percentiles_usec\{cmd="set"/.test(line))).toBe(true);
  },
);
