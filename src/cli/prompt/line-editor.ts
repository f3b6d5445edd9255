// Reads lines from a terminal with what people expect of a prompt: editing, history with search,
// completion by Tab, and a hint behind the cursor. It keeps the terminal in raw mode from open() to
// close(), so that Ctrl-C is a key, and keys that are typed while a command runs wait for the next
// line. Its owner knows what a line means.

import { paletteOf } from "../colors.ts";
import { terminalSize } from "../terminal.ts";
import { EditLine } from "./edit-line.ts";
import { HistoryWalk } from "./history-walk.ts";
import { type Key, KeyDecoder, type KeyName } from "./key-decoder.ts";
import { drawLine } from "./screen-line.ts";

export interface EditorOptions {
  readonly write: (text: string) => void;
  readonly prompt: () => string;
  readonly history: { readonly lines: readonly string[] };
  /** The lines that Tab offers in turn. */
  readonly completions: (line: string) => string[];
  readonly hint: (line: string) => string;
  /** Ctrl-C while no line is read. */
  readonly onInterrupt: () => void;
}

/** What the user did: a line, Ctrl-C, or Ctrl-D on an empty line. */
export type Entry =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "interrupt" }
  | { readonly kind: "end" };

/** Keys that are typed or pasted ahead, beyond which the terminal keeps more. */
const waitingKeysMax = 4096;

interface Completion {
  readonly lines: readonly string[];
  readonly after: string;
  index: number;
}

export class LineEditor {
  private readonly options: EditorOptions;
  private readonly decoder = new KeyDecoder();
  private readonly line = new EditLine();
  private readonly dim = paletteOf(process.stdout).dim;
  private walk: HistoryWalk;
  private completion: Completion | null = null;
  private waiting: Key[] = [];
  private reading: ((entry: Entry) => void) | null = null;
  /** The row of the cursor in what is drawn. */
  private row = 0;
  private readonly onData = (chunk: Uint8Array) => this.receive(chunk);
  private readonly onEnd = () => this.finish({ kind: "end" });
  private readonly onResize = () => this.draw();

  constructor(options: EditorOptions) {
    this.options = options;
    this.walk = new HistoryWalk(options.history.lines);
  }

  open(): void {
    process.stdin.setRawMode(true);
    process.stdin.on("data", this.onData);
    process.stdin.on("end", this.onEnd);
    process.stdout.on("resize", this.onResize);
  }

  close(): void {
    process.stdout.off("resize", this.onResize);
    process.stdin.off("end", this.onEnd);
    process.stdin.off("data", this.onData);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }

  read(): Promise<Entry> {
    this.line.set("");
    this.walk = new HistoryWalk(this.options.history.lines);
    this.completion = null;
    this.row = 0;
    return new Promise((resolve) => {
      this.reading = resolve;
      this.draw();
      this.take();
    });
  }

  /** Draws the line again, below `text` if there is any: the prompt has changed. */
  refresh(text = ""): void {
    if (this.reading === null) return this.options.write(text);
    if (text !== "") {
      this.erase();
      this.options.write(text);
    }
    this.draw();
  }

  // ---- keys ------------------------------------------------------------------------------------

  private receive(chunk: Uint8Array): void {
    for (const key of this.decoder.keysOf(chunk)) {
      if (this.reading === null && key.name === "interrupt") {
        this.waiting = [];
        this.options.onInterrupt();
      } else this.waiting.push(key);
    }
    this.take();
    if (this.waiting.length >= waitingKeysMax) process.stdin.pause();
  }

  private take(): void {
    let isChanged = false;
    while (this.reading !== null && this.waiting.length > 0) {
      const key = this.waiting.shift();
      if (key !== undefined) this.press(key);
      isChanged = true;
    }
    if (this.waiting.length === 0 && process.stdin.isPaused()) process.stdin.resume();
    if (isChanged) this.draw();
  }

  private press(key: Key): void {
    if (this.walk.isSearching && this.searched(key)) return;
    if (key.name !== "complete" && key.name !== "complete-back") this.completion = null;
    if (key.name === "text") this.line.insert(key.text);
    else this.actions[key.name]?.();
  }

  private readonly actions: Readonly<Partial<Record<KeyName, () => void>>> = {
    enter: () => this.finish({ kind: "line", text: this.line.text }),
    interrupt: () => this.finish({ kind: "interrupt" }),
    "end-of-input": () => {
      if (this.line.text === "") this.finish({ kind: "end" });
      else this.line.delete();
    },
    left: () => this.line.left(),
    right: () => this.line.right(),
    home: () => this.line.home(),
    end: () => this.line.end(),
    "word-left": () => this.line.wordLeft(),
    "word-right": () => this.line.wordRight(),
    backspace: () => this.line.backspace(),
    delete: () => this.line.delete(),
    "kill-end": () => this.line.killEnd(),
    "kill-start": () => this.line.killStart(),
    "kill-word": () => this.line.killWord(),
    "kill-word-right": () => this.line.killWordRight(),
    transpose: () => this.line.transpose(),
    up: () => this.show(this.walk.older(this.line.text)),
    down: () => this.show(this.walk.newer()),
    search: () => this.walk.beginSearch(this.line.text),
    complete: () => this.complete(1),
    "complete-back": () => this.complete(-1),
    suspend: () => this.suspend(),
    "clear-screen": () => {
      this.options.write("\x1b[H\x1b[2J");
      this.row = 0;
    },
  };

  /** The shell gets its terminal, and this process goes on when it is called back. */
  private suspend(): void {
    if (process.platform === "win32") return;
    this.options.write("\r\n");
    process.stdin.setRawMode(false);
    process.once("SIGCONT", () => {
      process.stdin.setRawMode(true);
      this.row = 0;
      this.draw();
    });
    process.kill(process.pid, "SIGTSTP");
  }

  private show(line: string | null): void {
    if (line !== null) this.line.set(line);
  }

  /** Whether the key belongs to the search; any other ends it and does what it always does. */
  private searched(key: Key): boolean {
    if (key.name === "text") this.walk.searchFor(this.walk.query + key.text);
    else if (key.name === "backspace") this.walk.searchFor(this.walk.query.slice(0, -1));
    else if (key.name === "search") this.walk.searchOlder();
    else {
      const isGivenUp = key.name === "cancel" || key.name === "interrupt";
      this.line.set(this.walk.endSearch(!isGivenUp));
      return isGivenUp;
    }
    return true;
  }

  private complete(step: number): void {
    const { line } = this;
    this.completion ??= {
      lines: [...this.options.completions(line.before), line.before],
      after: line.after,
      index: -1,
    };
    const { lines, after } = this.completion;
    if (lines.length === 1) return this.options.write("\x07");
    const next = this.completion.index + step;
    this.completion.index = (Math.max(next, -1) + lines.length) % lines.length;
    const isOnly = lines.length === 2 && after === "";
    line.set(`${lines[this.completion.index]}${isOnly ? " " : ""}`, after);
    if (isOnly) this.completion = null;
  }

  private finish(entry: Entry): void {
    const resolve = this.reading;
    if (resolve === null) return;
    this.line.end();
    this.draw(false);
    this.reading = null;
    this.options.write(entry.kind === "interrupt" ? "^C\r\n" : "\r\n");
    resolve(entry);
  }

  // ---- the screen ------------------------------------------------------------------------------

  private draw(showsHint = true): void {
    if (this.reading === null) return;
    const { line, walk } = this;
    const found = walk.found;
    const shown = walk.isSearching
      ? { prompt: `(reverse-i-search)\`${walk.query}': `, before: found, after: "", hint: "" }
      : { prompt: this.options.prompt(), before: line.before, after: line.after, hint: "" };
    const wantsHint = showsHint && !walk.isSearching && line.after === "";
    // Without a way to tell it from what was typed, there is no hint.
    const hint = wantsHint && this.dim("x") !== "x" ? this.options.hint(line.text) : "";
    const { output, row } = drawLine({ ...shown, hint }, terminalSize(), this.row, this.dim);
    this.row = row;
    this.options.write(output);
  }

  private erase(): void {
    this.options.write(`${this.row > 0 ? `\x1b[${this.row}A` : ""}\r\x1b[J`);
    this.row = 0;
  }
}
