// A panel: a heading, perhaps a note and actions beside it, and a body that shows either content or
// one sentence, such as why it is empty and what would fill it.

import { type Child, el, setText } from "./dom.ts";

export interface PanelOptions {
  readonly title: string;
  /** For tests and styles. */
  readonly name: string;
  /** How wide it is in the grid of its view. */
  readonly width?: "third" | "wide";
  readonly actions?: readonly Child[];
}

export class Panel {
  readonly root: HTMLElement;
  readonly body: HTMLElement;
  private readonly note = el("p", { class: "panel-note" });
  private readonly sentence = el("p", { class: "sentence" });

  constructor({ title, name, width = "third", actions = [] }: PanelOptions) {
    const id = `panel-${name}`;
    this.body = el("div", { class: "panel-body" });
    this.root = el(
      "section",
      { class: `panel ${width}`, "data-panel": name, "aria-labelledby": id },
      el("header", { class: "panel-head" }, el("h2", { id }, title), this.note, ...actions),
      this.body,
    );
  }

  /** A short figure or remark beside the heading. */
  remark(text: string): void {
    setText(this.note, text);
  }

  show(...content: Child[]): void {
    this.root.dataset.state = "filled";
    this.body.replaceChildren(...content.filter((child) => child !== null));
  }

  say(text: string, isTrouble = false): void {
    this.root.dataset.state = isTrouble ? "trouble" : "empty";
    setText(this.sentence, text);
    if (this.body.firstChild !== this.sentence || this.body.childNodes.length !== 1) {
      this.body.replaceChildren(this.sentence);
    }
  }
}
