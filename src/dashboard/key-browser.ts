// The view of keys: the search on the left, the open key on the right. Pressing / leads to the
// search.

import { el, isTyping } from "./dom.ts";
import { KeyDetail } from "./key-detail.ts";
import { KeySearch } from "./key-search.ts";
import { NewKey } from "./new-key.ts";
import type { NodeApi } from "./node-api.ts";
import { StoredValue } from "./stored-value.ts";

export class KeyBrowser {
  readonly root = el("div", { class: "view keys" });
  private readonly api: NodeApi;
  private readonly search: KeySearch;
  private readonly place = el("div", { class: "key-place" });
  private hasSearched = false;

  constructor(api: NodeApi) {
    this.api = api;
    this.search = new KeySearch(
      api,
      (key) => void this.open(key, this.search.database),
      () => this.create(),
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
    this.place.replaceChildren(detail.root);
    await detail.open();
  }

  private create(): void {
    const { database } = this.search;
    const form = new NewKey(this.api, database, (key) => {
      this.search.remember(key);
      void this.open(key, database);
    });
    this.place.replaceChildren(form.root);
    form.focus();
  }

  private pressed(event: KeyboardEvent): void {
    if (this.root.hidden || !this.root.isConnected || isTyping(event.target)) return;
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.search.focus();
  }
}
