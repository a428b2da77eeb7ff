// A headless browser that watches what pages do: what they ask for, and what they complain of.

import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

/** Where pictures go: below the repository's `target`. */
export const PICTURES = new URL("../../../target/dashboard/", import.meta.url);

const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Starts Chromium: Debian's, or the one that CHROMIUM names. */
export async function launch() {
  mkdirSync(PICTURES, { recursive: true });
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: ARGUMENTS });
}

/** A page that notes its complaints and every request to another host. */
export async function open(browser, origin, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`)) complaints.push(`foreign request: ${request.url()}`);
  });
  return { page, context, complaints };
}

/** Takes a picture in the colours that are shown. */
export async function picture(page, name) {
  await page.screenshot({ path: new URL(`${name}.png`, PICTURES).pathname });
}

/** Runs checks one after the other; a failed one keeps its picture. Ends the process with 1 if any failed. */
export async function run(name, checks, page) {
  let failed = 0;
  for (const [title, check] of checks) {
    const started = performance.now();
    try {
      const said = await check();
      console.log(`ok    ${title}${said ? `: ${said}` : ""} (${Math.round(performance.now() - started)} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${title}\n${error.stack ?? error}`);
      await picture(page, `failed-${name}-${failed}`).catch(() => {});
    }
  }
  console.log(`${name}: ${checks.length - failed} of ${checks.length} checks passed`);
  return failed === 0;
}
