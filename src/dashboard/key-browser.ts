// The view of keys: the search on the left, the open key on the right. Pressing / leads to the
// search. What was typed and not saved makes way only after a question.

import { askDialog } from "./ask-dialog.ts";
import { el, isTyping } from "./dom.ts";
import { lineOf } from "./key-bytes.ts";
import { KeyDetail } from "./key-detail.ts";
import { KeySearch } from "./key-search.ts";
import { NewKey } from "./new-key.ts";
import type { NodeApi } from "./node-api.ts";
import { StoredValue } from "./stored-value.ts";

/** What stands at the right. */
interface Shown {
  readonly root: HTMLElement;
  /** What would be lost, as a question calls it; null: nothing. */
  readonly unsaved: string | null;
}

export class KeyBrowser {
  readonly root = el("div", { class: "view keys" });
  private readonly api: NodeApi;
  private readonly search: KeySearch;
  private readonly place = el("div", { class: "key-place" });
  private hasSearched = false;
  private shown: Shown | null = null;

  constructor(api: NodeApi) {
    this.api = api;
    this.search = new KeySearch(
      api,
      (key) => void this.open(key, this.search.database),
      () => void this.create(),
    );
    this.root.append(this.search.root, this.place);
    this.place.append(
      el(
        "section",
        { class: "panel", "aria-label": "Key" },
        el("p", { class: "sentence" }, "Choose a key to see its value, or make a new one."),
      ),
    );
    addEventListener("keydown", (event) => this.pressed(event));
    addEventListener("beforeunload", (event) => {
      if (this.shown !== null && this.shown.unsaved !== null) event.preventDefault();
    });
  }

  refresh(): void {
    if (this.hasSearched) return;
    this.hasSearched = true;
    this.search.focus();
    void this.search.search();
  }

  async open(key: Uint8Array<ArrayBuffer>, database: number): Promise<void> {
    const stored = new StoredValue(this.api, key, database);
    const detail = new KeyDetail(stored, (name) => this.search.forget(name));
    if (!(await this.show(detail))) return;
    this.search.mark(lineOf(key));
    await detail.open();
  }

  private async create(): Promise<void> {
    const { database } = this.search;
    const form = new NewKey(this.api, database, (key) => {
      this.search.remember(key);
      void this.open(key, database);
    });
    if (!(await this.show(form))) return;
    this.search.mark(null);
    form.focus();
  }

  /** False: what was there stays, for it is not saved. */
  private async show(next: Shown): Promise<boolean> {
    const { shown } = this;
    if (shown !== null && shown.unsaved !== null) {
      const question = `${shown.unsaved} is not saved. Discard it?`;
      if (!(await askDialog(question, "Discard", "Keep editing"))) {
        shown.root.querySelector("textarea")?.focus();
        return false;
      }
    }
    this.shown = next;
    this.place.replaceChildren(next.root);
    return true;
  }

  private pressed(event: KeyboardEvent): void {
    if (this.root.hidden || !this.root.isConnected || isTyping(event.target)) return;
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.search.focus();
  }
}
