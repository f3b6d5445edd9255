// Every check of the doctor: a node in which all is well, one in which something is not, what it
// says then, and nothing where the facts do not tell. The numbers of a finding are those of the
// facts.

import { describe, expect, test } from "bun:test";
import { openAddresses } from "../../../../src/cli/doctor/configuration-checks.ts";
import { checks, diagnose } from "../../../../src/cli/doctor/diagnosis.ts";
import { type Facts, factsOf } from "../../../../src/cli/doctor/facts.ts";
import type { Level } from "../../../../src/cli/doctor/finding.ts";
import { options } from "../../../../src/config/options.ts";
import { ailments, distant, follower, leading, other, sentinel } from "./ailments.ts";
import { type Change, found, MiB, ourFacts, redisFacts } from "./facts-fixture.ts";

describe("what is wrong", () => {
  test.each(ailments)("%s: %j is %s", (id, change, level, saw, remedy) => {
    const finding = found(id, ourFacts(change));
    expect(finding?.level).toBe(level);
    expect(finding?.saw).toContain(saw);
    expect(finding?.change).toContain(remedy);
    expect(finding?.why).not.toBe("");
  });

  test("a flag that it names takes the value that it names", () => {
    const named = ailments.flatMap(([id, change]) => {
      const text = found(id, ourFacts(change))?.change ?? "";
      return [...text.matchAll(/--([a-z-]+) ([\w-]+)(?=$|;| at the)/g)].map(([, ...it]) => it);
    });
    expect(named.length).toBeGreaterThan(10);
    for (const [name, value = ""] of named) {
      const option = Object.values(options).find((one) => one.name === name);
      expect(`${name}: ${option === undefined}`).toBe(`${name}: false`);
      expect(() => option?.parse(value)).not.toThrow();
    }
  });

  test("each check has a case", () => {
    const judged = new Set(ailments.map(([id]) => id));
    expect(checks.map(({ id }) => id).filter((id) => !judged.has(id))).toEqual([]);
  });
});

describe("what is right", () => {
  const group: Change = {
    info: { ...leading, mscache_tree_levels: 2, mscache_tree0: distant },
    config: { "snapshot-file": "/data/a.rdb", "snapshot-interval": "60" },
    followers: [{ ...other, version: "MSCache 0.1.0", clock: { ms: 3, errorMs: 2 } }],
    machine: { snapshot: { path: "/data", freeBytes: 4_096 * MiB, fault: null } },
    sentinel,
  };

  test.each([
    ["a node alone", ourFacts()],
    ["a leader with a follower and Sentinels", ourFacts(group)],
    ["a follower", ourFacts({ info: { ...follower, master_link_status: "up" } })],
  ])("%s is found to be sound", (_, facts) => {
    const wrong = diagnose(facts).findings.filter(({ level }) => level !== "ok");
    expect(wrong).toEqual([]);
  });

  test("between them, every check has said that something is right", () => {
    const aof = redisFacts({ config: { appendonly: "yes" } });
    const all = [
      ourFacts(group),
      ourFacts({ info: { ...follower, master_link_status: "up" } }),
      aof,
    ];
    const said = new Set(all.flatMap((facts) => diagnose(facts).findings.map(({ id }) => id)));
    expect(checks.map(({ id }) => id).filter((id) => !said.has(id))).toEqual([]);
  });
});

test.each([
  [{ bind: "" }, ["*"]],
  [{ bind: "", port: "0" }, []],
  [{ bind: "* -::*" }, ["*", "::*"]],
  [{ bind: "127.0.0.1 -::1 10.0.0.1" }, ["10.0.0.1"]],
  [{ port: "0", bind: "10.0.0.1", "tls-port": "5443" }, ["10.0.0.1"]],
  [{ http: "127.0.0.1:80", https: "[2001:db8::1]:443" }, ["2001:db8::1 (https)"]],
])("%j is reached by others at %j", (config, open) => {
  expect(openAddresses(ourFacts({ config }))).toEqual(open);
});

test("who must show a certificate needs no password", () => {
  const config = { bind: "*", port: "0", "tls-port": "5443", "tls-auth-clients": "yes" };
  expect(found("password", ourFacts({ config }))?.level).toBe("ok");
  const optional = { ...config, "tls-auth-clients": "optional", "protected-mode": "no" };
  expect(found("password", ourFacts({ config: optional }))?.level).toBe("failure");
});

describe("what cannot be seen", () => {
  test("nothing is said of a node that tells nothing", () => {
    const { findings, unjudged } = diagnose(factsOf({}));
    expect(findings).toEqual([]);
    expect(unjudged.length).toBe(checks.length);
  });

  test("without CONFIG and without the machine, the rest is judged", () => {
    const ids = diagnose(ourFacts({ config: null, machine: null })).findings.map(({ id }) => id);
    expect(ids).toContain("clients");
    expect(ids).not.toContain("password");
    expect(ids).not.toContain("descriptors");
  });
});

describe("a Redis", () => {
  test.each<[string, Facts, Level, string]>([
    [
      "overcommit",
      redisFacts({ machine: { overcommit: 0 } }),
      "warning",
      "sysctl vm.overcommit_memory=1",
    ],
    ["huge-pages", redisFacts({ machine: { hugePages: "always" } }), "warning", "madvise"],
    [
      "rejected",
      redisFacts({ info: { rejected_connections: 1 } }),
      "warning",
      '"maxclients 2000" in redis.conf',
    ],
  ])("%s is judged by what it does", (id, facts, level, remedy) => {
    const finding = found(id, facts);
    expect(finding?.level).toBe(level);
    expect(finding?.change).toContain(remedy);
  });
});
