/**
 * scripts/deploy/compose.yaml and its image: what the files say of each other, and the same command
 * lines as processes of this machine, with real Sentinels that fail the leader over. A service has
 * a loopback address and ports in the place of a container's, and a directory in the place of its
 * volume; nothing else of its command line is changed. Docker itself is not here.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { releaseTargets } from "../../scripts/release/targets.ts";
import { options } from "../../src/config/config.ts";
import {
  caseMsMax,
  freePort,
  redisInstalled,
  runMscache,
  temporaryDirectory,
  waitFor,
} from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { nodeCommand } from "../support/programs.ts";
import { whenLong } from "../support/repetitions.ts";
import { redisNote } from "../support/servers.ts";

setDefaultTimeout(caseMsMax);

interface Service {
  readonly hostname: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly restart: string;
  readonly healthcheck?: { readonly test: readonly string[] };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const deploy = join(import.meta.dir, "../../scripts/deploy");
const compose = Bun.YAML.parse(await Bun.file(join(deploy, "compose.yaml")).text()) as Compose;
const dockerfile = await Bun.file(join(deploy, "Dockerfile")).text();
const services = Object.entries(compose.services);
const nodes = services.filter(([name]) => name.startsWith("node-"));
const sentinels = services.filter(([name]) => name.startsWith("sentinel-"));

/** The ENV of the image. */
const imageEnvironment = Object.fromEntries(
  [...dockerfile.matchAll(/(MSCACHE_\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [
    name,
    value,
  ]),
);

/** `${NAME}`, `${NAME:-default}` and `${NAME:?sentence}`, and `$$` for a dollar. */
function interpolated(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}/g, (whole, name, fallback) => {
    if (whole === "$$") return "$";
    const value = variables[name] ?? fallback;
    if (value === undefined) throw new Error(`${name} is not set`);
    return value;
  });
}

// ---- the files ----------------------------------------------------------------------------------

test("there are a leader, two followers and three Sentinels, each with its own volume", () => {
  expect([nodes.length, sentinels.length, services.length]).toEqual([3, 3, 6]);
  const follows = nodes.map(([, { command }]) => command[command.indexOf("--leaderaddr") + 1]);
  expect(follows).toEqual(["--announce-ip", "node-1:5000", "node-1:5000"]);
  for (const [name, service] of services) {
    expect(service.hostname).toBe(name);
    expect(service.volumes).toEqual([`${name}:/data`]);
    expect(service.restart).toBe("unless-stopped");
  }
  expect(Object.keys(compose.volumes)).toEqual(services.map(([name]) => name));
  for (const [name, { command }] of nodes) {
    expect(command[command.indexOf("--announce-ip") + 1]).toBe(name);
  }
});

test("the variables of image and services are options of a node", () => {
  const known = new Set<string>(Object.values(options).map(({ environment }) => environment));
  const used = [imageEnvironment, ...nodes.map(([, { environment }]) => environment)];
  const names = used.flatMap((each) => Object.keys(each));
  expect(names).toContain("MSCACHE_LISTENADDRESS");
  expect(names.filter((name) => !known.has(name))).toEqual([]);
});

test("the image has an archive for each of its platforms, and listens where ping asks", () => {
  const wanted = [...dockerfile.matchAll(/target=([\w-]+)/g)].map(([, target]) => target);
  expect(wanted).toEqual(["linux-x64-baseline", "linux-arm64"]);
  expect(releaseTargets).toEqual(
    expect.arrayContaining(wanted as (typeof releaseTargets)[number][]),
  );
  expect(dockerfile).toMatch(/HEALTHCHECK .*CMD \["mscache", "ping"\]/);
  const [, port] = options.listenAddr.default.split(":");
  expect(imageEnvironment.MSCACHE_LISTENADDRESS).toBe(`:${port}`);
  expect(dockerfile).toMatch(/^USER 65532:65532$/m);
  expect(dockerfile).toMatch(/^STOPSIGNAL SIGTERM$/m);
});

// ---- the processes ------------------------------------------------------------------------------

const password = "p4ss-word$1#x";

class Topology implements AsyncDisposable {
  private readonly stack = new AsyncDisposableStack();
  private readonly hosts: ReadonlyMap<string, string>;
  private readonly ports: Readonly<Record<"cache" | "http" | "sentinel", number>>;
  private readonly directory: string;
  private readonly running = new Map<string, Bun.Subprocess>();

  private constructor(directory: string, ports: Topology["ports"]) {
    this.directory = directory;
    this.ports = ports;
    // Addresses of their own, as containers have; all of 127.0.0.0/8 is this machine.
    const net = `127.${100 + (ports.cache % 100)}.${ports.http % 250}`;
    this.hosts = new Map(services.map(([name], i) => [name, `${net}.${i + 1}`]));
  }

  static async start(): Promise<Topology> {
    const directory = await temporaryDirectory();
    const ports = { cache: await freePort(), http: await freePort(), sentinel: await freePort() };
    const topology = new Topology(directory.path, ports);
    topology.stack.use(directory);
    for (const [name] of services) {
      await mkdir(topology.volume(name));
      // What a new volume gets from the image.
      if (name.startsWith("node-"))
        await Bun.write(join(topology.volume(name), "mscache.conf"), "");
      topology.run(name);
    }
    return topology;
  }

  /** Starts a service, as for the first time or again. */
  run(name: string): void {
    const { command, environment } = compose.services[name];
    const isNode = name.startsWith("node-");
    const variables = isNode ? { ...imageEnvironment, ...environment } : environment;
    const local = (text: string) => this.localized(name, text);
    const env = Object.fromEntries(
      Object.entries(variables).map(([key, text]) => [key, local(text)]),
    );
    const child = Bun.spawn([...(isNode ? nodeCommand : []), ...command.map(local)], {
      cwd: this.volume(name),
      env: { PATH: process.env.PATH, HOSTNAME: this.host(name), ...env },
      stdout: "ignore",
      stderr: "ignore",
    });
    this.running.set(name, child);
    this.stack.defer(async () => {
      child.kill("SIGKILL");
      await child.exited;
    });
  }

  async kill(name: string, signal: NodeJS.Signals): Promise<void> {
    this.running.get(name)?.kill(signal);
    await this.running.get(name)?.exited;
  }

  host(name: string): string {
    return this.hosts.get(name) ?? "";
  }

  private volume(name: string): string {
    return join(this.directory, `volume-${this.host(name)}`);
  }

  get cachePort(): number {
    return this.ports.cache;
  }

  private localized(name: string, text: string): string {
    const own = this.host(name);
    const { cache, http, sentinel } = this.ports;
    return interpolated(text, { MSCACHE_PASSWORD: password })
      .replaceAll("/data", this.volume(name))
      .replace(/^:5000$/, `${own}:${cache}`)
      .replace(/^:9121$/, `${own}:${http}`)
      .replace(/(\bnode-\d[: ])5000\b/g, `$1${cache}`)
      .replace("port 26379", `port ${sentinel}\nbind ${own}`)
      .replaceAll(/\b(node|sentinel)-\d\b/g, (host) => this.hosts.get(host) ?? host);
  }

  async node(name: string): Promise<Peer> {
    const peer = await Peer.connect(this.ports.cache, this.host(name));
    await peer.ask("AUTH", password);
    return peer;
  }

  /** The service that every Sentinel takes for the leader; null while they differ. */
  async leader(): Promise<string | null> {
    const named = await Promise.all(sentinels.map(([name]) => this.leaderNamedBy(name)));
    if (new Set(named).size !== 1) return null;
    return [...this.hosts].find(([, host]) => named[0]?.includes(`$${host} `))?.[0] ?? null;
  }

  private async leaderNamedBy(name: string): Promise<string> {
    await using peer = await Peer.connect(this.ports.sentinel, this.host(name));
    return await peer.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "cache");
  }

  /** Waits until the nodes have this leader and follow it, and all Sentinels know of all. */
  async settled(isLeader: (name: string) => boolean): Promise<string> {
    return await waitFor(
      async () => {
        const leader = await this.leader();
        if (leader === null || !isLeader(leader)) return null;
        await using peer = await this.node(leader);
        const replication = await peer.ask("INFO", "replication");
        const facts = ["role:master", "connected_slaves:2"];
        if (!facts.every((fact) => replication.includes(fact))) return null;
        for (const [name] of sentinels) {
          await using sentinel = await Peer.connect(this.ports.sentinel, this.host(name));
          const quorum = await sentinel.ask("SENTINEL", "CKQUORUM", "cache");
          if (!quorum.startsWith("+OK 3 usable")) return null;
          const known = await sentinel.ask("SENTINEL", "REPLICAS", "cache");
          if (known.split("$master-link-status $ok").length !== 3) return null;
        }
        return leader;
      },
      { message: "one leader with two followers, known to three Sentinels" },
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stack.disposeAsync();
  }
}

const canRun = process.platform === "linux" && redisInstalled();

whenLong(() => {
  test.skipIf(!canRun)(
    `the command lines of the compose file fail a dead leader over${redisNote}`,
    async () => {
      await using topology = await Topology.start();
      expect(await topology.settled(() => true)).toBe("node-1");
      const address = `${topology.host("node-1")}:${topology.cachePort}`;
      const environment = { MSCACHE_PASSWORD: password };
      expect(await runMscache(["ping", "--addr", address], { environment })).toMatchObject({
        status: 0,
        out: "PONG\n",
      });
      await using first = await topology.node("node-1");
      expect(await first.ask("SET", "key", "value")).toBe("+OK");
      expect(await first.ask("WAIT", "2", "60000")).toBe(":2");

      await topology.kill("node-1", "SIGKILL");
      const second = await waitFor(async () => {
        const leader = await topology.leader();
        return leader === "node-1" ? null : leader;
      });
      await using promoted = await topology.node(second);
      await waitFor(async () => (await promoted.ask("SET", "later", "too")) === "+OK");
      expect(await promoted.ask("GET", "key")).toBe("$value");

      topology.run("node-1");
      await topology.settled((name) => name === second);
      await using former = await topology.node("node-1");
      expect(await former.ask("GET", "later")).toBe("$too");

      // All at once, as when the machine starts again: each has the role that it had.
      await Promise.all(services.map(([name]) => topology.kill(name, "SIGTERM")));
      for (const [name] of services) topology.run(name);
      expect(await topology.settled(() => true)).toBe(second);
      await using again = await topology.node(second);
      expect(await again.ask("MGET", "key", "later")).toBe("*[$value $too]");
    },
    4 * caseMsMax,
  );
});
