/**
 * The text of INFO where others parse it by a pattern: the lines of commands and errors as
 * exporters read them. That the numbers are right is judged where they are counted.
 */
import { expect, test } from "bun:test";
import { type InfoSource, infoText } from "../../../../src/node/info/node-info.ts";
import { TtlSample } from "../../../../src/node/info/ttl-sample.ts";
import { Bed, now } from "../../command/bed.ts";
import { infoSource } from "./info-source.ts";

const bed = new Bed();

const source = (changes: Partial<InfoSource> = {}) => infoSource(bed.store, changes);

test("commandstats has a line for each command in the form that exporters match", () => {
  expect(infoText(source(), ["commandstats"])).toBe(
    "# Commandstats\r\n" +
      "cmdstat_get:calls=3,usec=10,usec_per_call=3.33,rejected_calls=0,failed_calls=0\r\n" +
      "cmdstat_client|list:calls=0,usec=0,usec_per_call=0.00,rejected_calls=2,failed_calls=0\r\n" +
      "cmdstat_incr:calls=2,usec=3,usec_per_call=1.30,rejected_calls=1,failed_calls=1\r\n",
  );
});

test("errorstats counts by the first word, and stats have the sum", () => {
  expect(infoText(source(), ["errorstats"])).toBe(
    "# Errorstats\r\n" +
      "errorstat_ERR:count=12\r\nerrorstat_OOM:count=1\r\nerrorstat_WRONGPASS:count=4\r\n",
  );
  const stats = infoText(source(), ["stats"]);
  expect(stats).toContain("\r\ntotal_error_replies:17\r\n");
  expect(stats).toContain("\r\nacl_access_denied_auth:4\r\n");
  expect(stats).toContain("\r\ninstantaneous_input_kbps:2.00\r\n");
  expect(stats).toContain("\r\ninstantaneous_output_kbps:0.50\r\n");
});

test("errorstats is a section of plain INFO, and commandstats is not, as in Redis", () => {
  const titles = (asked: string[]) => infoText(source(), asked).match(/# \w+/g);
  expect(titles([])).toContain("# Errorstats");
  expect(titles([])).not.toContain("# Commandstats");
  expect(titles(["all"])).toContain("# Commandstats");
});

test("avg_ttl is what items with a deadline have left on average, and 0 without any", () => {
  const { store } = bed;
  const line = () => {
    const sample = new TtlSample(store);
    const fields = { store: store.statistics(), averageTtlMs: () => sample.averageMs(0, now) };
    return infoText(source(fields), ["keyspace"]);
  };
  bed.run("FLUSHALL");
  for (let i = 0; i < 100; i++) bed.run("SET", `forever:${i}`, "v");
  expect(line()).toContain("db0:keys=100,expires=0,avg_ttl=0\r\n");
  bed.run("SET", "a", "v", "PX", 1000);
  bed.run("SET", "b", "v", "PX", 3000);
  expect(line()).toContain("db0:keys=102,expires=2,avg_ttl=2000\r\n");
});

test("avg_ttl of a large store is met by looking at a part of it", () => {
  const { store } = bed;
  bed.run("FLUSHALL");
  for (let i = 0; i < 20_000; i++) bed.run("SET", `k:${i}`, "v", "PX", 1000 + (i % 1000));
  const sample = new TtlSample(store);
  for (let i = 0; i < 50; i++) expect(Math.abs(sample.averageMs(0, now) - 1500)).toBeLessThan(150);
});
