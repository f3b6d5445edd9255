// The prompt of `mscache cli`: reads a line, runs it, shows what comes back, until Ctrl-D or QUIT.
// It outlives the server: a lost connection is said in the prompt, and the next command connects
// again, with the same login and database.

import { wallClockMs } from "../../base/clock.ts";
import { untilAborted, untilInterrupted } from "../terminal.ts";
import type { CommandDocs } from "./command-docs.ts";
import { LineEditor } from "./line-editor.ts";
import { docsOf, runLine } from "./local-commands.ts";
import { PromptHistory } from "./prompt-history.ts";
import type { PromptSession } from "./prompt-session.ts";
import { bytesOf, bytesText, splitLine } from "./redis-line.ts";
import { TreeFormatError } from "./reply-tree.ts";
import { WireError } from "./reply-wire.ts";
import { completionsOf, hintOf } from "./syntax-hints.ts";

/** A command that took longer is told its time, as redis-cli does. */
const slowMs = 500;

export class TerminalPrompt {
  private readonly session: PromptSession;
  private readonly history = new PromptHistory();
  private readonly editor: LineEditor;
  private docs: CommandDocs = new Map();
  private showsHints = true;
  /** Ends the command that runs. */
  private running: AbortController | null = null;

  constructor(session: PromptSession) {
    this.session = session;
    this.editor = new LineEditor({
      write: (text) => void session.options.write(bytesText(text)),
      prompt: () => session.prompt,
      history: this.history,
      completions: (line) => completionsOf(line, this.docs),
      hint: (line) => (this.showsHints ? hintOf(line, this.docs) : ""),
      onInterrupt: () => this.running?.abort(),
    });
    session.onNews = () => this.showNews();
  }

  async run(): Promise<void> {
    this.editor.open();
    try {
      await untilInterrupted(async (end) => {
        end.addEventListener("abort", () => this.running?.abort());
        await this.guard(() => this.session.connect());
        await Promise.race([this.readLines(), untilAborted(end)]);
      });
    } finally {
      this.editor.close();
    }
  }

  private async readLines(): Promise<void> {
    for (;;) {
      if (this.docs.size === 0) await this.guard(() => this.loadDocs());
      const entry = await this.editor.read();
      if (entry.kind === "end") return;
      if (entry.kind === "interrupt") continue;
      if (!(await this.runText(entry.text))) return;
    }
  }

  /** False: the line was QUIT. */
  private async runText(text: string): Promise<boolean> {
    this.history.add(text);
    const words = splitLine(bytesText(text));
    if (words === null) {
      await this.session.options.write("Invalid argument(s)\n");
      return true;
    }
    if (words.length === 0) return true;
    if (words[0]?.toLowerCase() === ":set") return this.set(words[1] ?? "");
    return (await this.guard((signal) => this.timed(words, signal))) ?? true;
  }

  private async timed(words: readonly string[], signal: AbortSignal): Promise<boolean> {
    const startedMs = wallClockMs();
    const { format, write } = this.session.options;
    const goesOn = await runLine(this.session, words, signal);
    const tookMs = wallClockMs() - startedMs;
    if (tookMs >= slowMs && format === "standard")
      await write(`(${(tookMs / 1000).toFixed(2)}s)\n`);
    return goesOn;
  }

  /** Does it until Ctrl-C; a server that is lost is told. */
  private async guard<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    this.running = new AbortController();
    const { signal } = this.running;
    try {
      return await work(signal);
    } catch (error) {
      if (!(error instanceof WireError || error instanceof TreeFormatError)) throw error;
      this.session.disconnect();
      await this.session.options.write(signal.aborted ? "^C\n" : bytesText(`${error.message}\n`));
      // What was given up was waiting, so the server is there: the prompt need not say otherwise.
      if (signal.aborted) await this.session.connect().catch(() => {});
      return undefined;
    } finally {
      this.running = null;
    }
  }

  private async loadDocs(): Promise<void> {
    this.docs = await docsOf(this.session);
  }

  private async set(name: string): Promise<boolean> {
    if (name === "hints" || name === "nohints") this.showsHints = name === "hints";
    else await this.session.options.write("The prompt has :set hints and :set nohints.\n");
    return true;
  }

  /** Pushes, and that the connection is lost, are shown while a line is being edited. */
  private showNews(): void {
    if (this.running !== null) return;
    const text = this.session.newsText();
    this.editor.refresh(Buffer.from(bytesOf(text)).toString("utf8"));
  }
}
