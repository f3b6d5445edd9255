/**
 * What others name is text on the dashboard, whatever it looks like: keys, values, clients, users,
 * arguments of slow commands, errors. Each is markup that would run a script if it ever became an
 * element, in a real browser, and every view is looked at. For addresses of followers, see
 * dashboard-tree.test.ts.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax, respClient, waitFor } from "../harness.ts";
import { startAdminNode } from "../support/admin-bed.ts";
import { browserInstalled, noBrowser, noteAll, startBrowser } from "../support/browser.ts";

setDefaultTimeout(caseMsMax);

/** Without a space: a client may be called so, and a user. */
const run = "document.documentElement.dataset.owned=1";
const image = `<img/src=x/onerror="${run}">`;
const evil = [
  image,
  `"><svg/onload="${run}">`,
  `<script>${run}</script>`,
  `<details/open/ontoggle="${run}">`,
  `javascript:${run}`,
  `</title></style></textarea>${image}`,
  "{{constructor.constructor('alert(1)')()}}",
  `"onmouseover="${run}"x="`,
];

describe.skipIf(!browserInstalled())(`markup (skipped if ${noBrowser})`, () => {
  test("in names, values and errors stays text in every view", async () => {
    await using browser = await startBrowser();
    await using node = await startAdminNode({
      ...{ "slowlog-log-slower-than": "0", "miss-curve": "yes", password: "secret" },
    });
    await using client = await respClient(node.port);
    await client.call("AUTH", "secret");
    const user = image.replaceAll(" ", "");
    await client.call("ACL", "SETUSER", user, "on", ">pass", "~*", "&*", "+@all");
    await client.call("AUTH", user, "pass");
    expect(await client.call("CLIENT", "SETNAME", image)).toBe("OK");
    await client.call("CLIENT", "SETINFO", "LIB-NAME", image.replaceAll(" ", ""));
    for (const text of evil) {
      await client.call("SET", text, text);
      await client.call("SET", `json:${text}`, JSON.stringify({ [text]: text }));
    }
    await client.call("SET", `big:${image}`, image.repeat(100));
    await using page = await browser.newPage();
    page.setDefaultTimeout(60_000);
    const notes = noteAll(page);
    await page.goto(node.url);
    await page.getByLabel("User").fill(user);
    await page.getByLabel("Password").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("knows no user").waitFor();
    await page.getByLabel("Password").fill("pass");
    await page.keyboard.press("Enter");
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        for (const text of evil) await client.call("GET", text);
        await client.call("GET", image, image); // fails, with these words
        await Bun.sleep(20); // a load, but one that leaves time to the browser
      }
    })();
    const panel = (name: string) => page.locator(`[data-panel="${name}"]`);
    for (const name of ["hottest", "biggest", "slow", "clients"]) {
      await panel(name).scrollIntoViewIfNeeded();
      await panel(name).getByText("<img").first().waitFor();
    }
    isOver = true;
    await load;
    const expectText = async () => {
      expect(await page.locator("main :is(img, svg, script, details, iframe)").count()).toBe(0);
      expect(await page.locator("html").getAttribute("data-owned")).toBeNull();
      const handlers = "document.querySelectorAll('[onerror],[onload],[onmouseover],[ontoggle]')";
      expect(await page.evaluate<number>(`${handlers}.length`)).toBe(0);
    };
    await expectText();
    await panel("hottest").locator(".key").first().click();
    await panel("key").locator("dl").waitFor();
    for (const text of evil) {
      await page.goto(`${node.url}/#keys`);
      await page.getByLabel("Pattern").fill(text.replace(/[[*?\\]/g, "\\$&"));
      await page.keyboard.press("Enter");
      await page.locator(".key-list .key").getByText(text, { exact: true }).click();
      await waitFor(async () => (await panel("key").locator("pre").textContent()) === text);
      await expectText();
    }
    await page.getByLabel("Pattern").fill(`json:*`);
    await page.keyboard.press("Enter");
    await page.locator(".key-list .key", { hasText: "json:<img" }).first().click();
    await panel("key").locator('pre[data-form="JSON"]').waitFor();
    await panel("key").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByText("<img").first().waitFor();
    await expectText();
    await page.keyboard.press("Escape");
    await page.goto(`${node.url}/#console`);
    const line = page.getByRole("textbox", { name: "Command" });
    const replies = page.getByLabel("Replies");
    for (const [command, reply] of [
      [`ECHO '${image}'`, "onerror"],
      [`'${image}'`, "ERR unknown command"],
      ["CLIENT LIST", `name=${image}`],
      ["SLOWLOG GET 20", "onerror"],
    ]) {
      await line.fill(command ?? "");
      await page.keyboard.press("Enter");
      const last = replies.locator("pre").last();
      await waitFor(async () => (await last.textContent())?.includes(reply ?? ""));
      await expectText();
    }
    // The node has said 401 and 400, which the browser's console shows.
    expect(notes.errors.filter((error) => !/status of 40[01]/.test(error))).toEqual([]);
  });
});
