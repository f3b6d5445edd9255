// `--against REF`: compares this tree with a git ref of it. The ref is checked out as a worktree in
// a temporary folder, with the packages of its own lockfile, and is one more server of the run.
// Both run at the same time and take turns within each case, so the measurements of a round are
// seconds apart.
// Invariant: the worktree is always removed at the end; the working tree is never changed.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cell, fixed, median, type Table } from "./suite.ts";

const root = join(import.meta.dir, "../..");
/** The ratio above which a load is called dearer: the noise of a quiet machine. */
const toleratedRatio = 1.03;
/** The share of rounds that must agree with the median. */
const agreeingShare = 0.7;

export interface Worktree extends AsyncDisposable {
  readonly path: string;
  /** The short hash of the commit, which is the server's name in the tables. */
  readonly name: string;
}

export async function checkOut(ref: string): Promise<Worktree> {
  const name = run(["git", "rev-parse", "--short", "--verify", `${ref}^{commit}`], root);
  const folder = mkdtempSync(join(tmpdir(), "mscache-against-"));
  const path = join(folder, name);
  const dispose = async () => {
    Bun.spawnSync(["git", "worktree", "remove", "--force", path], { cwd: root });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    run(["git", "worktree", "add", "--quiet", "--detach", path, name], root);
    run([process.execPath, "install", "--frozen-lockfile"], path);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { path, name, [Symbol.asyncDispose]: dispose };
}

/** Runs a program to its end and returns its output. */
function run(command: string[], cwd: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd });
  if (exitCode === 0) return stdout.toString().trim();
  throw new Error(`${command.slice(0, 3).join(" ")}: ${stderr.toString().trim()}`);
}

/** The cost of one load in each round, for both trees. */
export interface Comparison {
  readonly load: string;
  readonly here: readonly number[];
  readonly there: readonly number[];
}

/** Medians, the ratio within the same round, every value, and a verdict over all loads. */
export function againstTable(name: string, comparisons: readonly Comparison[]): Table {
  const dearer = comparisons.filter((one) => isDearer(ratiosOf(one)));
  const rows = comparisons.map((one): Cell[] => {
    const { load, here, there } = one;
    const ratios = ratiosOf(one);
    return [
      ...[load, fixed(median(here), 2), fixed(median(there), 2), fixed(median(ratios), 3)],
      ...[isDearer(ratios) ? "dearer" : isDearer(ratios.map((it) => 1 / it)) ? "cheaper" : "same"],
    ];
  });
  return {
    title: `server CPU per operation, microseconds: this tree against ${name}`,
    columns: ["load", "here", name, "ratio", "verdict"],
    rows,
    notes: [
      ...comparisons.map(({ load, here, there }) => {
        return `${load}: here ${listed(here)}; ${name} ${listed(there)}`;
      }),
      `verdict: ${verdictOf(dearer, comparisons.length, name)}`,
    ],
    raw: comparisons,
  };
}

/** Drops rounds shorter than a tick of the CPU time, which compare nothing. */
function ratiosOf({ here, there }: Comparison): number[] {
  return here.flatMap((micros, round) => {
    const other = there[round] ?? 0;
    return micros > 0 && other > 0 ? [micros / other] : [];
  });
}

function isDearer(ratios: readonly number[]): boolean {
  const agreeing = ratios.filter((ratio) => ratio > 1).length;
  return median(ratios) > toleratedRatio && agreeing >= agreeingShare * ratios.length;
}

function listed(values: readonly number[]): string {
  return values.map((value) => fixed(value, 2)).join(" ");
}

function verdictOf(dearer: readonly Comparison[], count: number, name: string): string {
  if (dearer.length === 0) return `none of ${count} loads costs more than at ${name}`;
  return `${dearer.length} of ${count} loads cost more: ${dearer.map(({ load }) => load).join("; ")}`;
}
