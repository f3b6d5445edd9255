// The names by which CONFIG knows the options: what they show, what a change of one gives, and what
// is refused. No node; conformance/settings.test.ts has one.

import { describe, expect, test } from "bun:test";
import { allSettings, type Config, loadConfig, options } from "../../../src/config/config.ts";
import { sentence } from "./mistake.ts";

const gb = 1024 ** 3;
const mb = 1024 ** 2;

function load(flags: Record<string, string | undefined> = {}): Config {
  return loadConfig(flags, {}, () => "", 8 * gb);
}

describe("CONFIG GET and SET", () => {
  const setting = (name: string) => {
    const found = allSettings.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`no setting ${name}`);
    return found;
  };

  test("Redis's names show Redis's form of the value", () => {
    const config = load({
      listenaddr: "127.0.0.1:5000,[::1]:5001",
      leaderaddr: "10.0.0.1:6379",
      "max-memory": "1gb",
      "log-level": "info",
    });
    const shown = Object.fromEntries(allSettings.map(({ name, show }) => [name, show(config)]));
    expect(shown).toMatchObject({
      port: "5000",
      bind: "127.0.0.1 ::1",
      replicaof: "10.0.0.1 6379",
      maxmemory: String(gb),
      "maxmemory-policy": "allkeys-lfu",
      loglevel: "notice",
      timeout: "0",
      "repl-backlog-size": String(128 * mb),
      reserve: "2gb",
    });
  });

  test("every option is shown, and no name belongs to two options", () => {
    const names = allSettings.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(Object.keys(options).length);
  });

  test("a change returns a new configuration and does not modify the old one", () => {
    const before = load({ "max-memory": "1gb" });
    const after = setting("maxmemory").change(before, "1500mb");
    expect([before.maxMemory, after.maxMemory]).toEqual([gb, 1500 * mb]);
    expect(setting("maxmemory-policy").change(before, "noeviction").eviction).toBe("none");
    expect(setting("maxmemory-policy").change(before, "allkeys-lru").eviction).toBe("s3fifo");
    expect(setting("loglevel").change(before, "verbose").logLevel).toBe("info");
  });

  test("maxmemory 0 is the reserve; less than a megabyte is refused", () => {
    const config = load({ "max-memory": "1gb", reserve: "3gb" });
    for (const zero of ["0", "0kb"]) {
      expect(setting("maxmemory").change(config, zero).maxMemory).toBe(3 * gb);
    }
    expect(sentence(() => setting("maxmemory").change(config, "1"))).toBe(
      '"1" is below the minimum of 1mb',
    );
    expect(sentence(() => load({ "max-memory": "0" }))).toContain("below the minimum of 1mb");
  });

  test("a change that breaks a relation or a bound is refused", () => {
    const config = load({ "max-memory": "1gb" });
    expect(sentence(() => setting("maxmemory").change(config, "3gb"))).toContain("reserve of 2gb");
    expect(sentence(() => setting("timeout").change(config, "-1"))).toContain('"-1" is not');
    const policy = () => setting("maxmemory-policy").change(config, "volatile-lru");
    expect(sentence(policy)).toContain("only keys with a TTL");
  });
});
