// Shows and edits a value: as text, JSON or hex, whichever fits first. Text is edited as text, and
// other bytes as hex.

import { el, setText } from "./dom.ts";
import { bytes as bytesFigure } from "./figures.ts";
import { utf8Of } from "./key-bytes.ts";
import {
  bytesOfHex,
  bytesOfText,
  editableText,
  hexDump,
  hexOfBytes,
  indentedJson,
} from "./value-views.ts";

const formNames = ["Text", "JSON", "Hex"] as const;
type FormName = (typeof formNames)[number];

/** A dump of more would only make the browser slow. */
const dumpedBytesMax = 64 * 1024;

export class ValuePane {
  readonly root: HTMLElement;
  private readonly tabs: readonly HTMLButtonElement[];
  private readonly place = el("div", { class: "value" });
  private readonly note = el("p", { class: "footing" });
  private bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  private isWhole = true;
  /** What is edited, and what it was at first. */
  private edited: { readonly area: HTMLTextAreaElement; readonly first: string } | null = null;

  constructor() {
    this.tabs = formNames.map((name) =>
      el("button", { type: "button", class: "quiet", on: { click: () => this.look(name) } }, name),
    );
    const tabs = el(
      "div",
      { class: "row forms", role: "group", "aria-label": "Form" },
      ...this.tabs,
    );
    this.root = el("div", {}, tabs, this.place, this.note);
  }

  /** Whether something was typed that nobody has saved. */
  get isChanged(): boolean {
    return this.edited !== null && this.edited.area.value !== this.edited.first;
  }

  /** `isWhole`: not only the beginning. */
  show(bytes: Uint8Array<ArrayBuffer>, isWhole: boolean): void {
    this.bytes = bytes;
    this.isWhole = isWhole;
    this.edited = null;
    this.tabs[2].disabled = false;
    const { text, json } = this.forms();
    this.tabs[1].disabled = json === null;
    this.tabs[0].disabled = text === null;
    this.look(json !== null ? "JSON" : text !== null ? "Text" : "Hex");
  }

  /** The area to edit in, and what it says when it is saved; null: it is not hex. */
  edit(): () => Uint8Array<ArrayBuffer> | null {
    const editable = editableText(this.bytes);
    const area = el("textarea", { "aria-label": "Value", spellcheck: "false", rows: 14 });
    area.value = editable === null ? hexOfBytes(this.bytes) : editable.text;
    this.edited = { area, first: area.value };
    this.mark(null);
    for (const tab of this.tabs) tab.disabled = true; // they show what is stored
    setText(this.note, editable === null ? "These bytes are no text: they are edited as hex." : "");
    this.place.replaceChildren(area);
    area.focus();
    if (editable === null) return () => bytesOfHex(area.value);
    return () => bytesOfText({ ...editable, text: area.value });
  }

  private forms(): { readonly text: string | null; readonly json: string | null } {
    const text = this.isWhole ? utf8Of(this.bytes) : beginningOf(this.bytes);
    return { text, json: text === null || !this.isWhole ? null : indentedJson(text) };
  }

  private look(name: FormName): void {
    this.mark(name);
    const { text, json } = this.forms();
    const dump = () => hexDump(this.bytes.subarray(0, dumpedBytesMax), innerWidth < 720 ? 8 : 16);
    const shown = { Text: text ?? "", JSON: json ?? "", Hex: name === "Hex" ? dump() : "" }[name];
    const isCut = name === "Hex" && this.bytes.length > dumpedBytesMax;
    setText(this.note, isCut ? `The first ${bytesFigure(dumpedBytesMax)} of it.` : "");
    const label = `Value as ${name}`;
    this.place.replaceChildren(
      this.bytes.length === 0
        ? el("p", { class: "sentence" }, "The value is empty.")
        : el("pre", { tabindex: 0, role: "group", "aria-label": label, "data-form": name }, shown),
    );
  }

  private mark(name: FormName | null): void {
    for (const [index, tab] of this.tabs.entries()) {
      tab.setAttribute("aria-pressed", String(formNames[index] === name));
    }
  }
}

/** Text that is cut may end within a character of up to four bytes. */
function beginningOf(bytes: Uint8Array): string | null {
  for (let cut = 0; cut < 4; cut++) {
    const text = utf8Of(bytes.subarray(0, bytes.length - cut));
    if (text !== null) return text;
  }
  return null;
}
