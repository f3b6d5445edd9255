// A diagnosis for people, area by area with the worst first, or for programs. What came from the
// node is escaped.

import type { Palette, Style } from "../colors.ts";
import { shownJson, shownText } from "../shown-text.ts";
import { countOf, type Diagnosis, type Judged } from "./diagnosis.ts";
import { type Facts, isOurs } from "./facts.ts";
import { areas, type Level, levels } from "./finding.ts";
import { versionOf } from "./replication-checks.ts";

const styles: Readonly<Record<Level, Style>> = {
  ok: "green",
  advice: "cyan",
  warning: "yellow",
  failure: "red",
};

const labelWidth = "failure".length;
const indent = " ".repeat(labelWidth + 2);

export function reportText(facts: Facts, diagnosis: Diagnosis, palette: Palette): string {
  const parts = areas.flatMap((area) => {
    const findings = diagnosis.findings.filter((finding) => finding.area === area);
    if (findings.length === 0) return [];
    const worstFirst = findings.toSorted((one, other) => rankOf(other) - rankOf(one));
    return ["", palette.bold(area), ...worstFirst.flatMap((found) => lines(found, palette))];
  });
  return `${[heading(facts), ...parts, "", ...ending(diagnosis, facts)].join("\n")}\n`;
}

export function reportJson(facts: Facts, diagnosis: Diagnosis): string {
  const counts = Object.fromEntries(levels.map((level) => [level, countOf(diagnosis, level)]));
  return `${shownJson({
    node: facts.address,
    version: versionIn(facts),
    pid: facts.machine?.pid ?? null,
    counts,
    findings: diagnosis.findings,
    unjudged: diagnosis.unjudged.map(({ id }) => id),
  })}\n`;
}

// --- internal ---

function heading(facts: Facts): string {
  const role = facts.info.text("role") === "slave" ? "follower" : "leader";
  const where = facts.machine === null ? "seen from outside" : `process ${facts.machine.pid} here`;
  return shownText(`${facts.address}: ${versionIn(facts) ?? "unknown"}, ${role}, ${where}`);
}

function versionIn({ info }: Facts): string | null {
  return versionOf(info.text("mscache_version"), info.text("redis_version"));
}

function lines({ level, title, saw, why, change }: Judged, palette: Palette): string[] {
  const label = palette[styles[level]](level.padEnd(labelWidth));
  const first = `${label}  ${title}: ${shownText(saw)}`;
  if (level === "ok") return [first];
  return [first, `${indent}why: ${shownText(why)}`, `${indent}do:  ${shownText(change)}`];
}

function rankOf({ level }: Judged): number {
  return levels.indexOf(level);
}

function ending(diagnosis: Diagnosis, facts: Facts): string[] {
  const counts = levels.toReversed().map((level) => `${countOf(diagnosis, level)} ${level}`);
  const missing = diagnosis.unjudged.map(({ title }) => title);
  if (missing.length === 0) return [counts.join(", ")];
  const why =
    facts.machine === null
      ? "the machine is judged where the node runs"
      : isOurs(facts)
        ? "they do not apply, or the node did not say"
        : "a Redis does not tell, or they do not apply";
  return [counts.join(", "), `not judged (${why}): ${missing.join(", ")}`];
}
