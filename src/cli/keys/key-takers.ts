// What becomes of the keys that a walk meets: a line each, or a place among the biggest and the
// hottest. A key is escaped for a terminal and as it is for a pipe; in JSON it is text or, if it is
// no UTF-8, `{ "base64": "..." }`. Asks the node nothing.

import { textOf } from "../../node/admin/reply-json.ts";
import { shownBytes, shownJson } from "../shown-text.ts";
import { Output } from "../terminal.ts";
import { endless } from "./key-questions.ts";
import { type Ranked, Ranking } from "./ranking.ts";

/** The answers about one key, by the name of the question. */
export type Facts = Readonly<Record<string, number | null>>;

export interface Taker {
  /** Nobody wants more. */
  readonly isDone: boolean;
  take(database: number, keys: readonly Uint8Array[], facts: readonly Facts[]): Promise<void>;
  end(): Promise<void>;
}

export interface TakerOptions {
  readonly json: boolean;
  /** Whether to name the database of each key. */
  readonly all: boolean;
  /** The lengths of the lists; 0: no such list. */
  readonly biggest: number;
  readonly hottest: number;
}

/** Writes each key as it comes. */
export class ListTaker implements Taker {
  private readonly output = new Output();
  private readonly options: TakerOptions;

  constructor(options: TakerOptions) {
    this.options = options;
  }

  get isDone(): boolean {
    return this.output.closed.aborted;
  }

  async take(database: number, keys: readonly Uint8Array[], facts: readonly Facts[]) {
    const isTerminal = process.stdout.isTTY === true;
    const lines = keys.map((key, i) => {
      const own = facts[i] ?? {};
      if (this.options.json) return keyJson(key, { db: database, ...jsonFacts(own) });
      const columns = [...(this.options.all ? [`${database}`] : []), ...textFacts(own)];
      return keyLine(key, columns, isTerminal);
    });
    if (lines.length > 0) await this.output.write(Buffer.concat(lines));
  }

  async end(): Promise<void> {}
}

/** Keeps the biggest and the hottest, and writes them at the end. */
export class RankingTaker implements Taker {
  readonly isDone = false;
  private readonly options: TakerOptions;
  private readonly biggest: Ranking;
  private readonly hottest: Ranking;
  private looked = 0;

  constructor(options: TakerOptions) {
    this.options = options;
    this.biggest = new Ranking(options.biggest);
    this.hottest = new Ranking(options.hottest);
  }

  async take(database: number, keys: readonly Uint8Array[], facts: readonly Facts[]) {
    this.looked += keys.length;
    for (const [i, key] of keys.entries()) {
      const { bytes, uses, ...others } = facts[i] ?? {};
      if (typeof bytes === "number") this.biggest.offer({ database, key, value: bytes, others });
      if (typeof uses === "number") this.hottest.offer({ database, key, value: uses, others });
    }
  }

  async end(): Promise<void> {
    const output = new Output();
    if (this.options.json) {
      await output.write(
        `${shownJson({
          looked: this.looked,
          ...(this.options.biggest > 0 && { biggest: this.biggest.list.map(rankedJson("bytes")) }),
          ...(this.options.hottest > 0 && { hottest: this.hottest.list.map(rankedJson("uses")) }),
        })}\n`,
      );
      return;
    }
    const texts = [
      ...(this.options.biggest > 0 ? [this.table("biggest, bytes", this.biggest)] : []),
      ...(this.options.hottest > 0 ? [this.table("hottest, uses", this.hottest)] : []),
    ];
    await output.write(Buffer.from(texts.join("\n")));
  }

  private table(title: string, { list }: Ranking): string {
    const width = Math.max(0, ...list.map(({ value }) => `${value}`.length));
    const rows = list.map(({ database, key, value, others }) => {
      const before = [...(this.options.all ? [`${database}`] : []), ...textFacts(others)];
      const columns = [`${value}`.padStart(width), ...before, shownBytes(key)];
      return `${columns.join("  ")}\n`;
    });
    return `# the ${title}, of ${this.looked} keys\n${rows.join("")}`;
  }
}

// --- internal ---

const newline = Buffer.from("\n");

function keyLine(key: Uint8Array, columns: readonly string[], isTerminal: boolean): Uint8Array {
  const before = columns.map((column) => `${column}\t`).join("");
  if (isTerminal) return Buffer.from(`${before}${shownBytes(key)}\n`);
  return Buffer.concat([Buffer.from(before), key, newline]);
}

function keyJson(key: Uint8Array, columns: Readonly<Record<string, unknown>>): Uint8Array {
  return Buffer.from(`${shownJson({ key: textOf(key), ...columns })}\n`);
}

function rankedJson(name: string): (one: Ranked) => unknown {
  return ({ database, key, value, others }) => ({
    key: textOf(key),
    db: database,
    [name]: value,
    ...jsonFacts(others),
  });
}

/** Seconds with three digits, "none" without a TTL, "gone" for a key that no longer exists. */
function textFacts({ ttl }: Facts): string[] {
  if (ttl === undefined) return [];
  if (ttl === null) return ["gone"];
  return [ttl === endless ? "none" : (ttl / 1_000).toFixed(3)];
}

/** The same for programs: null without a TTL, 0 for a key that no longer exists. */
function jsonFacts({ ttl }: Facts): Readonly<Record<string, number | null>> {
  if (ttl === undefined) return {};
  if (ttl === null) return { ttl: 0 };
  return { ttl: ttl === endless ? null : ttl / 1_000 };
}
