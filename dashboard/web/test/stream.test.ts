import { describe, expect, it } from "vitest";
import { RunStore } from "../src/data/runs";
import { Bins } from "../src/stream/bins";
import { ticks, View } from "../src/stream/view";
import { runsOf } from "./made";

const COLOURS = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];
const colour = (id: number) => COLOURS[id]!;

describe("the window on time", () => {
  it("follows the newest until it is moved, and again when told to", () => {
    const view = new View();
    view.follow(0, 10);
    expect([view.share(10) > 0.9, view.share(0) >= 0]).toEqual([true, true]);
    view.follow(0, 100);
    expect(view.span).toBe(30);
    view.pan(-0.5);
    const from = view.from;
    view.follow(0, 200);
    expect([view.isLive, view.from]).toEqual([false, from]);
    view.live();
    view.follow(0, 200);
    expect(view.share(200)).toBeCloseTo(0.98);
  });

  it("zooms around the pointer, or around the newest while it follows", () => {
    const view = new View();
    view.fit(0, 100);
    const time = view.time(0.25);
    view.zoom(0.1, 0.25);
    expect(view.time(0.25)).toBeCloseTo(time);
    expect(view.span).toBeCloseTo(10.4);
    const live = new View();
    live.follow(0, 30);
    live.zoom(0.5, 0.1);
    expect([live.isLive, live.share(30)]).toEqual([true, expect.closeTo(0.98) as number]);
  });

  it("can neither be lost nor be made of nothing", () => {
    const view = new View();
    view.fit(5, 5);
    expect(view.span).toBeGreaterThan(0);
    view.fit(0, 10);
    for (let i = 0; i < 100; i++) view.pan(1);
    view.keepInside(0, 10);
    expect(view.share(10)).toBeGreaterThan(0);
    for (let i = 0; i < 500; i++) view.zoom(0.5, 0.5);
    expect(view.span).toBeCloseTo(1e-6);
  });

  it("has round marks", () => {
    expect(ticks(0, 10, 5)).toEqual({ step: 2, times: [0, 2, 4, 6, 8, 10] });
    expect(ticks(3500, 3700, 4)).toEqual({ step: 60, times: [3540, 3600, 3660] });
    expect(ticks(0.1, 0.1004, 4).times.length).toBeLessThanOrEqual(5);
    expect(ticks(0, 86400 * 300, 3).times.length).toBeLessThanOrEqual(4);
  });
});

describe("level of detail", () => {
  it("draws wide runs one by one and narrow ones as pixels", () => {
    const runs = new RunStore(100);
    runs.add(runsOf([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    const bins = new Bins(100);
    bins.fill(runs, runs.lanes.get("0/0")!, 0, 10, colour);
    expect([bins.isDense, bins.wide.length, bins.wide[3]]).toEqual([false, 10, { number: 3, left: 30, right: 40 }]);
    bins.fill(runs, runs.lanes.get("0/0")!, 0, 100, colour);
    expect([bins.isDense, bins.wide.length]).toEqual([true, 0]);
    expect([...bins.cover.slice(0, 11)].map((share) => Math.round(share * 100) / 100)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
  });

  it("mixes colours by time, and keeps what is short in sight", () => {
    const runs = new RunStore(100);
    runs.add(runsOf([0, 0, 0]));
    const bins = new Bins(1);
    bins.fill(runs, runs.lanes.get("0/0")!, 0, 3, colour);
    const pixel = new Uint8ClampedArray(4);
    bins.write(pixel, 0);
    expect([...pixel]).toEqual([85, 85, 85, 255]);
    bins.fill(runs, runs.lanes.get("0/0")!, 0, 3000, colour);
    bins.write(pixel, 0);
    expect(pixel[3]).toBeGreaterThan(50);
  });

  it("marks the pixels where something failed, and starts anew for each lane", () => {
    const runs = new RunStore(100);
    runs.add(runsOf([0, 0, 0, 0]));
    runs.add(runsOf([1], 0));
    const bins = new Bins(8);
    bins.fill(runs, runs.lanes.get("0/0")!, 0, 8, colour);
    expect([...bins.failed]).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
    bins.fill(runs, runs.lanes.get("0/1")!, 0, 8, colour);
    expect([bins.hasFailures, bins.cover[2]]).toEqual([false, 0]);
  });
});
