/**
 * A real browser for tests of pages: Debian's chromium, or its headless shell where that is
 * installed too, driven by playwright-core, which downloads none of its own. What a page asks for,
 * and what goes wrong in it, is noted. Judges nothing.
 */

import {
  type Browser,
  type BrowserContext,
  chromium,
  type Locator,
  type Page,
} from "playwright-core";

const program = Bun.which("chromium");
/** The same engine without windows to draw: a page costs half of the processor. */
const shell = Bun.which("chromium-headless-shell");

/** False skips; in CI it must be there. */
export function browserInstalled(): boolean {
  if (program === null && process.env.CI === "true") throw new Error(noBrowser);
  return program !== null;
}

export const noBrowser = "chromium is not installed";

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: shell ?? program ?? "",
    // As root it has no sandbox of its own; without a GPU it need not try.
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    timeout: 120_000,
  });
}

/** What a page has done, and everything that went wrong. */
export interface PageNotes {
  readonly requests: string[];
  /** Errors of scripts and of the console, but for failed requests that `expected` names. */
  readonly errors: string[];
}

export function noteAll(page: Page): PageNotes {
  const notes: PageNotes = { requests: [], errors: [] };
  page.on("request", (request) => notes.requests.push(request.url()));
  page.on("pageerror", (error) => notes.errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") notes.errors.push(message.text());
  });
  return notes;
}

export async function pageOf(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  return page;
}

export async function textOf(locator: Locator): Promise<string> {
  return (await locator.textContent()) ?? "";
}

export function focused(page: Page): Promise<string> {
  return page.evaluate<string>(
    "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent",
  );
}

/** Presses Tab until that has the focus. */
export async function tabTo(page: Page, name: string, key = "Tab"): Promise<void> {
  for (let presses = 0; presses < 400; presses++) {
    await page.keyboard.press(key);
    if ((await focused(page)) === name) return;
  }
  throw new Error(`${key} does not lead to ${name}`);
}
