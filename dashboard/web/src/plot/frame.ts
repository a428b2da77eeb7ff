// The frame of a plot: where its axes are, and which values are where. Pure.

import type { Plot } from "../data/pages";
import { ends, widened } from "./scale";

export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  x: [number, number];
  y: [number, number];
}

/** Pixels around the plot itself; a compact one has no names at its axes. */
const ROOM = { whole: { left: 62, right: 92, top: 12, bottom: 44 }, compact: { left: 48, right: 12, top: 8, bottom: 22 } };

/** The frame for what a plot shows; null while it shows nothing. */
export function frameOf(plot: Plot, width: number, height: number, isCompact: boolean): Frame | null {
  const { background, series } = plot;
  const isHeat = plot.info.kind === "heat";
  let x = ends(series.map((line) => line.x));
  let y = ends(series.map((line) => line.y));
  if (x) x = isHeat ? cells(series.map((line) => line.x), x) : widened(x, 0.04);
  if (y) y = isHeat ? cells(series.map((line) => line.y), y) : widened(y, 0.04);
  if (background) {
    // The background is what the points are looked at over: it is the frame.
    x = [background.x0, background.x1];
    y = [background.y0, background.y1];
  }
  if (!x || !y) return null;
  const room = isCompact ? ROOM.compact : ROOM.whole;
  return {
    left: room.left,
    top: room.top,
    width: Math.max(10, width - room.left - room.right),
    height: Math.max(10, height - room.top - room.bottom),
    x,
    y,
  };
}

export function toX(frame: Frame, value: number): number {
  return frame.left + ((value - frame.x[0]) / (frame.x[1] - frame.x[0])) * frame.width;
}

export function toY(frame: Frame, value: number): number {
  return frame.top + frame.height - ((value - frame.y[0]) / (frame.y[1] - frame.y[0])) * frame.height;
}

/** Half a cell more on each side: a cell's value stands at its middle. */
function cells(lists: number[][], [low, high]: [number, number]): [number, number] {
  const distinct = new Set(lists.flat()).size;
  const half = distinct > 1 ? (high - low) / (distinct - 1) / 2 : 0.5;
  return [low - half, high + half];
}

/** The point nearest to a place, within `slack` pixels. */
export function nearest(plot: Plot, frame: Frame, x: number, y: number, slack: number): { series: number; point: number } | null {
  let best: { series: number; point: number } | null = null;
  let distance = slack * slack;
  plot.series.forEach((line, series) => {
    for (let point = 0; point < line.x.length; point++) {
      const [dx, dy] = [toX(frame, line.x[point]!) - x, toY(frame, line.y[point]!) - y];
      const away = dx * dx + dy * dy;
      if (away <= distance) {
        distance = away;
        best = { series, point };
      }
    }
  });
  return best;
}
