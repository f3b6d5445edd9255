// One key: its facts, its value, and what can be done with it: edit, expire, delete. A long value
// is fetched whole only on request, and a change that somebody else made meanwhile is never
// overwritten unasked: the user decides.

import { monotonicMs } from "../base/clock.ts";
import { askDialog } from "./ask-dialog.ts";
import { el, isTyping, setText } from "./dom.ts";
import { durationMs } from "./durations.ts";
import { bytes as bytesFigure, duration } from "./figures.ts";
import { lineOf } from "./key-bytes.ts";
import { sentenceOf } from "./node-api.ts";
import {
  ConflictError,
  type KeyFacts,
  type Seen,
  type StoredValue,
  shownBytesMax,
  unaskedBytesMax,
} from "./stored-value.ts";
import { ValuePane } from "./value-pane.ts";

const conflictText =
  "Somebody else has changed or removed this value since you opened it, so nothing was done. " +
  "Open it again to see what it is now.";

export class KeyDetail {
  readonly root: HTMLElement;
  private readonly stored: StoredValue;
  /** It was removed. */
  private readonly gone: (name: string) => void;
  private readonly name: string;
  private readonly facts = el("dl", { class: "facts" });
  private readonly ttl = el("dd");
  private readonly pane = new ValuePane();
  private readonly trouble = el("p", { class: "trouble", role: "alert" });
  private readonly said = el("p", { class: "footing", role: "status" });
  private readonly actions = el("div", { class: "row actions" });
  private readonly life = el("input", {
    type: "text",
    placeholder: "90 s, 5 min, 2 h",
    "aria-label": "Time to live",
    class: "short",
  });
  private readonly expiry: HTMLElement;
  private seen: Seen | null = null;
  private expiresAtMs: number | null = null;

  constructor(stored: StoredValue, gone: (name: string) => void) {
    this.stored = stored;
    this.gone = gone;
    this.name = lineOf(stored.key);
    this.expiry = this.expiryForm();
    const heading = el("h2", { class: "key-name code", tabindex: -1 }, this.name);
    this.root = el(
      "section",
      { class: "panel", "data-panel": "key", "aria-label": "Key" },
      heading,
      this.facts,
      this.trouble,
      this.said,
      this.pane.root,
      this.actions,
      this.expiry,
    );
    const timer = setInterval(() => {
      if (this.root.isConnected) this.tellTtl();
      else clearInterval(timer);
    }, 1000);
  }

  /** What was typed, as a question calls it. */
  get unsaved(): string | null {
    return this.pane.isChanged ? `What you typed for ${this.name}` : null;
  }

  async open(): Promise<void> {
    await this.attempt(async () => {
      const facts = await this.stored.facts();
      if (facts === null) return this.vanish("There is no such key any more.");
      this.tellFacts(facts);
      const isLong = facts.lengthBytes > unaskedBytesMax;
      const seen = isLong ? await this.stored.beginning() : await this.stored.whole();
      this.look(seen, facts.lengthBytes);
    });
    // Who types somewhere by now keeps the focus.
    if (!isTyping(document.activeElement)) this.root.querySelector("h2")?.focus();
  }

  private look(seen: Seen | null, lengthBytes: number): void {
    if (seen === null) return this.vanish("There is no such key any more.");
    this.seen = seen;
    this.expiry.hidden = false;
    const isWhole = seen.tag !== null;
    this.pane.show(seen.bytes, isWhole);
    this.actions.replaceChildren(
      ...(isWhole ? [button("Edit", () => this.edit())] : this.longActions(lengthBytes)),
      ...this.download(),
      button("Delete", () => void this.remove(), "danger"),
    );
    if (isWhole) return;
    const shown = bytesFigure(seen.bytes.length);
    setText(this.said, `These are the first ${shown} of ${bytesFigure(lengthBytes)}.`);
  }

  private longActions(lengthBytes: number): HTMLElement[] {
    if (lengthBytes > shownBytesMax) return [];
    const fetchAll = () =>
      this.attempt(async () => this.look(await this.stored.whole(), lengthBytes));
    return [button(`Show all ${bytesFigure(lengthBytes)}`, () => void fetchAll())];
  }

  private download(): HTMLElement[] {
    const { path } = this.stored;
    if (path === null) return [];
    return [el("a", { class: "button", href: path, download: "value" }, "Download")];
  }

  // ---- changes ----------------------------------------------------------------------------------

  private edit(): void {
    const typed = this.pane.edit();
    this.expiry.hidden = true; // it would read the key again, and what is typed would be lost
    const save = async () => {
      const bytes = typed();
      const tag = this.seen?.tag;
      if (bytes === null) setText(this.trouble, "This is no hex: pairs of 0-9 and a-f are.");
      if (bytes === null || !tag) return;
      await this.change(() => this.stored.replace(bytes, tag), "Saved.");
    };
    this.actions.replaceChildren(
      button("Save", () => void save(), "main"),
      button("Cancel", () => void this.open()),
    );
  }

  private async remove(): Promise<void> {
    if (!(await askDialog(`Delete ${this.name}?`, "Delete"))) return;
    await this.attempt(async () => {
      await this.stored.remove(this.seen?.tag ?? null);
      this.vanish("Deleted.");
      this.gone(this.name);
    });
  }

  private expiryForm(): HTMLElement {
    const submit = (event: Event) => {
      event.preventDefault();
      const ms = durationMs(this.life.value);
      if (ms === null)
        return setText(this.trouble, "A time to live is a number with s, min, h or d.");
      void this.change(() => this.stored.expire(ms), "The time to live is set.");
    };
    const persist = () => void this.change(() => this.stored.expire(null), "It stays.");
    return el(
      "form",
      { class: "row expiry", on: { submit } },
      this.life,
      el("button", { type: "submit" }, "Expire after"),
      button("Never expire", persist),
    );
  }

  private async change(make: () => Promise<void>, said: string): Promise<void> {
    const isDone = await this.attempt(make);
    if (!isDone) return;
    await this.open();
    setText(this.said, said);
  }

  /** Whether it worked; if not, it is said. */
  private async attempt(make: () => Promise<void>): Promise<boolean> {
    setText(this.trouble, "");
    setText(this.said, "");
    try {
      await make();
      return true;
    } catch (error) {
      setText(this.trouble, error instanceof ConflictError ? conflictText : sentenceOf(error));
      return false;
    }
  }

  private vanish(said: string): void {
    this.root.replaceChildren(
      el("h2", { class: "key-name code" }, this.name),
      el("p", { class: "sentence", role: "status" }, said),
    );
  }

  // ---- facts ------------------------------------------------------------------------------------

  private tellFacts({ lengthBytes, ttlMs, memoryBytes }: KeyFacts): void {
    this.expiresAtMs = ttlMs === null ? null : monotonicMs() + ttlMs;
    const rows = [
      ["Length", el("dd", {}, bytesFigure(lengthBytes))],
      ["Memory", el("dd", {}, memoryBytes === null ? "–" : bytesFigure(memoryBytes))],
      ["Expires", this.ttl],
    ] as const;
    this.facts.replaceChildren(
      ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), value)),
    );
    this.tellTtl();
  }

  private tellTtl(): void {
    const { expiresAtMs } = this;
    const left = expiresAtMs === null ? null : (expiresAtMs - monotonicMs()) / 1000;
    const text =
      left === null ? "never" : left > 0 ? `in ${duration(Math.ceil(left))}` : "just now";
    setText(this.ttl, text);
  }
}

function button(text: string, click: () => void, kind = ""): HTMLButtonElement {
  return el("button", { type: "button", class: kind, on: { click } }, text);
}
