// Lines as uPlot wants them. Pure.

import type { Series } from "../data/pages";

/** Whether a line goes from left to right. Others are drawn as they came. */
export function isAscending(line: Series): boolean {
  return line.x.every((x, point) => point === 0 || x >= line.x[point - 1]!);
}

/** One list of x, and for each series its y there, or null. */
export function joined(series: Series[]): [number[], ...(number | null)[][]] {
  const xs = [...new Set(series.flatMap((line) => line.x.filter((x) => Number.isFinite(x))))].sort((a, b) => a - b);
  const places = new Map(xs.map((x, place) => [x, place]));
  const columns = series.map((line) => {
    const column: (number | null)[] = new Array<number | null>(xs.length).fill(null);
    line.x.forEach((x, point) => {
      const place = places.get(x);
      const y = line.y[point];
      if (place !== undefined && y !== undefined && Number.isFinite(y)) column[place] = y;
    });
    return column;
  });
  return [xs, ...columns];
}
