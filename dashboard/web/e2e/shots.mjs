// Pictures of a page that is served right now: `node e2e/shots.mjs LINK FOLDER [--size WxH] [--dark] [PAGE…]`, where LINK is the one
// that was printed, and PAGE what stands behind `#/` in an address: `graph`, `plots/search`, `task/KEY`. Without pages, all there are.

import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { launch, open } from "./browser.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: "string", default: "1280x800" }, dark: { type: "boolean", default: false } },
});
const [link, folder, ...named] = positionals;
const [width, height] = options.size.split("x").map(Number);
if (!link || !folder || !(width > 0 && height > 0)) throw new Error("node e2e/shots.mjs LINK FOLDER [--size WIDTHxHEIGHT] [--dark] [PAGE…]");

/** What each page has once it shows something. Some states of a page have nothing but words. */
const FILLED = {
  // Drawn after two seconds, when the task stream has long been.
  status: ".lines canvas",
  workers: "tbody tr",
  graph: ".graph canvas[data-scale]",
  task: ".task-title",
  errors: ".error",
  plots: ".plots canvas, .panel-plot canvas",
};
const EMPTY = '.empty-title:not(:text-matches("^(Asking|Waiting)"))';
/** Until a page is filled, and then until its curves and bars have settled, in milliseconds. */
const FILLED_WITHIN = 15_000;
const SETTLED = 700;

mkdirSync(folder, { recursive: true });
const browser = await launch();
const { page, complaints } = await open(browser, new URL(link).origin, { viewport: { width, height } });
await page.goto(link);
await page.waitForSelector(".link-live", { timeout: FILLED_WITHIN });
await (named.length > 0 ? all(named) : everyPage());
await browser.close();
// A page of something that is gone by now is shown as such, and the browser complains of the answer.
const grave = complaints.filter((line) => !/404/.test(line));
if (grave.length > 0) throw new Error(`the browser complains:\n${grave.join("\n")}`);

async function all(places) {
  for (const place of places) await taken(place);
}

/** The pages of the head, each followed by some of those that it leads to, which may be gone soon: a worker, a failed task, plots. */
async function everyPage() {
  const inner = { workers: ["tbody a[href^='#/workers/']", 1], errors: [".error a.key", 1], plots: [".plots h2 a", 20] };
  for (const place of ["status", "workers", "graph", "errors", "plots"]) {
    await taken(place);
    const [selector, most] = inner[place] ?? ["none", 0];
    const links = await page.$$eval(selector, (found) => found.map((a) => a.getAttribute("href").replace(/^#\//, "")));
    await all(links.slice(0, most));
  }
}

async function shown(place) {
  await page.evaluate((to) => (location.hash = `#/${to}`), place);
  const [first] = place.split("/");
  const selectors = [FILLED[first || "status"], EMPTY].filter(Boolean).join(", ");
  await page.waitForSelector(selectors, { timeout: FILLED_WITHIN });
  await page.waitForTimeout(SETTLED);
}

async function taken(place) {
  await shown(place);
  const name = place.replace(/%[0-9a-f]{2}|[^\w.-]+/gi, "-") || "status";
  for (const colours of options.dark ? ["light", "dark"] : ["light"]) {
    await page.emulateMedia({ colorScheme: colours });
    await page.waitForSelector(`button[aria-label="${colours === "dark" ? "Light" : "Dark"} colours"]`);
    const path = resolve(folder, options.dark ? `${name}-${colours}.png` : `${name}.png`);
    await page.screenshot({ path });
    console.log(path);
  }
  await page.emulateMedia({ colorScheme: "light" });
}
