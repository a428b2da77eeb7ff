// Every page in a browser, over the mock: what is clicked, sorted, zoomed, hovered, lost and found again. Ends with 1 if a check fails.

import { startMock } from "../mock/server.mjs";
import { SCRIPT } from "../mock/cluster.mjs";
import { launch, open, picture, run } from "./browser.mjs";
import { expect, forgive, same } from "./expect.mjs";
import { frameTimes, hoverRun, hoverTells, keyboardOpens, zoomsAndScrolls } from "./stream.mjs";

const mock = await startMock({ seed: 7, runs: 100_000, workers: 8, threads: 8 });
const browser = await launch();
const { page, context, complaints } = await open(browser, mock.origin);
page.setDefaultTimeout(10_000);

const at = (hash) => page.evaluate((to) => (location.hash = to), hash);
const text = (selector) => page.locator(selector).first().innerText();
const failed = () => mock.cluster.kept.findLast((done) => !done.ok && done.function === 8);

async function both(name) {
  await picture(page, `${name}-light`);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForTimeout(150);
  await picture(page, `${name}-dark`);
  await page.emulateMedia({ colorScheme: "light" });
}

/** A page of its own, over a mock of its own. */
async function elsewhere(options, check, view = {}) {
  const other = await startMock(options);
  const seen = await open(browser, other.origin, view);
  try {
    await check(seen.page, other, seen.complaints);
    same(seen.complaints, [], "complaints");
  } finally {
    await seen.context.close();
    await other.close();
  }
}

const checks = [
  ["without a token, the page says where to find the link", async () => {
    await elsewhere({ runs: 100 }, async (other, { origin }, said) => {
      await other.goto(origin);
      await other.waitForSelector("text=You are not signed in here");
      await picture(other, "signed-out-light");
      forgive(said, /401/);
    });
  }],
  ["the token is exchanged, and leaves the address", async () => {
    await page.goto(mock.link);
    await page.waitForSelector(".link-live");
    same(new URL(page.url()).hash, "#/", "the fragment");
  }],
  ["status: figures, stream, progress, workers, tasks a second", async () => {
    await page.waitForSelector(".lines canvas");
    same(await page.locator(".progress li").count(), 10, "functions");
    same(await page.locator("table.bars tbody tr").count(), 8, "workers");
    expect(/\d/.test(await text(".figure-value")), "no tasks a second");
    const colours = await page.$eval(".stream-canvas canvas", (canvas) => {
      const { data } = canvas.getContext("2d").getImageData(200, 4, 400, 60);
      return new Set(Array.from({ length: data.length / 4 }, (_, i) => data[i * 4] * 65536 + data[i * 4 + 1] * 256 + data[i * 4 + 2])).size;
    });
    expect(colours > 20, `the stream has ${colours} colours`);
    await both("status");
  }],
  ["stream: hover tells function, key, duration, bytes", async () => {
    await hoverTells(page);
    await picture(page, "status-hover-light");
  }],
  ["stream: wheel, drag, buttons and keys zoom and scroll", () => zoomsAndScrolls(page)],
  ["stream: the keyboard chooses and opens", async () => {
    await keyboardOpens(page);
    await page.waitForSelector(".task-title");
    await at("#/");
  }],
  ["stream: a click opens the task", async () => {
    await page.waitForSelector(".stream-canvas canvas");
    const { x, y } = await hoverRun(page);
    await page.mouse.click(x, y);
    await page.waitForFunction(() => location.hash.startsWith("#/task/"));
    await page.waitForSelector(".story li");
  }],
  ["workers: sorted by a click, both ways; filtered", async () => {
    await at("#/workers");
    const column = async () => (await page.locator("tbody td:nth-child(11)").allInnerTexts()).map((cell) => Number(cell.replaceAll(",", "")));
    await page.click('th button:has-text("Finished")');
    await page.waitForSelector('th[aria-sort="descending"]:has-text("Finished")');
    const down = await column();
    expect(down.length === 8 && down[0] >= down[7], `not sorted down: ${down}`);
    await page.click('th button:has-text("Finished")');
    await page.waitForSelector('th[aria-sort="ascending"]:has-text("Finished")');
    const up = await column();
    expect(up[0] <= up[7], `not sorted up: ${up}`);
    await both("workers");
    await page.fill('input[type="search"]', "paused");
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    await page.fill('input[type="search"]', "");
  }],
  ["worker: from the table to its page", async () => {
    await page.click('tbody a:has-text("worker-3")');
    await page.waitForSelector("text=Running now");
    await page.waitForSelector('[aria-label="Values held"] tbody tr');
    same(await text("h1"), "worker-3", "the title");
    await page.waitForSelector('[aria-label="Running now"] tbody tr');
    expect((await text(".log")).includes(SCRIPT), "the log is not as it was written");
    await both("worker");
  }],
  ["graph: grouped, hovered, zoomed by keys", async () => {
    await at("#/graph");
    await page.waitForSelector(".graph canvas[data-scale]");
    expect((await text(".page-head")).includes("in 10 groups"), "not grouped");
    const box = await page.locator(".graph canvas").boundingBox();
    let isFound = false;
    for (let x = 40; x < box.width && !isFound; x += 30) {
      await page.mouse.move(box.x + x, box.y + box.height / 2);
      isFound = await page.locator(".graph .card").isVisible();
    }
    expect(isFound, "no group under the pointer");
    await both("graph-groups");
    await page.focus(".graph canvas");
    const scale = await page.getAttribute(".graph canvas", "data-scale");
    await page.keyboard.press("+");
    await page.waitForFunction((old) => Number(document.querySelector(".graph canvas").dataset.scale) > Number(old), scale);
    await page.keyboard.press("0");
    await page.waitForFunction((old) => document.querySelector(".graph canvas").dataset.scale === old, scale);
  }],
  ["graph: single tasks, chosen by keys and opened", async () => {
    await elsewhere({ seed: 3, runs: 200, rate: 0.01, seconds: 6, workers: 2 }, async (other, { link }) => {
      await other.goto(link);
      await other.waitForSelector(".link-live");
      await other.evaluate(() => (location.hash = "#/graph"));
      await other.waitForSelector(".graph canvas[data-scale]");
      await picture(other, "graph-tasks-light");
      await other.emulateMedia({ colorScheme: "dark" });
      await other.waitForTimeout(150);
      await picture(other, "graph-tasks-dark");
      await other.focus(".graph canvas");
      await other.keyboard.press("ArrowRight");
      await other.keyboard.press("ArrowRight");
      await other.waitForSelector(".graph .card");
      await other.keyboard.press("Enter");
      await other.waitForSelector(".task-title");
    });
  }],
  ["task: a failed one, with arguments, causes and the lines that recreate it", async () => {
    await at(`#/task/${failed().key}`);
    await page.waitForSelector(".failure");
    const said = await text(".failure");
    for (const word of [SCRIPT, "because", "Called with", "src/main.rs:12", "Needed by"]) expect(said.includes(word), `"${word}" is missing: ${said}`);
    same((await text(".failure .copyable pre")).split("\n").length, 2, "lines that recreate it");
    same(await page.locator(".links li").count(), 5, "neighbours");
    await both("task");
    await page.click(".copyable button");
    await page.waitForFunction(() => /copied|selected/.test(document.querySelector(".copyable button").textContent));
  }],
  ["task: one that nobody knows", async () => {
    await at("#/task/no%2Fsuch%20task");
    await page.waitForSelector("text=The scheduler does not know this task");
    await picture(page, "task-unknown-light");
    forgive(complaints, /404/);
  }],
  ["errors: grouped, cut, shown whole", async () => {
    await at("#/errors");
    const long = page.locator(".error", { hasText: "can't shout" });
    await long.waitFor();
    await both("errors");
    const before = (await long.innerText()).length;
    await long.locator("button").click();
    expect((await long.innerText()).length > before + 500, "it is not shown whole");
  }],
  ["plots: scatter over a background, line, heat map, live", async () => {
    await at("#/plots");
    await page.waitForFunction(() => document.querySelectorAll(".plots canvas").length === 3);
    await both("plots");
    for (const name of ["search", "loss", "grid"]) {
      await at(`#/plots/${name}`);
      await page.waitForSelector(".panel-plot canvas");
      await both(`plot-${name}`);
    }
    await at("#/plots/loss");
    const points = await text(".page-head .muted");
    await page.waitForFunction((old) => document.querySelector(".page-head .muted").innerText !== old, points);
  }],
  ["nothing that was sent became markup", async () => {
    for (const hash of ["#/", "#/workers", "#/workers/2", "#/errors", "#/plots", "#/plots/loss", "#/graph", `#/task/${failed().key}`]) {
      await at(hash);
      await page.waitForFunction((script) => document.body.innerText.includes(script) || document.querySelector(".graph canvas"), SCRIPT);
      same(await page.evaluate(() => [window.broken ?? null, document.querySelectorAll("body script").length]), [null, 0], hash);
    }
  }],
  ["dark: by the system, by the switch, remembered", async () => {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForSelector('button[aria-label="Light colours"]');
    const dark = await ground();
    expect(light !== dark, "the system's choice changes nothing");
    await page.emulateMedia({ colorScheme: "light" });
    await page.waitForSelector('button[aria-label="Dark colours"]');
    await page.keyboard.press("t");
    same(await ground(), dark, "after t");
    await page.reload();
    await page.waitForSelector(".link-live");
    same(await ground(), dark, "after a reload");
    await page.click('button[aria-label="Light colours"]');
    same(await ground(), light, "after the button");
  }],
  ["dark: also while the page changes", async () => {
    const grounds = () => page.$eval(".graph canvas", (canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let dark = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255 && data[i] < 40 && data[i + 1] < 40) dark += 1;
      return dark > 5000 ? "dark" : "light";
    });
    for (let i = 0; i < 5; i++) {
      await at("#/workers");
      await page.emulateMedia({ colorScheme: "dark" });
      await page.waitForSelector('button[aria-label="Light colours"]');
      // What is looked at before the browser tells of the change must not take the news away.
      await Promise.all([page.emulateMedia({ colorScheme: "light" }), at("#/graph")]);
      await page.waitForSelector(".graph canvas[data-scale]");
      await page.waitForSelector('button[aria-label="Dark colours"]');
      await page.waitForTimeout(100);
      same(await grounds(), "light", `the graph's colours, time ${i}`);
    }
  }],
  ["keyboard: skip link, order, focus rings, shortcuts, help", async () => {
    await at("#/");
    await page.reload();
    await page.waitForSelector(".link-live");
    const focused = [];
    for (let i = 0; i < 9; i++) {
      await page.keyboard.press("Tab");
      focused.push(await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement);
        return [document.activeElement.textContent || document.activeElement.ariaLabel, style.outlineStyle !== "none" && style.outlineWidth !== "0px"];
      }));
    }
    expect(focused.every(([, hasRing]) => hasRing), `focus without a ring: ${JSON.stringify(focused)}`);
    same(focused.slice(0, 4).map(([name]) => name), ["Skip to the page", "Brisk", "Status", "Workers"], "the order");
    await page.keyboard.press("2");
    await page.waitForFunction(() => location.hash === "#/workers");
    await page.keyboard.press("?");
    await page.waitForSelector("dialog[open]");
    await both("help");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
  }],
  ["reconnect: the banner, back-off, and all is live again", async () => {
    await at("#/");
    mock.down();
    await page.waitForSelector(".banner:has-text('Not connected')");
    // It tries again by itself, ever less often: seconds are left to press the button in.
    await page.waitForFunction(() => /in [3-9] s/.test(document.querySelector(".banner")?.innerText ?? ""), null, { timeout: 30_000 });
    await both("reconnect");
    mock.up();
    await page.evaluate(() => [...document.querySelectorAll(".banner button")].find((button) => button.textContent === "Try now")?.click());
    await page.waitForSelector(".link-live");
    await page.waitForSelector(".banner", { state: "detached" });
    forgive(complaints, /ERR_|Failed to load/);
  }],
  ["reconnect: another scheduler in its place", async () => {
    mock.restart();
    await page.waitForFunction(() => /up for (5\d|1 min 0[0-9])/.test(document.body.innerText));
    await page.waitForSelector(".link-live");
    if (complaints.length > 0) forgive(complaints, /ERR_|Failed to load/);
  }],
  ["nothing yet: every page says what to do", async () => {
    await elsewhere({ isEmpty: true }, async (other, { link }) => {
      await other.goto(link);
      await other.waitForSelector("text=No task has been submitted yet");
      await other.waitForSelector("text=brisk worker");
      await picture(other, "empty-status-light");
      const words = { "#/workers": "No worker is here", "#/graph": "There are no tasks", "#/errors": "Nothing has failed", "#/plots": "There are no plots", "#/nowhere": "There is no such page" };
      for (const [hash, word] of Object.entries(words)) {
        await other.evaluate((to) => (location.hash = to), hash);
        await other.waitForSelector(`text=${word}`);
        await picture(other, `empty-${hash.slice(2)}-light`);
      }
    });
  }],
  ["narrow: no page is wider than the window", async () => {
    await elsewhere({ runs: 2000 }, async (other, { link }) => {
      await other.goto(link);
      await other.waitForSelector(".link-live");
      for (const hash of ["#/", "#/workers", "#/workers/2", "#/graph", "#/errors", "#/plots", "#/plots/search"]) {
        await other.evaluate((to) => (location.hash = to), hash);
        await other.waitForTimeout(400);
        const [whole, room] = await other.evaluate(() => [document.getElementById("main").scrollWidth, document.getElementById("main").clientWidth]);
        expect(whole <= room, `${hash} is ${whole} wide where ${room} is`);
        await picture(other, `narrow-${hash.replace(/\W+/g, "-")}`);
      }
    }, { viewport: { width: 400, height: 800 } });
  }],
  ["many workers: histograms, and lanes that scroll", async () => {
    await elsewhere({ runs: 20_000, workers: 200, threads: 2, rate: 2000 }, async (other, { link }) => {
      await other.goto(link);
      await other.waitForSelector(".histograms");
      await picture(other, "many-status-light");
      await other.evaluate(() => (location.hash = "#/workers"));
      await other.waitForSelector("tbody tr");
      await picture(other, "many-workers-light");
    });
  }],
  ["100,000 runs in sight: time of a frame while scrolling", async () => {
    await page.reload();
    await page.waitForSelector(".link-live");
    const { gap, drawn } = await frameTimes(page, 240);
    await picture(page, "status-all-light");
    return `between frames ${gap.join(" / ")} ms, drawing ${drawn.join(" / ")} ms (median / 95 % / longest; software rendering)`;
  }],
  ["no complaint of the browser, no request to another host", async () => same(complaints, [], "complaints")],
];

const isFine = await run("mock", checks, page);
await context.close();
await browser.close();
await mock.close();
process.exitCode = isFine ? 0 : 1;
