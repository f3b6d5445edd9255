// The lines of earlier prompts, in a file of the user's that nobody else can read. Lines with
// passwords are not kept. Several prompts may add to the file at the same time: each line is
// appended by one write, and a file that has grown is cut when a prompt begins.
// A file that cannot be read or written costs the history and nothing else.

import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { hasSecret } from "./command-kinds.ts";
import { splitLine } from "./redis-line.ts";

const linesMax = 1000;
/** A longer line is worth keeping in a file of its own. */
const lineCharactersMax = 4096;

export class PromptHistory {
  /** Oldest first. */
  readonly lines: string[];
  private readonly path: string | null;

  constructor(path: string | null = historyPath(process.env)) {
    this.path = path;
    this.lines = path === null ? [] : this.load(path);
  }

  /** Keeps the line for this prompt and the next ones. */
  add(line: string): void {
    if (line.trim() === "" || line.length > lineCharactersMax || line === this.lines.at(-1)) return;
    if (isSecretLine(line)) return;
    this.lines.push(line);
    if (this.lines.length > linesMax) this.lines.shift();
    if (this.path === null) return;
    try {
      appendFileSync(this.path, `${line}\n`, { mode: 0o600 });
    } catch {
      // The line is kept until this prompt ends.
    }
  }

  private load(path: string): string[] {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const lines = readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== "");
      chmodSync(path, 0o600);
      if (lines.length <= linesMax * 2) return lines.slice(-linesMax);
      const kept = lines.slice(-linesMax);
      const next = `${path}.${process.pid}`;
      writeFileSync(next, `${kept.join("\n")}\n`, { mode: 0o600 });
      renameSync(next, path);
      return kept;
    } catch {
      return []; // there is none yet, or it is not ours to read
    }
  }
}

/** Null: no history is kept. MSCACHE_CLI_HISTORY names another file; empty turns it off. */
export function historyPath(
  environment: Readonly<Record<string, string | undefined>>,
): string | null {
  const chosen = environment.MSCACHE_CLI_HISTORY;
  if (chosen !== undefined) return chosen === "" ? null : chosen;
  const state = environment.XDG_STATE_HOME || environment.LOCALAPPDATA;
  const home = state || join(homedir(), ".local", "state");
  return join(home, "mscache", "cli-history");
}

/** A line whose quotes do not fit is judged by the words that it seems to have. */
function isSecretLine(line: string): boolean {
  return hasSecret(splitLine(line) ?? line.split(/[\s"']+/).filter((word) => word !== ""));
}
