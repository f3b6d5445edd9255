// The list of keys that match a pattern, found by SCAN in steps: as many as fit a page, and more
// when somebody asks. A pattern without wildcards finds what contains it. Arrow keys walk the list.
// Invariant: one search at a time; the answer of an older one is dropped.

import type { Json } from "../node/admin/observations.ts";
import { el, setText } from "./dom.ts";
import { counted, whole } from "./figures.ts";
import { bytesOf, lineOf } from "./key-bytes.ts";
import type { KeyOpener } from "./key-link.ts";
import { type NodeApi, sentenceOf } from "./node-api.ts";

/** Keys that one search adds to the list. */
const pageKeys = 200;
/** Keys that one search looks at before it asks whether to go on, and in one step of SCAN. */
const searchMax = 100_000;
const stepMin = 200;
const stepMax = 2_000;

export class KeySearch {
  readonly root: HTMLElement;
  private readonly api: NodeApi;
  private readonly open: KeyOpener;
  private readonly pattern = el("input", {
    type: "search",
    placeholder: "Search: user:* or a part of the key",
    "aria-label": "Pattern",
    spellcheck: "false",
    autocomplete: "off",
  });
  private readonly databases = el("select", { "aria-label": "Database" });
  private readonly list = el("ul", { class: "key-list", "aria-label": "Keys" });
  private readonly state = el("p", { class: "footing", role: "status" });
  private readonly more: HTMLButtonElement;
  private cursor = "0";
  private looked = 0;
  private turn = 0;

  constructor(api: NodeApi, open: KeyOpener, create: () => void) {
    this.api = api;
    this.open = open;
    this.more = el(
      "button",
      { type: "button", hidden: true, on: { click: () => void this.goOn() } },
      "Search on",
    );
    const submit = (event: Event) => {
      event.preventDefault();
      void this.search();
    };
    this.databases.addEventListener("change", () => void this.search());
    this.list.addEventListener("keydown", (event) => this.walk(event));
    this.root = el(
      "section",
      { class: "panel", "data-panel": "key-search", "aria-label": "Search for keys" },
      el(
        "form",
        { class: "row", role: "search", on: { submit } },
        this.pattern,
        this.databases,
        el("button", { type: "submit", class: "main" }, "Search"),
      ),
      this.list,
      this.state,
      el(
        "div",
        { class: "row" },
        this.more,
        el("button", { type: "button", on: { click: create } }, "New key"),
      ),
    );
    this.fillDatabases(new Map([[0, 0]]));
  }

  get database(): number {
    return Number(this.databases.value);
  }

  focus(): void {
    this.pattern.focus();
    this.pattern.select();
  }

  async search(): Promise<void> {
    this.cursor = "0";
    this.looked = 0;
    this.list.replaceChildren();
    void this.learnDatabases();
    await this.goOn();
  }

  /** The key is gone or is another now. */
  forget(name: string): void {
    for (const item of [...this.list.children]) if (item.textContent === name) item.remove();
  }

  private async goOn(): Promise<void> {
    const turn = ++this.turn;
    const wanted = this.list.childElementCount + pageKeys;
    this.more.hidden = true;
    setText(this.state, "Searching …");
    try {
      // Steps grow where matches are rare, so that a large database needs few of them.
      let step = stepMin;
      const end = this.looked + searchMax;
      while (this.looked < end && this.list.childElementCount < wanted) {
        const query = new URLSearchParams({ cursor: this.cursor, count: String(step) });
        if (this.match !== "*") query.set("match", this.match);
        if (this.database !== 0) query.set("db", String(this.database));
        const found = await this.api.json(`/v1/keys?${query}`);
        if (turn !== this.turn) return;
        const { cursor, keys } = found as {
          readonly cursor: string;
          readonly keys: readonly Json[];
        };
        this.add(keys);
        this.cursor = cursor;
        this.looked += step;
        if (cursor === "0") break;
        step = Math.min(step * 2, stepMax);
      }
      this.tell();
    } catch (error) {
      if (turn === this.turn) setText(this.state, sentenceOf(error));
    }
  }

  private get match(): string {
    const text = this.pattern.value;
    if (text === "") return "*";
    return /[*?[\\]/.test(text) ? text : `*${text}*`;
  }

  /** A key that was just made. */
  remember(key: Uint8Array<ArrayBuffer>): void {
    this.forget(lineOf(key));
    this.list.prepend(this.item(key));
    setText(this.state, "");
  }

  private add(keys: readonly Json[]): void {
    // SCAN may tell a key twice, and one that was just made is there already.
    const known = new Set([...this.list.children].map(({ textContent }) => textContent));
    const fresh = keys.map(bytesOf).filter((key) => {
      const name = lineOf(key);
      return !known.has(name) && known.add(name);
    });
    this.list.append(...fresh.map((key) => this.item(key)));
  }

  private item(key: Uint8Array<ArrayBuffer>): HTMLElement {
    const name = lineOf(key);
    const click = () => this.open(key);
    const button = el("button", { type: "button", class: "key", title: name, on: { click } }, name);
    return el("li", {}, button);
  }

  /** The one that is open; null: none. */
  mark(name: string | null): void {
    for (const button of this.list.querySelectorAll("button")) {
      if (button.textContent === name) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  private tell(): void {
    const found = this.list.childElementCount;
    const isWhole = this.cursor === "0";
    this.more.hidden = isWhole;
    if (found > 0) {
      setText(
        this.state,
        `${counted(found, "key")}${isWhole ? "" : `, after looking at about ${whole(this.looked)}`}`,
      );
    } else if (this.match === "*" && isWhole) {
      setText(this.state, "This database is empty. New key makes the first one.");
    } else if (isWhole) setText(this.state, `No key matches ${this.match}.`);
    else
      setText(this.state, `None among about ${whole(this.looked)} keys. Search on, or narrow it.`);
  }

  private async learnDatabases(): Promise<void> {
    // A user who may not see INFO still has database 0.
    const info = await this.api.info("keyspace").catch(() => null);
    const found = Object.entries(info?.keyspace ?? {}).map(([name, told]) => {
      return [Number(name.slice(2)), Number((told as { keys?: Json }).keys)] as const;
    });
    this.fillDatabases(new Map([[0, 0], ...found]));
  }

  private fillDatabases(items: ReadonlyMap<number, number>): void {
    const chosen = this.databases.value;
    const options = [...items].map(([number, keys]) =>
      el("option", { value: number }, `db ${number} · ${whole(keys)}`),
    );
    this.databases.replaceChildren(...options);
    this.databases.value = chosen === "" || !items.has(Number(chosen)) ? "0" : chosen;
  }

  /** Up and down among the keys. */
  private walk(event: KeyboardEvent): void {
    const item = (event.target as HTMLElement).closest("li");
    const next =
      event.key === "ArrowDown"
        ? item?.nextElementSibling
        : event.key === "ArrowUp"
          ? item?.previousElementSibling
          : null;
    const button = next?.querySelector("button");
    if (!button) return;
    event.preventDefault();
    button.focus();
  }
}
