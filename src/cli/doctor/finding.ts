// A finding: how bad it is, what was seen, why it matters and what to change. A check derives one
// from the facts, or none if they do not say enough.

import { options } from "../../config/options.ts";
import { type Facts, isOurs } from "./facts.ts";

/** From harmless to bad. Only a failure makes the command fail. */
export const levels = ["ok", "advice", "warning", "failure"] as const;
export type Level = (typeof levels)[number];

export interface Finding {
  readonly level: Level;
  /** What was seen, with its numbers. */
  readonly saw: string;
  /** Why that matters; empty if all is well. */
  readonly why: string;
  /** What to change, exactly; empty if all is well. */
  readonly change: string;
}

export const areas = ["machine", "configuration", "replication", "persistence", "live"] as const;
export type Area = (typeof areas)[number];

export interface Check {
  /** Stable, for programs that read the JSON. */
  readonly id: string;
  readonly area: Area;
  readonly title: string;
  /** Null: it cannot be judged by these facts. */
  readonly judge: (facts: Facts) => Finding | null;
}

export function ok(saw: string): Finding {
  return { level: "ok", saw, why: "", change: "" };
}

export function finding(
  level: Exclude<Level, "ok">,
  saw: string,
  why: string,
  change: string,
): Finding {
  return { level, saw, why, change };
}

/**
 * How to change a setting of this node, by the name and in the words that Redis has for it. Our
 * flag may have other words (`flagValue`).
 */
export function setting(facts: Facts, name: string, value: string, flagValue = value): string {
  const now = `CONFIG SET ${name} ${value.includes(" ") ? `"${value}"` : value}`;
  if (!isOurs(facts)) return `${now}, and "${name} ${value}" in redis.conf`;
  const option = Object.values(options).find(({ redis }) =>
    redis?.some((one) => one.name === name),
  );
  if (option === undefined) return now;
  const flag = `--${option.name} ${flagValue}`;
  if (option.change === "restart") return `start it with ${flag}`;
  return `${now}, and ${flag} at the next start`;
}

/** A size as --max-memory takes it, rounded up: "512mb". */
export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / (1024 * 1024))}mb`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

/** "3 connections", "1 connection". */
export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
