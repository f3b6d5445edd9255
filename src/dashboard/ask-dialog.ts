// Asks before something is done that cannot be undone: a dialog of the browser's own, so that
// focus, Escape and screen readers work as everywhere.

import { el } from "./dom.ts";

/** Resolves to whether `yes` was pressed; Escape is `no`. */
export function askDialog(question: string, yes: string, no = "Cancel"): Promise<boolean> {
  const dialog = el(
    "dialog",
    { class: "ask", "aria-label": yes },
    el("p", {}, question),
    el(
      "form",
      { method: "dialog", class: "row" },
      el("button", { value: "yes", class: "danger" }, yes),
      el("button", { value: "no", autofocus: true }, no),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
