// All checks over the facts of one node: what each found, and which could not judge, because the
// facts do not say enough. Pure.

import { configurationChecks } from "./configuration-checks.ts";
import type { Facts } from "./facts.ts";
import type { Check, Finding, Level } from "./finding.ts";
import { liveChecks } from "./live-checks.ts";
import { machineChecks } from "./machine-checks.ts";
import { persistenceChecks } from "./persistence-checks.ts";
import { replicationChecks } from "./replication-checks.ts";

/** In the order of the report. */
export const checks: readonly Check[] = [
  ...machineChecks,
  ...configurationChecks,
  ...replicationChecks,
  ...persistenceChecks,
  ...liveChecks,
];

export interface Judged extends Finding, Pick<Check, "id" | "area" | "title"> {}

export interface Diagnosis {
  readonly findings: readonly Judged[];
  /** Of what the facts say nothing. */
  readonly unjudged: readonly Check[];
}

export function diagnose(facts: Facts): Diagnosis {
  const judged = checks.map((check) => ({ check, found: check.judge(facts) }));
  return {
    findings: judged.flatMap(({ check: { id, area, title }, found }) =>
      found === null ? [] : { id, area, title, ...found },
    ),
    unjudged: judged.flatMap(({ check, found }) => (found === null ? check : [])),
  };
}

export function countOf({ findings }: Diagnosis, level: Level): number {
  return findings.filter((finding) => finding.level === level).length;
}
