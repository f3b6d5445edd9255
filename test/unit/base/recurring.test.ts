// Recurring trouble: which occurrences become warnings, and with what count. The test sets the
// clock; nothing waits.

import { describe, expect, test } from "bun:test";
import { RecurringTrouble } from "../../../src/base/recurring.ts";

class Scene {
  now = 1_000_000;
  readonly lines: string[] = [];
  readonly trouble = new RecurringTrouble(
    {
      info: (text) => this.lines.push(`info ${text}`),
      warn: (text) => this.lines.push(`warn ${text}`),
      error: (text) => this.lines.push(`error ${text}`),
    },
    () => this.now,
  );

  /** Once a second, for so many seconds. */
  happens(kind: string, seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      this.trouble.happened(kind, kind);
      this.now += 1_000;
    }
  }

  get warnings(): string[] {
    return this.lines.filter((line) => line.startsWith("warn "));
  }
}

describe("recurring trouble", () => {
  test("is reported at once, then with a count at intervals that double up to an hour", () => {
    const scene = new Scene();
    scene.happens("x", 4 * 3_600);
    expect(scene.warnings.slice(0, 4)).toEqual([
      "warn x",
      "warn x (60 times in 60 s)",
      "warn x (120 times in 120 s)",
      "warn x (240 times in 240 s)",
    ]);
    expect(scene.warnings.at(-1)).toBe("warn x (3600 times in 3600 s)");
    expect(scene.warnings.length).toBeLessThan(12);
  });

  test("is logged once per occurrence, whatever the level", () => {
    const scene = new Scene();
    scene.happens("x", 200);
    expect(scene.lines).toHaveLength(200);
  });

  test("of another kind is reported at once and has its own count", () => {
    const scene = new Scene();
    for (let i = 0; i < 31; i++) {
      scene.happens("x", 1);
      scene.happens("y", 1);
    }
    expect(scene.warnings).toEqual([
      "warn x",
      "warn y",
      "warn x (30 times in 60 s)",
      "warn y (30 times in 60 s)",
    ]);
  });

  test("reports its end with the total, and is reported at once if it recurs", () => {
    const scene = new Scene();
    scene.happens("x", 3);
    scene.trouble.ended("in sync again");
    scene.trouble.ended("in sync again");
    scene.happens("x", 1);
    expect(scene.warnings).toEqual([
      "warn x",
      "warn in sync again, after trouble (3 times in 3 s)",
      "warn x",
    ]);
  });

  test("that never happened reports no end", () => {
    const scene = new Scene();
    scene.trouble.ended("fine");
    expect(scene.lines).toEqual([]);
  });

  test("of a thousand kinds is not remembered forever", () => {
    const scene = new Scene();
    for (let i = 0; i < 1_000; i++) scene.trouble.happened(`kind ${i}`, "x");
    scene.trouble.happened("kind 0", "again");
    expect(scene.warnings.at(-1)).toBe("warn again");
  });
});
