// Every page in a browser while a real job runs: `node e2e/live.mjs PROGRAM WORDS…`, where the program prints `dashboard: LINK`
// and runs for as many seconds as its last word says, which is added. Ends with 1 if a check fails.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { launch, open, picture, run } from "./browser.mjs";
import { expect, forgive, same } from "./expect.mjs";
import { frameTimes, hoverTells, keyboardOpens, zoomsAndScrolls } from "./stream.mjs";

const [program, ...words] = process.argv.slice(2);
if (!program) throw new Error("which program? node e2e/live.mjs PROGRAM WORDS…");

/** The program stops by itself: nothing of it is left when this script dies. */
const SECONDS = 150;
/** Its link must be printed by then, in milliseconds. */
const LINK_WITHIN = 20_000;

const job = spawn(program, [...words, String(SECONDS)], { stdio: ["ignore", "pipe", "inherit"] });
const ended = new Promise((resolve) => job.once("exit", resolve));
const link = await printedLink();
const { origin } = new URL(link);
const browser = await launch();
const { page, context, complaints } = await open(browser, origin);
page.setDefaultTimeout(15_000);

function printedLink() {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no link was printed")), LINK_WITHIN);
    job.once("error", reject);
    job.once("exit", (code) => reject(new Error(`it ended with ${code} before it printed a link`)));
    createInterface({ input: job.stdout }).on("line", (line) => {
      const found = /^dashboard: (http:\S+)/.exec(line);
      if (!found) return;
      clearTimeout(timer);
      resolve(found[1]);
    });
  });
}

const at = (hash) => page.evaluate((to) => (location.hash = to), hash);
const text = (selector) => page.locator(selector).first().innerText();

async function both(name) {
  await picture(page, `live-${name}-light`);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForSelector('button[aria-label="Light colours"]');
  await picture(page, `live-${name}-dark`);
  await page.emulateMedia({ colorScheme: "light" });
  await page.waitForSelector('button[aria-label="Dark colours"]');
}

const checks = [
  ["nobody gets anything without the token", async () => {
    const answers = await Promise.all(["events", "graph", "workers/1"].map((path) => fetch(`${origin}/api/${path}`)));
    same(answers.map((answer) => answer.status), [401, 401, 401], "answers");
  }],
  ["the token is exchanged, and leaves the address", async () => {
    const answer = await page.goto(link);
    expect(/default-src 'none'/.test(answer.headers()["content-security-policy"]), "no policy");
    await page.waitForSelector(".link-live");
    same(new URL(page.url()).hash, "#/", "the fragment");
  }],
  ["status: tasks a second, progress, memory, as it happens", async () => {
    await page.waitForFunction(() => Number(document.querySelector(".figure-value").innerText.replace(/[^\d.]/g, "")) > 0);
    await page.waitForSelector('.progress li:has-text("load")');
    await page.waitForSelector('.progress li:has-text("merge")');
    expect((await page.locator("table.bars tbody tr").count()) > 0, "no worker");
    const finished = () => page.locator(".figure-note").first().innerText();
    const before = await finished();
    await page.waitForFunction((old) => document.querySelector(".figure-note").innerText !== old, before);
    await page.waitForSelector(".lines canvas");
    await both("status");
  }],
  ["stream: hover tells", () => hoverTells(page)],
  ["stream: zooms and scrolls", () => zoomsAndScrolls(page)],
  ["stream: the keyboard opens a task", async () => {
    await keyboardOpens(page);
    await page.waitForSelector('.story li, .empty-title:has-text("does not know")');
    await both("task");
    if (complaints.length > 0) forgive(complaints, /404/);
  }],
  ["workers: the table, sorted, and a worker's page", async () => {
    await at("#/workers");
    await page.waitForSelector("tbody tr");
    await page.click('th button:has-text("Finished")');
    await page.waitForSelector('th[aria-sort="descending"]');
    await both("workers");
    await page.locator("tbody a").first().click();
    await page.waitForSelector('[aria-label="Values held"] tbody tr');
    await page.waitForSelector(".stream-canvas canvas[data-drawn]");
    await page.waitForSelector('.log li:has-text("about to say <b>")');
    await both("worker");
  }],
  ["graph", async () => {
    await at("#/graph");
    await page.waitForSelector(".graph canvas[data-scale]");
    expect(/\d+ (task|edge)/.test(await text(".page-head")), "no tasks");
    await both("graph");
  }],
  ["errors: grouped, with what looks like markup as text; the failed task's page", async () => {
    await at("#/errors");
    await page.waitForSelector('.error:has-text("announce")', { timeout: 60_000 });
    expect(/<b>\d<\/b>/.test(await text(".error .message")), "the message is not as it was written");
    same(await page.locator(".error .message b").count(), 0, "elements made of a message");
    await both("errors");
    await page.locator(".error a.key").first().click();
    await page.waitForSelector(".failure");
    const said = await text(".failure");
    for (const word of ["can't be said", "because", "the loudspeaker is gone", "Called with"]) expect(said.includes(word), `"${word}" is missing: ${said}`);
    expect((await text(".failure .copyable pre")).includes("recreate_error_locally"), "no lines that recreate it");
    await both("failed-task");
  }],
  ["plots: a line and a heat map that grow", async () => {
    await at("#/plots");
    await page.waitForFunction(() => document.querySelectorAll(".plots canvas").length === 2);
    await both("plots");
    for (const name of ["deviation", "parts"]) {
      await at(`#/plots/${name}`);
      await page.waitForSelector(".panel-plot canvas");
      const points = await text(".page-head .muted");
      await page.waitForFunction((old) => document.querySelector(".page-head .muted").innerText !== old, points);
      await both(`plot-${name}`);
    }
  }],
  ["time of a frame while scrolling", async () => {
    await at("#/");
    await page.waitForSelector(".link-live");
    const { gap, drawn } = await frameTimes(page, 120);
    return `between frames ${gap.join(" / ")} ms, drawing ${drawn.join(" / ")} ms (median / 95 % / longest; software rendering)`;
  }],
  ["no complaint of the browser, no request to another host", async () => same(complaints, [], "complaints")],
  ["when the job ends, the page says that it is not connected", async () => {
    job.kill();
    await ended;
    await page.waitForSelector(".banner:has-text('Not connected')");
    await both("ended");
  }],
];

const isFine = await run("live", checks, page);
await context.close();
await browser.close();
job.kill();
process.exitCode = isFine ? 0 : 1;
