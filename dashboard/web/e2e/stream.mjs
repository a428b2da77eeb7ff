// Checks of the task stream, for any server that has runs to show.

import { expect } from "./expect.mjs";

const CANVAS = ".stream-canvas canvas";

/** The times that are shown. */
export function shown(page) {
  return page.$eval(CANVAS, (canvas) => ({ from: Number(canvas.dataset.from), to: Number(canvas.dataset.to) }));
}

/** Waits until what is shown is as `test` wants it; `test` is a function of before and now. */
export async function moved(page, before, test) {
  const until = performance.now() + 5000;
  for (;;) {
    const now = await shown(page);
    if (test(before, now)) return now;
    expect(performance.now() < until, `the stream shows ${JSON.stringify(now)}, before ${JSON.stringify(before)}: not ${test}`);
    await page.waitForTimeout(20);
  }
}

/** A place on the canvas that is over a run: the pointer is moved along lanes until the card shows. */
export async function hoverRun(page) {
  const box = await page.locator(CANVAS).boundingBox();
  for (let step = 0; step < 400; step++) {
    const x = box.x + 140 + ((step * 37) % (box.width - 160));
    const y = box.y + 8 + ((step * 7) % Math.max(10, box.height - 40));
    await page.mouse.move(x, y);
    const card = page.locator(".stream-canvas .card");
    if (await card.isVisible()) return { x, y, text: await card.innerText() };
  }
  throw new Error("no run was found under the pointer");
}

/** What the pointer is over is told: function, key, duration, bytes. */
export async function hoverTells(page) {
  const { text } = await hoverRun(page);
  for (const word of ["took", "result", "on", "ended at"]) expect(text.includes(word), `the card has no "${word}": ${text}`);
  expect(/[0-9a-f]{8}/.test(text), `the card has no key: ${text}`);
  expect(/\d (ns|µs|ms|s|min)/.test(text), `the card has no duration: ${text}`);
}

/** The wheel zooms, Shift and the wheel move, dragging moves, the buttons do what they say. */
export async function zoomsAndScrolls(page) {
  const box = await page.locator(CANVAS).boundingBox();
  await page.click('button:has-text("All")');
  let now = await moved(page, await shown(page), (_, after) => Number.isFinite(after.from));
  await page.mouse.move(box.x + box.width / 2, box.y + 40);
  await page.mouse.wheel(0, -400);
  now = await moved(page, now, (before, after) => after.to - after.from < (before.to - before.from) * 0.8);
  await page.keyboard.down("Shift");
  await page.mouse.wheel(0, -300);
  await page.keyboard.up("Shift");
  now = await moved(page, now, (before, after) => after.from < before.from);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 - 150, box.y + 42, { steps: 4 });
  await page.mouse.up();
  now = await moved(page, now, (before, after) => after.from > before.from);
  await page.focus(CANVAS);
  await page.keyboard.press("+");
  now = await moved(page, now, (before, after) => after.to - after.from < (before.to - before.from) * 0.9);
  await page.keyboard.press("ArrowLeft");
  now = await moved(page, now, (before, after) => after.from < before.from);
  await page.keyboard.press("0");
  await moved(page, now, (before, after) => after.to - after.from > (before.to - before.from) * 1.05);
  await page.keyboard.press("l");
  await page.waitForSelector('button[aria-pressed="true"]:has-text("Live")');
}

/** The keyboard chooses a run and opens its task. */
export async function keyboardOpens(page) {
  await page.focus(CANVAS);
  await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Shift+ArrowDown");
  await page.waitForSelector(".stream-canvas .card");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.hash.startsWith("#/task/"));
}

/** Milliseconds between frames, and those spent drawing, while the stream is scrolled through for `frames` frames. */
export async function frameTimes(page, frames) {
  await page.click('button:has-text("All")');
  await page.waitForTimeout(300);
  return page.evaluate(
    async ([selector, number]) => {
      const canvas = document.querySelector(selector);
      const [gaps, draws] = [[], []];
      let last = performance.now();
      for (let i = 0; i < number; i++) {
        const options = { bubbles: true, cancelable: true, deltaX: i % 60 < 30 ? 12 : -12, deltaY: 0 };
        canvas.dispatchEvent(new WheelEvent("wheel", options));
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const now = performance.now();
        gaps.push(now - last);
        draws.push(Number(canvas.dataset.drawn));
        last = now;
      }
      const at = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];
      const round = (value) => Math.round(value * 10) / 10;
      return { gap: [0.5, 0.95, 1].map((share) => round(at(gaps, share))), drawn: [0.5, 0.95, 1].map((share) => round(at(draws, share))) };
    },
    [CANVAS, frames],
  );
}
