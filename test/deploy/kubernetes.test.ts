/**
 * The manifests of scripts/deploy/kubernetes: the compiler finds no field that the API does not
 * have, what they say of each other fits, and the script that gives a pod its role is run. No
 * cluster is here.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { options } from "../../src/config/config.ts";
import { caseMsMax, temporaryDirectory } from "../harness.ts";

setDefaultTimeout(caseMsMax);

const root = join(import.meta.dir, "../..");
const folder = join(root, "scripts/deploy/kubernetes");

// The compiler judges the fields; here they are only walked.
// biome-ignore lint/suspicious/noExplicitAny: a document of YAML
type Document = any;

const documents: readonly Document[] = (
  await Promise.all(
    [...new Bun.Glob("*.yaml").scanSync(folder)].sort().map(async (name) => {
      return Bun.YAML.parse(await Bun.file(join(folder, name)).text());
    }),
  )
).flat();

const ofKind = (kind: string) => documents.filter((document) => document.kind === kind);
const workloads = documents.filter(({ spec }) => spec?.template !== undefined);
const containersOf = ({ spec }: Document): readonly Document[] => [
  ...(spec.template.spec.initContainers ?? []),
  ...spec.template.spec.containers,
];
const named = (kind: string, name: string) =>
  ofKind(kind).find(({ metadata }) => metadata.name === name);

test("every field is one that the API of Kubernetes has", async () => {
  await using directory = await temporaryDirectory();
  const types = join(root, "node_modules/kubernetes-types");
  const source = documents.map((document, i) => {
    const [group, version] = document.apiVersion.includes("/")
      ? document.apiVersion.split("/")
      : ["core", document.apiVersion];
    const type = `import("${types}/${group}/${version}.d.ts").${document.kind}`;
    return `export const document${i}: ${type} = ${JSON.stringify(document)};`;
  });
  const file = join(directory.path, "manifests.ts");
  await Bun.write(file, source.join("\n"));
  const flags = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext"];
  const resolution = ["--moduleResolution", "bundler", "--ignoreConfig"];
  const tsc = join(root, "node_modules/.bin/tsc");
  const child = Bun.spawn([tsc, ...flags, ...resolution, file], { cwd: root, stdout: "pipe" });
  expect(await child.stdout.text()).toBe("");
  expect(await child.exited).toBe(0);
});

test("services, budgets and workloads select the pods that there are", () => {
  const pods = workloads.map(({ spec }) => spec.template.metadata.labels);
  const selectors = [
    ...ofKind("Service").map(({ spec }) => spec.selector),
    ...ofKind("PodDisruptionBudget").map(({ spec }) => spec.selector.matchLabels),
    ...workloads.map(({ spec }) => spec.selector.matchLabels),
  ];
  for (const selector of selectors) {
    expect(pods.filter((labels) => Bun.deepEquals(labels, selector))).toHaveLength(1);
  }
  for (const { spec } of ofKind("StatefulSet")) {
    expect(named("Service", spec.serviceName).spec).toMatchObject({
      clusterIP: "None",
      publishNotReadyAddresses: true,
    });
  }
  for (const workload of workloads) {
    const ports = containersOf(workload).flatMap(({ ports = [] }) => ports);
    const names = new Set(ports.map(({ name }: { name: string }) => name));
    const { labels } = workload.spec.template.metadata;
    const services = ofKind("Service").filter(({ spec }) => Bun.deepEquals(spec.selector, labels));
    for (const { targetPort } of services.flatMap(({ spec }) => spec.ports)) {
      expect(names).toContain(targetPort);
    }
    for (const container of containersOf(workload)) {
      const { startupProbe, readinessProbe, livenessProbe } = container;
      for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
        if (probe?.httpGet !== undefined) expect(names).toContain(probe.httpGet.port);
      }
    }
  }
});

test("no container may more than it needs, and each has a bound of memory", () => {
  for (const workload of workloads) {
    const { spec } = workload.spec.template;
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    for (const { securityContext } of containersOf(workload)) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
    for (const { resources } of spec.containers) expect(resources.limits.memory).toBeString();
  }
});

test("the variables of a node are options, and its probes ask for health alone", () => {
  const [node] = named("StatefulSet", "mscache").spec.template.spec.containers;
  const variables = new Set<string>(Object.values(options).map(({ environment }) => environment));
  const own = node.env.map(({ name }: { name: string }) => name);
  const unknown = own.filter((name: string) => name.startsWith("MSCACHE_") && !variables.has(name));
  expect(unknown).toEqual([]);
  expect(node.startupProbe.httpGet.path).toBe("/healthz");
  expect(node.livenessProbe.httpGet.path).toBe("/healthz");
  expect(node.readinessProbe.httpGet.path).toBe("/readyz");
});

// ---- the role of a pod --------------------------------------------------------------------------

const roleOf = () => {
  const { initContainers } = named("StatefulSet", "mscache").spec.template.spec;
  return initContainers[0].command as [string, string, string];
};

/** What the script leaves in the configuration file, if Sentinel names this leader. */
async function roleAfter(pod: string, present: string | null, leader: string): Promise<string> {
  await using directory = await temporaryDirectory();
  const cli = join(directory.path, "redis-cli");
  const answer = leader === "" ? "exit 1" : `printf '%s\\n5000\\n' ${leader}`;
  await Bun.write(cli, `#!/bin/sh\n${answer}\n`);
  await chmod(cli, 0o755);
  const file = join(directory.path, "mscache.conf");
  if (present !== null) await Bun.write(file, present);
  const [shell, flags, script] = roleOf();
  const child = Bun.spawn([shell, flags, script.replaceAll("/data", directory.path)], {
    env: { PATH: `${directory.path}:${process.env.PATH}`, POD_NAME: pod, POD_NAMESPACE: "prod" },
    stderr: "pipe",
  });
  expect([await child.exited, await child.stderr.text()]).toEqual([0, ""]);
  return await Bun.file(file).text();
}

const domain = "mscache-nodes.prod.svc";
const pinned =
  "maxmemory-policy x\n# Written by CONFIG REWRITE after REPLICAOF: beats the flag and the environment.\n" +
  `leaderaddr mscache-2.${domain}:5000\nthreads 2\n`;

test.each([
  ["the first pod leads at the first start", "mscache-0", null, "", ""],
  ["the others follow it", "mscache-1", null, "", `leaderaddr mscache-0.${domain}:5000\n`],
  ["without an answer of Sentinel, a pod keeps its role", "mscache-0", pinned, "", pinned],
  [
    "a former leader follows the one that Sentinel names",
    "mscache-0",
    "threads 2\n",
    `mscache-1.${domain}`,
    `threads 2\nleaderaddr mscache-1.${domain}:5000\n`,
  ],
  [
    "a former follower that was promoted leads",
    "mscache-1",
    pinned,
    `mscache-1.${domain}`,
    "maxmemory-policy x\nthreads 2\n",
  ],
])("%s", async (_, pod, present, leader, expected) => {
  expect(await roleAfter(pod, present, leader)).toBe(expected);
});
