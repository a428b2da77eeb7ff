import { describe, expect, it } from "vitest";
import { viridis } from "../src/colour";
import type { Plot } from "../src/data/pages";
import { frameOf, nearest, toX, toY } from "../src/plot/frame";
import { isAscending, joined } from "../src/plot/join";
import { colourScale, ends, gridOf, roundTicks } from "../src/plot/scale";
import { histogram } from "../src/widgets/histogram";
import { sorted, turned } from "../src/widgets/order";

const plot = (change: Partial<Plot>): Plot => ({
  info: { name: "p", kind: "scatter", title: "P", x: "x", y: "y", points: 0, revision: 0, left_out: 0 }, series: [], ...change,
});

describe("plots", () => {
  it("are framed by their background, or else by their points", () => {
    const series = [{ name: "a", x: [0, 10], y: [5, 5] }];
    expect(frameOf(plot({}), 400, 300, false)).toBeNull();
    const frame = frameOf(plot({ series }), 400, 300, false)!;
    expect([frame.x[0] < 0, frame.x[1] > 10, frame.y[0] < 5 && frame.y[1] > 5]).toEqual([true, true, true]);
    const over = frameOf(plot({ series, background: { x0: -1, x1: 1, y0: 0, y1: 2, columns: 1, rows: 1, values: [1] } }), 400, 300, false)!;
    expect([over.x, over.y]).toEqual([[-1, 1], [0, 2]]);
    expect([toX(over, -1), toY(over, 0)]).toEqual([over.left, over.top + over.height]);
  });

  it("tell the point under the pointer", () => {
    const shown = plot({ series: [{ name: "a", x: [0, 10], y: [0, 10] }, { name: "b", x: [5], y: [5] }] });
    const frame = frameOf(shown, 400, 300, false)!;
    expect(nearest(shown, frame, toX(frame, 5) + 2, toY(frame, 5), 8)).toEqual({ series: 1, point: 0 });
    expect(nearest(shown, frame, toX(frame, 5) + 20, toY(frame, 5), 8)).toBeNull();
  });

  it("colour by value, by its logarithm where a few are far larger", () => {
    const linear = colourScale([0, 5, 10, NaN, Infinity]);
    expect([linear.isLog, linear.share(5), linear.share(99), linear.value(0.5)]).toEqual([false, 0.5, 1, 5]);
    expect(linear.share(NaN)).toBeNaN();
    const log = colourScale([0.01, 0.1, 1, 10, 10_000]);
    expect([log.isLog, log.share(10)]).toEqual([true, expect.closeTo(0.5) as number]);
    expect(log.value(log.share(7))).toBeCloseTo(7);
    expect(colourScale([3, 3]).share(3)).toBe(0);
    expect(colourScale([]).isLog).toBe(false);
    expect([viridis(0), viridis(1), viridis(2)]).toEqual([[68, 1, 84], [253, 231, 37], [253, 231, 37]]);
  });

  it("find the grid that a heat map's points lie on", () => {
    const grid = gridOf([1, 0, 1], [7, 7, 8], [10, 20, 30]);
    expect([grid?.xs, grid?.ys, [...grid!.values]]).toEqual([[0, 1], [7, 8], [20, 10, NaN, 30]]);
    // Points that lie on no grid: almost every cell would be empty.
    const anywhere = Array.from({ length: 100 }, (_, i) => i);
    expect(gridOf(anywhere, anywhere, anywhere)).toBeNull();
  });

  it("bring lines to one list of x", () => {
    expect(joined([{ name: "a", x: [2, 0], y: [20, 0] }, { name: "b", x: [1, 2], y: [NaN, 5] }])).toEqual([[0, 1, 2], [0, null, 20], [null, null, 5]]);
  });

  it("are lines over x only while x grows", () => {
    const line = (x: number[]) => ({ name: "", x, y: x });
    expect([isAscending(line([1, 2, 2, 3])), isAscending(line([1, 3, 2])), isAscending(line([]))]).toEqual([true, false, true]);
  });

  it("have ends only if there is something", () => {
    expect([ends([]), ends([[NaN]]), ends([[3, 1], [2]])]).toEqual([null, null, [1, 3]]);
    expect([roundTicks(0, 1, 5), roundTicks(-2, 2, 4), roundTicks(1, 1, 4)]).toEqual([[0, 0.2, 0.4, 0.6, 0.8, 1], [-2, -1, 0, 1, 2], []]);
  });
});

it("counts values in equal ranges", () => {
  expect(histogram([0, 1, 9, 10], 2).map((bin) => bin.count)).toEqual([2, 2]);
  expect(histogram([], 3).map((bin) => bin.count)).toEqual([0, 0, 0]);
});

it("sorts numbers by size and names as people count", () => {
  const names = [{ name: "w10" }, { name: "w9" }, { name: "w1" }];
  expect(sorted(names, (row) => row.name, false).map((row) => row.name)).toEqual(["w1", "w9", "w10"]);
  expect(sorted([1, 10, 9], (row) => row, true)).toEqual([10, 9, 1]);
  expect(turned({ column: 1, isDown: false }, 1, true)).toEqual({ column: 1, isDown: true });
  expect([turned({ column: 0, isDown: false }, 3, true), turned({ column: 0, isDown: true }, 2, false)]).toEqual([{ column: 3, isDown: true }, { column: 2, isDown: false }]);
});
