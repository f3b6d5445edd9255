// Light, dark, or as the system says, which is the default. The choice is kept in this browser.
// Colours are in styles/colours.css alone; this only names the theme.

import { setText } from "./dom.ts";
import { remember, remembered } from "./remembered.ts";

const themes = ["system", "light", "dark"] as const;

/** `changed` is called when colours are others than before, by the button or by the system. */
export function startTheme(button: HTMLElement, changed: () => void): void {
  const known = remembered("theme");
  let theme = themes.find((each) => each === known) ?? "system";
  const show = () => {
    document.documentElement.dataset.theme = theme;
    setText(button, `Theme: ${theme}`);
  };
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    remember("theme", theme);
    show();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  show();
}
