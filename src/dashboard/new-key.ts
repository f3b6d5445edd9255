// The form that makes a key: name, value, time to live. It never overwrites a key that is there,
// and it writes only text: other bytes are for the console.

import { el, setText } from "./dom.ts";
import { durationMs } from "./durations.ts";
import { type NodeApi, sentenceOf } from "./node-api.ts";
import { ConflictError, StoredValue } from "./stored-value.ts";

export class NewKey {
  readonly root: HTMLElement;
  private readonly api: NodeApi;
  private readonly database: number;
  private readonly made: (key: Uint8Array<ArrayBuffer>) => void;
  private readonly name = el("input", { type: "text", spellcheck: "false", autocomplete: "off" });
  private readonly life = el("input", { type: "text", placeholder: "never; or 90 s, 5 min, 2 h" });
  private readonly value = el("textarea", { rows: 8, spellcheck: "false" });
  private readonly trouble = el("p", { class: "trouble", role: "alert" });

  private isMade = false;

  constructor(api: NodeApi, database: number, made: (key: Uint8Array<ArrayBuffer>) => void) {
    this.api = api;
    this.database = database;
    this.made = made;
    const submit = (event: Event) => {
      event.preventDefault();
      void this.create();
    };
    this.root = el(
      "form",
      { class: "panel stack", "data-panel": "new-key", on: { submit } },
      el("h2", { class: "key-name" }, "New key"),
      el("label", {}, "Key", this.name),
      el("label", {}, "Expires after", this.life),
      el("label", {}, "Value", this.value),
      this.trouble,
      el("div", { class: "row" }, el("button", { type: "submit", class: "main" }, "Create")),
    );
  }

  focus(): void {
    this.name.focus();
  }

  get unsaved(): string | null {
    return this.isMade || (this.name.value === "" && this.value.value === "")
      ? null
      : "The new key";
  }

  private async create(): Promise<void> {
    const encoder = new TextEncoder();
    const key = encoder.encode(this.name.value);
    const ttlMs = this.life.value.trim() === "" ? null : durationMs(this.life.value);
    if (ttlMs === null && this.life.value.trim() !== "") {
      return setText(this.trouble, "A time to live is a number with s, min, h or d.");
    }
    try {
      const stored = new StoredValue(this.api, key, this.database);
      await stored.create(encoder.encode(this.value.value), ttlMs);
      this.isMade = true;
      this.made(key);
    } catch (error) {
      const isThere = error instanceof ConflictError;
      setText(this.trouble, isThere ? "There is a key of this name already." : sentenceOf(error));
    }
  }
}
