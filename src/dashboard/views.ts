// The views and the tabs that lead to them: the address names the view (`#keys`), so that links,
// the browser's history and a reload work; the keys 1, 2, 3 are as good as the tabs.

import { el, isTyping } from "./dom.ts";

export interface View {
  readonly root: HTMLElement;
  /** It is seen from now on. */
  refresh(): void;
}

export class Views {
  private readonly place: HTMLElement;
  private readonly tabs: HTMLElement;
  private readonly views: ReadonlyMap<string, View>;
  private isStarted = false;

  constructor(place: HTMLElement, tabs: HTMLElement, views: Readonly<Record<string, View>>) {
    this.place = place;
    this.tabs = tabs;
    this.views = new Map(Object.entries(views));
    tabs.replaceChildren(...[...this.views.keys()].map(tab));
    addEventListener("hashchange", () => this.show());
    addEventListener("keydown", (event) => this.pressed(event));
  }

  start(): void {
    this.isStarted = true;
    this.tabs.hidden = false;
    this.place.replaceChildren(...[...this.views.values()].map(({ root }) => root));
    this.show();
  }

  /** Shows something else until start(). */
  instead(root: HTMLElement): void {
    this.isStarted = false;
    this.tabs.hidden = true;
    this.place.replaceChildren(root);
  }

  /** Without a change of the address if it is there already. */
  open(name: string): void {
    location.hash = name;
  }

  private show(): void {
    if (!this.isStarted) return;
    const named = location.hash.slice(1).split("/")[0];
    const [first] = this.views.keys();
    const name = this.views.has(named) ? named : first;
    for (const [each, { root }] of this.views) root.hidden = each !== name;
    for (const link of this.tabs.querySelectorAll("a")) {
      if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.views.get(name)?.refresh();
  }

  private pressed(event: KeyboardEvent): void {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const name = [...this.views.keys()][Number(event.key) - 1];
    if (name !== undefined && this.isStarted) this.open(name);
  }
}

function tab(name: string, index: number): HTMLElement {
  const title = `${name[0].toUpperCase()}${name.slice(1)}`;
  return el("a", { href: `#${name}`, "aria-keyshortcuts": String(index + 1) }, title);
}
