// The console: a line for a command, its reply below, and what the node says of the command while
// it is typed. Up and down walk the history. A command that removes everything has to be sent
// twice.
// Invariant: at most `entriesMax` replies are kept, each of at most `replyLettersMax` letters.

import { CommandHints } from "./command-hints.ts";
import { commandWords } from "./command-words.ts";
import { el } from "./dom.ts";
import { argumentOf } from "./key-bytes.ts";
import { type NodeApi, sentenceOf } from "./node-api.ts";
import { replyText } from "./reply-text.ts";

const entriesMax = 200;
const replyLettersMax = 100_000;
const dangerous = /^\s*(flushall|flushdb|shutdown|debug|replicaof|slaveof|failover)\b/i;

export class CommandConsole {
  readonly root: HTMLElement;
  private readonly api: NodeApi;
  private readonly hints: CommandHints;
  private readonly line = el("input", {
    type: "text",
    "aria-label": "Command",
    placeholder: "SET greeting hello EX 60",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    class: "code",
  });
  private readonly output = el("div", {
    class: "replies",
    role: "log",
    "aria-label": "Replies",
    tabindex: 0,
  });
  private readonly history: string[] = [];
  private place = 0;
  private armed = "";

  constructor(api: NodeApi) {
    this.api = api;
    this.hints = new CommandHints(api);
    const submit = (event: Event) => {
      event.preventDefault();
      void this.run(this.line.value);
    };
    this.line.addEventListener("input", () => this.hints.show(this.line.value));
    this.line.addEventListener("keydown", (event) => this.pressed(event));
    this.root = el(
      "section",
      { class: "view panel console", "data-panel": "console", "aria-label": "Console" },
      this.output,
      el(
        "form",
        { class: "row", on: { submit } },
        el("span", { class: "prompt code", "aria-hidden": "true" }, "›"),
        this.line,
        el("button", { type: "submit", class: "main" }, "Run"),
      ),
      this.hints.root,
    );
    this.say(
      el(
        "p",
        { class: "sentence" },
        "Type a command: INFO memory, say. Up and down walk the history.",
      ),
    );
  }

  refresh(): void {
    this.line.focus();
    void this.hints.load();
  }

  private async run(line: string): Promise<void> {
    if (line.trim() === "") return;
    const words = commandWords(line);
    if (words === null) return this.tell(line, "A quote is not closed.", true);
    if (dangerous.test(line) && this.armed !== line) {
      this.armed = line;
      return this.tell(line, "This can lose data or the node. Press Enter again to run it.", true);
    }
    this.armed = "";
    this.remember(line);
    this.line.value = "";
    this.hints.show("");
    try {
      const reply = await this.api.command(words.map(argumentOf));
      this.tell(line, cut(replyText(reply)), false);
    } catch (error) {
      this.tell(line, `(error) ${sentenceOf(error)}`, true);
    }
  }

  private remember(line: string): void {
    if (this.history.at(-1) !== line) this.history.push(line);
    if (this.history.length > entriesMax) this.history.shift();
    this.place = this.history.length;
  }

  private tell(line: string, text: string, isTrouble: boolean): void {
    this.say(
      el(
        "div",
        { class: "reply" },
        el("p", { class: "asked code" }, line),
        el("pre", { class: isTrouble ? "trouble" : "" }, text),
      ),
    );
  }

  private say(entry: HTMLElement): void {
    this.output.append(entry);
    while (this.output.childElementCount > entriesMax) this.output.firstElementChild?.remove();
    this.output.scrollTop = this.output.scrollHeight;
  }

  private pressed(event: KeyboardEvent): void {
    const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    if (step !== 0) {
      event.preventDefault();
      this.place = Math.max(0, Math.min(this.history.length, this.place + step));
      this.line.value = this.history[this.place] ?? "";
      this.hints.show(this.line.value);
    }
    // Tab goes on to the next element, unless there is one way to complete the name.
    if (event.key !== "Tab" || event.shiftKey) return;
    const completed = this.hints.completed(this.line.value);
    if (completed === null) return;
    event.preventDefault();
    this.line.value = completed;
    this.hints.show(completed);
  }
}

function cut(text: string): string {
  if (text.length <= replyLettersMax) return text;
  return `${text.slice(0, replyLettersMax)}\n… and ${text.length - replyLettersMax} letters more`;
}
